//! Facts about the frames that clients received.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::Uptime;
use serde_json::Value;
use sim_scenario::{ExpectedFrames, FieldValue, WhichFrames};

use crate::trace::{Entry, Site, Trace};
use crate::world::names::SessionIds;

/// The most candidates that a message lists.
const NEAREST: usize = 3;

/// The longest text of a frame in a message, in characters.
const TEXT_MAX: usize = 160;

/// A frame that a client received.
pub(super) struct Frame {
    at: Uptime,
    client: String,
    kind: Kind,
    /// The runtime or stored id that the frame, or its request, is about.
    session: Option<String>,
    /// The parameters of an event, the result of an answer, or the error of a refusal.
    body: Value,
}

enum Kind {
    Event(String),
    Answer(String),
    Error(String),
}

/// Every frame of a run that a client received, in order of time.
pub(super) fn received(trace: &Trace) -> Vec<Frame> {
    // The requests by client and number, with their method and session.
    let mut requests: BTreeMap<(String, u64), (String, Option<String>)> = BTreeMap::new();
    let mut frames = Vec::new();
    for entry in trace.entries() {
        let Some(client) = entry.task.tag.owner.as_deref().map(str::to_owned) else { continue };
        if !matches!(entry.site, Site::Sent | Site::Received) {
            continue;
        }
        let Ok(value) = serde_json::from_str::<Value>(&entry.text) else { continue };
        let number = value["id"].as_u64();
        match (entry.site, number) {
            (Site::Sent, Some(number)) => {
                let method = value["method"].as_str().unwrap_or_default().to_owned();
                requests.insert((client, number), (method, text(&value["params"]["session_id"])));
            }
            (_, Some(number)) => {
                let (method, asked) = requests.get(&(client.clone(), number)).cloned().unwrap_or_default();
                frames.push(answer(entry, client, method, asked, value));
            }
            (_, None) => frames.push(event(entry, client, &value["params"])),
        }
    }
    frames
}

fn event(entry: &Entry, client: String, params: &Value) -> Frame {
    let kind = Kind::Event(text(&params["type"]).unwrap_or_default());
    Frame { at: entry.at, client, kind, session: text(&params["session_id"]), body: params.clone() }
}

