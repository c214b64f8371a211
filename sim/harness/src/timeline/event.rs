//! The events of a run, each with its lane: trace and history merged in order of time.

use std::collections::BTreeMap;

use gateway_core::clock::Uptime;
use serde_json::Value;

use super::Lane;
use crate::coverage::{Client, Life, State, Timers};
use crate::history::{Change, ChangeKind, RowState};
use crate::report::{Outcome, Report};
use crate::task::AnyTask;
use crate::trace::{Entry, Site};
use sim_scenario::table::{ClientLane, ConnectionEvent};

/// One line of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The uptime of the event.
    pub at: Uptime,
    /// The lane that the event belongs to; none for an event of the process or the run.
    pub lane: Option<Lane>,
    /// What happened, with names in place of ids.
    pub text: String,
    /// What it changes in the picture.
    pub effect: Effect,
    /// Where it stands in the report.
    pub source: Source,
}

/// Where an event stands in the report of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The entry of the trace with this index.
    Entry(usize),
    /// The change of the history with this index; of several changes that are one event, the last.
    Change(usize),
    /// The end of a run that broke off.
    End,
}

/// The effect of an event on the lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// No change of a lane.
    None,
    /// The event's lane has this sign from here on.
    Sign(char),
    /// The process is down. Sessions and graces lose their lanes.
    ProcessDown,
    /// The number of stored messages. Neighbouring events of one lane are merged.
    Stored(u64),
    /// The lanes that a violated claim is about.
    Violated(Vec<Lane>),
}

/// The sign of a lane that is present.
pub const PRESENT: char = '│';
/// The sign of a session that is present without a client.
pub const DETACHED: char = '┆';
/// The sign of a lane that is present twice.
pub const TWICE: char = '║';
/// The sign of a lane that is absent.
pub const ABSENT: char = ' ';

/// All events of a run, in order of time.
pub fn all(report: &Report) -> Vec<Event> {
    let mut builder = Builder::new(report);
    let mut changes = report.history.changes.iter().enumerate().peekable();
    for (place, entry) in report.trace.entries().iter().enumerate() {
        while let Some((index, change)) = changes.next_if(|(_, change)| change.entries <= place) {
            builder.source = Source::Change(index);
            builder.change(change);
        }
        let stored = |change: &Change| change.entries == place + 1 && matches!(change.what, ChangeKind::Row { .. });
        let has_row_change = changes.peek().is_some_and(|(_, change)| stored(change));
        builder.source = Source::Entry(place);
        builder.entry(entry, has_row_change);
    }
    for (index, change) in changes {
        builder.source = Source::Change(index);
        builder.change(change);
    }
    builder.source = Source::End;
    builder.end();
    builder.events
}

struct Builder<'a> {
    report: &'a Report,
    /// The names of runtime and stored ids.
    names: BTreeMap<String, String>,
    /// The methods of requests, by client and number of the request.
    methods: BTreeMap<(String, u64), String>,
    /// Where the events that are added now stand.
    source: Source,
    events: Vec<Event>,
}

impl<'a> Builder<'a> {
    fn new(report: &'a Report) -> Self {
        let sessions = report.history.sessions.iter().map(|(id, label)| (id.to_string(), label.clone()));
        let rows = report.history.rows.iter().enumerate().map(|(place, id)| (id.to_string(), row_name(place)));
        Self {
            report,
            names: sessions.chain(rows).collect(),
            methods: BTreeMap::new(),
            source: Source::End,
            events: Vec::new(),
        }
    }

    fn add(&mut self, at: Uptime, lane: Option<Lane>, text: String, effect: Effect) {
        if let (Effect::Stored(more), Some(last)) = (&effect, self.events.last_mut())
            && let Effect::Stored(count) = &mut last.effect
            && (last.at, &last.lane) == (at, &lane)
        {
            *count += more;
            last.source = self.source;
            return;
        }
        self.events.push(Event { at, lane, text, effect, source: self.source });
    }

    fn entry(&mut self, entry: &Entry, has_row_change: bool) {
        let client = |name: &str| Some(Lane::Client(name.to_owned()));
        let owner = of_client(&entry.task);
        let text = entry.text.as_str();
        match entry.site {
            Site::Sent => {
                let text = self.sent(owner, text);
                self.add(entry.at, client(owner), text, Effect::None);
            }
            Site::Received => {
                let text = self.received(owner, text);
                self.add(entry.at, client(owner), text, Effect::None);
            }
            Site::Connection => {
                let (name, word) = text.split_once(' ').unwrap_or((text, ""));
                let effect = match ConnectionEvent::lane(word) {
                    ClientLane::Begins => Effect::Sign(PRESENT),
                    ClientLane::Continues => Effect::None,
                    ClientLane::Ends => Effect::Sign(ABSENT),
                };
                self.add(entry.at, client(name), text.to_owned(), effect);
            }
            Site::Script => self.add(entry.at, client(owner), text.to_owned(), Effect::None),
            Site::Process => {
                let effect = if matches!(text, "is killed" | "ends") { Effect::ProcessDown } else { Effect::None };
                self.add(entry.at, None, format!("the gateway {text}"), effect);
            }
            Site::Heal => self.add(entry.at, None, text.to_owned(), Effect::None),
            Site::Commit if has_row_change => {}
            Site::Commit | Site::Lookup => self.call(entry),
        }
    }

    /// Adds a call of the store without a row change. A call that succeeded and changed nothing is left out.
    fn call(&mut self, entry: &Entry) {
        let (call, result) = entry.text.split_once(" -> ").unwrap_or((&entry.text, ""));
        let word = call.split([' ', '{', '(']).next().unwrap_or(call);
        let is_omitted = match entry.site {
            Site::Lookup => result.starts_with("Ok"),
            _ => result.contains("changed: 0"),
        };
        if is_omitted {
            return;
        }
        let id = call.split_once("StoredId(\"").and_then(|(_, rest)| rest.split('"').next());
        let lane = id.and_then(|id| self.report.history.rows.iter().position(|row| row.to_string() == id));
        let of = lane.map_or_else(String::new, |place| format!(" of {}", row_name(place)));
        let text = match result {
            "" => self.named(&entry.text),
            _ if result.starts_with("Ok") => format!("store: {word}{of}"),
            _ => format!("store: {word}{of}: {}", self.named(result)),
        };
        self.add(entry.at, lane.map(Lane::Row), text, Effect::None);
    }

    /// The text of a sent frame: `→ prompt.submit work "refactor"`.
    fn sent(&mut self, client: &str, frame: &str) -> String {
        let Ok(frame) = serde_json::from_str::<Value>(frame) else { return format!("→ {frame}") };
        let method = frame["method"].as_str().unwrap_or_default();
        if let Some(id) = frame["id"].as_u64() {
            self.methods.insert((client.to_owned(), id), method.to_owned());
        }
        let mut line = format!("→ {method}");
        for (_, value) in frame["params"].as_object().into_iter().flatten() {
            match value {
                Value::String(text) => {
                    line += " ";
                    line += &self.names.get(text).cloned().unwrap_or_else(|| format!("\"{text}\""));
                }
                Value::Number(number) => line += &format!(" {number}"),
                _ => {}
            }
        }
        line
    }

    /// The text of a received frame: `← message.complete work`, `← answer to prompt.submit`.
    fn received(&self, client: &str, frame: &str) -> String {
        let Ok(frame) = serde_json::from_str::<Value>(frame) else { return format!("← {frame}") };
        if let Some(id) = frame["id"].as_u64() {
            let method = self.methods.get(&(client.to_owned(), id)).map_or("a request", String::as_str);
            return match frame["error"]["message"].as_str() {
                Some(message) => format!("← {method} refused: {}", self.named(message)),
                None => format!("← answer to {method}"),
            };
        }
        let params = &frame["params"];
        let session = params["session_id"].as_str().and_then(|id| self.names.get(id));
        let session = session.map_or_else(String::new, |name| format!(" {name}"));
        let payload = |key: &str| params["payload"][key].as_str().filter(|text| !text.is_empty());
        let about = ["text", "name", "message"].into_iter().find_map(payload);
        let about = about.map_or_else(String::new, |about| format!(" \"{about}\""));
        format!("← {}{session}{about}", params["type"].as_str().unwrap_or_default())
    }

    fn change(&mut self, change: &Change) {
        match &change.what {
            ChangeKind::Session { place, from, to } => self.session(change, *place, *from, *to),
            ChangeKind::Row { place, from, to } => self.row(change.at, *place, from.as_ref(), to.as_ref()),
            ChangeKind::Violation(place) => {
                let violation = &self.report.violations[*place];
                let subjects = self.subjects(&violation.detail);
                self.add(change.at, None, violation.invariant.to_owned(), Effect::Violated(subjects));
            }
        }
    }

    fn session(&mut self, change: &Change, place: usize, from: Option<State>, to: State) {
        let name = self.report.history.sessions.get(place).map_or("session", |(_, label)| label.as_str()).to_owned();
        let lane = match (to.stage, to.client) {
            (Life::Finalized, _) => ABSENT,
            (_, Client::Attached) => PRESENT,
            (_, Client::Detached) => DETACHED,
        };
        let changed = state_changes(from, to);
        if !changed.is_empty() {
            let text = format!("{name}: {}", changed.join(", "));
            self.add(change.at, Some(Lane::Session(place)), text, Effect::Sign(lane));
        }
        let fired = change.task.tag.role.is_grace();
        let before = from.map_or(Timers::None, |from| from.timers);
        let (text, sign) = match (before, to.timers) {
            (Timers::None, Timers::None) => return,
            (Timers::None, Timers::Armed) => ("the grace starts", PRESENT),
            (_, Timers::None) if fired => ("the grace expires", ABSENT),
            (_, Timers::None) => ("the grace is cancelled", ABSENT),
            (Timers::Armed, Timers::Armed) if changed.is_empty() => ("the grace restarts", PRESENT),
            (Timers::Piled, Timers::Armed) => ("one of several graces expires", PRESENT),
            (_, Timers::Piled) if before != Timers::Piled => ("another grace starts", TWICE),
            _ => return,
        };
        self.add(change.at, Some(Lane::Grace(place)), format!("{name}: {text}"), Effect::Sign(sign));
    }