fn answer(entry: &Entry, client: String, method: String, asked: Option<String>, mut value: Value) -> Frame {
    let (kind, body) = match value.get("error").is_some() {
        true => (Kind::Error(method), value["error"].take()),
        false => (Kind::Answer(method), value["result"].take()),
    };
    let session = text(&body["session_id"]).or(asked);
    Frame { at: entry.at, client, kind, session, body }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// How the frames differ from the fact; empty if they do not.
pub(super) fn judge(expected: &ExpectedFrames, frames: &[Frame], sessions: &SessionIds) -> Vec<String> {
    let ids = expected.session.as_ref().map(|session| ids(session, sessions, frames));
    let mut compared: Vec<(&Frame, Vec<String>)> =
        frames.iter().map(|frame| (frame, differs(expected, frame, ids.as_ref(), sessions))).collect();
    let matching: Vec<&Frame> =
        compared.iter().filter(|(_, lines)| lines.is_empty()).map(|(frame, _)| *frame).collect();
    let is_met = match expected.count {
        None => !matching.is_empty(),
        Some(count) => matching.len() as u64 == count,
    };
    if is_met {
        return Vec::new();
    }
    let wanted = match expected.count {
        None => "at least 1 frame".to_owned(),
        Some(1) => "1 frame".to_owned(),
        Some(0) => "no frame".to_owned(),
        Some(count) => format!("{count} frames"),
    };
    let mut lines = vec![format!("- {wanted}"), format!("+ {}", counted(matching.len()))];
    lines.extend(matching.iter().take(NEAREST).map(|frame| format!("  matches: {frame}")));
    if (matching.len() as u64) < expected.count.unwrap_or(1) {
        // A frame of another name is a candidate only if nothing else about it differs.
        compared.retain(|(_, lines)| !lines.is_empty() && lines.len() <= 2);
        compared.sort_by_key(|(frame, lines)| (lines.len(), !is_named(&expected.which, &frame.kind)));
        for (frame, differing) in compared.into_iter().take(NEAREST) {
            lines.push(format!("  near: {frame}"));
            lines.extend(differing.into_iter().map(|line| format!("    {line}")));
        }
    }
    lines
}

fn counted(count: usize) -> String {
    match count {
        0 => "no frame".to_owned(),
        1 => "1 frame".to_owned(),
        count => format!("{count} frames"),
    }
}

/// The ids that stand for a session: those that its name was given, and the runtime ids of answers with one of its stored ids.
fn ids(session: &str, sessions: &SessionIds, frames: &[Frame]) -> BTreeSet<String> {
    let named = sessions.get(session).into_iter().flatten();
    let mut ids: BTreeSet<String> = named.flat_map(|ids| [ids.runtime.clone(), ids.stored.clone()]).collect();
    for frame in frames {
        let stored = ["stored_session_id", "session_key"].into_iter().filter_map(|key| frame.body[key].as_str());
        if let (Kind::Answer(_), Some(runtime)) = (&frame.kind, frame.body["session_id"].as_str())
            && stored.into_iter().any(|stored| ids.contains(stored))
        {
            ids.insert(runtime.to_owned());
        }
    }
    ids
}

fn is_named(which: &WhichFrames, kind: &Kind) -> bool {
    let is = |expected: &Option<String>, found: &str| expected.as_deref().is_none_or(|expected| expected == found);
    match (which, kind) {
        (WhichFrames::Event(expected), Kind::Event(found))
        | (WhichFrames::Answer(expected), Kind::Answer(found))
        | (WhichFrames::Error(expected), Kind::Error(found)) => is(expected, found),
        _ => false,
    }
}

/// In what a frame differs from the fact, a pair of lines or one line for each difference.
fn differs(
    expected: &ExpectedFrames,
    frame: &Frame,
    ids: Option<&BTreeSet<String>>,
    sessions: &SessionIds,
) -> Vec<String> {
    let mut lines = Vec::new();
    if frame.client != expected.client {
        lines.push(format!("it reached `{}`, not `{}`", frame.client, expected.client));
    }
    if !is_named(&expected.which, &frame.kind) {
        lines.push(format!("it is {}", frame.kind.described()));
    }
    if let Some(ids) = ids
        && !frame.session.as_ref().is_some_and(|session| ids.contains(session))
    {
        let of = sessions.iter().find(|(_, ids)| ids.iter().any(|ids| Some(&ids.runtime) == frame.session.as_ref()));
        lines.push(match (of, &frame.session) {
            (Some((name, _)), _) => format!("it is about session `{name}`"),
            (None, Some(id)) => format!("it is about session {id}"),
            (None, None) => "it is about no session".to_owned(),
        });
    }
    if expected.after.is_some_and(|after| frame.at.0 < after.0) {
        lines.push("it came too early".to_owned());
    }
    if expected.before.is_some_and(|before| frame.at.0 >= before.0) {
        lines.push("it came too late".to_owned());
    }
    for (path, value) in &expected.fields {
        let found = field(&frame.body, path);
        if !found.is_some_and(|found| is_equal(found, value)) {
            let found = found.map_or_else(|| "absent".to_owned(), Value::to_string);
            lines.push(format!("{path} = {found}, not {}", value.0));
        }
    }
    lines
}

/// The field at a dotted path, in the body of a frame or else in its `payload` or `data`.
fn field<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    let below = |start: &'a Value| {
        path.split('.').try_fold(start, |value, key| match value {
            Value::Array(items) => items.get(key.parse::<usize>().ok()?),
            other => other.get(key),
        })
    };
    below(body).or_else(|| below(&body["payload"])).or_else(|| below(&body["data"]))
}

/// Whether a field of JSON has the value of a file.
fn is_equal(found: &Value, expected: &FieldValue) -> bool {
    match (&expected.0, found) {
        (toml::Value::String(expected), Value::String(found)) => expected == found,
        (toml::Value::Boolean(expected), Value::Bool(found)) => expected == found,
        (toml::Value::Integer(expected), Value::Number(found)) => {
            found.as_i64() == Some(*expected) || found.as_f64() == Some(*expected as f64)
        }
        (toml::Value::Float(expected), Value::Number(found)) => found.as_f64() == Some(*expected),
        (toml::Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|(expected, found)| is_equal(found, &FieldValue(expected.clone())))
        }
        _ => false,
    }
}

impl Kind {
    fn described(&self) -> String {
        match self {
            Self::Event(name) => format!("the event `{name}`"),
            Self::Answer(method) => format!("an answer to `{method}`"),
            Self::Error(method) => format!("a refusal of `{method}`"),
        }
    }
}

impl std::fmt::Display for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = self.body.get("payload").unwrap_or(&self.body).to_string();
        let short: String = body.chars().take(TEXT_MAX).collect();
        let more = if short.len() < body.len() { "…" } else { "" };
        write!(f, "{} {}: {} {short}{more}", self.at, self.client, self.kind.described())
    }
}