    fn row(&mut self, at: Uptime, place: usize, from: Option<&RowState>, to: Option<&RowState>) {
        let (name, lane) = (row_name(place), Some(Lane::Row(place)));
        let Some(to) = to else {
            return self.add(at, lane, format!("{name} is deleted"), Effect::Sign(ABSENT));
        };
        if from.is_none() {
            let parent = to.parent.as_ref().map(|id| self.named(&id.to_string()));
            let continues = parent.map_or_else(String::new, |parent| format!(", after {parent}"));
            self.add(at, lane.clone(), format!("{name} is inserted{continues}"), Effect::Sign(PRESENT));
        }
        let (messages, ended) = from.map_or((0, None), |from| (from.messages, from.ended.as_ref()));
        if to.messages > messages {
            self.add(at, lane.clone(), name.clone(), Effect::Stored(to.messages - messages));
        } else if to.messages < messages {
            let text = format!("{name} loses {} of {messages} messages", messages - to.messages);
            self.add(at, lane.clone(), text, Effect::None);
        }
        if from.is_some_and(|from| from.title != to.title) {
            let title = to.title.as_deref().unwrap_or("nothing");
            self.add(at, lane.clone(), format!("{name} is titled {title}"), Effect::None);
        }
        match (ended, &to.ended) {
            (None, Some(reason)) => self.add(at, lane, format!("{name} is ended: {reason}"), Effect::Sign(ABSENT)),
            (Some(_), None) => self.add(at, lane, format!("{name} is reopened"), Effect::Sign(PRESENT)),
            (Some(before), Some(reason)) if before != reason => {
                self.add(at, lane, format!("{name} changes its end reason: {reason}"), Effect::None);
            }
            _ => {}
        }
    }

    /// Adds a failure that ended the run without a violation.
    fn end(&mut self) {
        let outcome = self.report.outcome;
        if !matches!(
            outcome,
            Outcome::Passed | Outcome::Violated | Outcome::RowsDiffer | Outcome::FactsDiffer | Outcome::Story
        ) {
            let subjects = self.subjects(self.report.detail.as_deref().unwrap_or_default());
            self.add(self.report.uptime, None, outcome.to_string(), Effect::Violated(subjects));
        }
    }

    /// The lanes of the sessions and rows that a text mentions.
    fn subjects(&self, text: &str) -> Vec<Lane> {
        let named = |name: &str| {
            let mut words = text.split(|letter: char| letter.is_whitespace() || ",:`".contains(letter));
            words.any(|word| word == name || word.split('/').next() == Some(name))
        };
        let history = &self.report.history;
        let sessions = history.sessions.iter().enumerate().filter(|(_, (_, label))| named(label));
        let rows = (0..history.rows.len()).filter(|place| named(&row_name(*place)));
        sessions.map(|(place, _)| Lane::Session(place)).chain(rows.map(Lane::Row)).collect()
    }

    /// Replaces ids in a text by names.
    fn named(&self, text: &str) -> String {
        let mut text = text.replace("StoredId(", "").replace("\")", "");
        for (id, name) in &self.names {
            text = text.replace(&format!("\"{id}"), name).replace(id.as_str(), name);
        }
        text
    }
}

/// The differences between two states, as words: `attached → detached`.
fn state_changes(from: Option<State>, to: State) -> Vec<String> {
    let Some(from) = from else { return vec![format!("registered, {}", to.client.word())] };
    let pairs = [
        (from.stage.word(), to.stage.word()),
        (from.client.word(), to.client.word()),
        (from.phase.word(), to.phase.word()),
        (from.waiting.word(), to.waiting.word()),
    ];
    let words = pairs.into_iter().filter(|(before, after)| before != after);
    words
        .map(|(before, after)| match (before, after) {
            ("", after) => after.to_owned(),
            (_, "") => "none waits".to_owned(),
            (before, after) => format!("{before} → {after}"),
        })
        .collect()
}

/// The alias of a row: `s1` for the first.
pub fn row_name(place: usize) -> String {
    format!("s{}", place + 1)
}

/// The client that owns a task, or the role of a task without an owner.
fn of_client(task: &AnyTask) -> &str {
    task.tag.owner.as_deref().unwrap_or(task.tag.role.word())
}
