//! The `[rows]` table: ids, titles and parents that exist, times that are possible.

use std::ops::Range;

use gateway_core::clock::Millis;
use gateway_core::store::Role;

use super::script::{is_plain, is_reserved};
use crate::error::{ScenarioError, Source, list};
use crate::parse::{RawMessage, RawRows, RawSession};
use crate::placed::Spanned;
use crate::rows::{InitialEnd, InitialMessage, InitialSession, Kinship, SOURCE, STARTED};

/// The longest time before the run that a row may have: ten years.
const LONGEST: Millis = Millis::from_secs(10 * 366 * 86_400);

/// Checks the whole `[rows]` table and converts it. The result has the order of the file.
pub(super) fn rows(source: &Source<'_>, raw: RawRows) -> Result<Vec<InitialSession>, ScenarioError> {
    let mut rows: Vec<InitialSession> = Vec::new();
    for raw in raw.sessions {
        let row = session(source, &rows, raw)?;
        rows.push(row);
    }
    for raw in raw.messages {
        let whole = raw.span();
        let raw = raw.into_inner();
        let Some(session) = &raw.session else {
            return Err(source.error(whole, "a table of `[[rows.messages]]` needs `session`").with_help(MESSAGE_HELP));
        };
        let Some(place) = rows.iter().position(|row| row.id == *session.get_ref()) else {
            let message = format!("`session` is `{}`, which is the id of no row", session.get_ref());
            return Err(source.error(session.span(), message).with_help(known(&rows)));
        };
        rows[place].messages.push(message(source, whole, &raw)?);
    }
    Ok(rows)
}

const SESSION_HELP: &str = "a row has `id`, and may have `as`, `source`, `parent`, `branch`, `started`, `ended`, `reason`, \
                            `title`, `model`, `cwd` and `messages`";

const MESSAGE_HELP: &str = "a message has `role`, and may have `content`, `tool_calls`, `tool_call_id`, `tool_name` and \
                            `active`; in `[[rows.messages]]` also `session`, the id of its row";

fn session(
    source: &Source<'_>,
    earlier: &[InitialSession],
    raw: Spanned<RawSession>,
) -> Result<InitialSession, ScenarioError> {
    let whole = raw.span();
    let raw = raw.into_inner();
    let Some(id) = &raw.id else {
        return Err(source.error(whole, "a table of `[[rows.sessions]]` needs `id`").with_help(SESSION_HELP));
    };
    if id.get_ref().is_empty() || earlier.iter().any(|row| row.id == *id.get_ref()) {
        let message = if id.get_ref().is_empty() { "empty `id`" } else { "a second row with this `id`" };
        return Err(source.error(id.span(), message).with_help("each row has an id of its own"));
    }
    let name = raw.name.as_ref().unwrap_or(id);
    if !is_plain(name.get_ref()) || is_reserved(name.get_ref()) {
        let message = format!("bad session name `{}`", name.get_ref());
        let help = "steps name a row by `as`, or else by `id`: letters, digits, `_` and `-`, not `gateway` or `store`";
        return Err(source.error(name.span(), message).with_help(help));
    }
    if let Some(other) = earlier.iter().find(|row| row.name() == name.get_ref()) {
        let message = format!("row `{}` has the name `{}` too", other.id, name.get_ref());
        return Err(source.error(name.span(), message).with_help("give each row a name of its own with `as`"));
    }
    if let Some(title) = &raw.title {
        let holder = earlier.iter().find(|row| row.title.as_ref() == Some(title.get_ref()));
        if title.get_ref().trim().is_empty() || holder.is_some() {
            let message = holder.map_or("empty `title`".to_owned(), |row| format!("row `{}` has this title", row.id));
            return Err(source
                .error(title.span(), message)
                .with_help("a title is held by one row; leave it out for none"));
        }
    }
    let kinship = parent(source, earlier, &raw)?;
    let started = raw.started.as_ref().map_or(Ok(STARTED), |started| ago(source, started))?;
    let end = end(source, &raw, started)?;
    let mut messages = Vec::new();
    for raw in &raw.messages {
        if let Some(session) = &raw.get_ref().session {
            let place = source.key("session", session.span());
            return Err(source
                .error(place, "`session` does not go with a message inside its row")
                .with_help(MESSAGE_HELP));
        }
        messages.push(message(source, raw.span(), raw.get_ref())?);
    }
    Ok(InitialSession {
        id: id.get_ref().clone(),
        name: raw.name.map(Spanned::into_inner),
        source: raw.source.unwrap_or_else(|| SOURCE.to_owned()),
        parent: raw.parent.map(Spanned::into_inner),
        kinship,
        title: raw.title.map(Spanned::into_inner),
        model: raw.model,
        cwd: raw.cwd,
        started,
        end,
        messages,
    })
}

/// The parent of a row has to stand before it, as in the table, so that no row is its own ancestor.
fn parent(source: &Source<'_>, earlier: &[InitialSession], raw: &RawSession) -> Result<Kinship, ScenarioError> {
    let branch = raw.branch.as_ref().filter(|branch| *branch.get_ref());
    match (&raw.parent, branch) {
        (Some(parent), _) if earlier.iter().all(|row| row.id != *parent.get_ref()) => {
            let message = format!("`parent` is `{}`, which is the id of no earlier row", parent.get_ref());
            Err(source.error(parent.span(), message).with_help(known(earlier)))
        }
        (None, Some(branch)) => {
            let place = source.key("branch", branch.span());
            Err(source.error(place, "`branch` without `parent`").with_help("name the row that it was branched from"))
        }
        (_, branch) => Ok(if branch.is_some() { Kinship::Branch } else { Kinship::Continues }),
    }
}

fn end(source: &Source<'_>, raw: &RawSession, started: Millis) -> Result<Option<InitialEnd>, ScenarioError> {
    match (&raw.ended, &raw.reason) {
        (None, None) => Ok(None),
        (ended, Some(reason)) => {
            if reason.get_ref().is_empty() {
                return Err(source.error(reason.span(), "empty `reason`").with_help("an open row has no `reason`"));
            }
            let after = ended.as_ref().map_or(Ok(Millis::ZERO), |ended| ago(source, ended))?;
            match ended {
                Some(ended) if after > started => {
                    let (began, over) = (String::from(started), String::from(after));
                    let message = format!("ended {over} before the run, but started {began} before it");
                    let help =
                        "`started` and `ended` count back from the start of the run, so `ended` is the shorter one";
                    Err(source.error(ended.span(), message).with_help(help))
                }
                _ => Ok(Some(InitialEnd { ago: after, reason: reason.get_ref().clone() })),
            }
        }
        (Some(ended), None) => {
            let place = source.key("ended", ended.span());
            Err(source.error(place, "`ended` without `reason`").with_help("say why, as in `reason = \"tui_close\"`"))
        }
    }
}

fn ago(source: &Source<'_>, length: &Spanned<Millis>) -> Result<Millis, ScenarioError> {
    if *length.get_ref() <= LONGEST {
        return Ok(*length.get_ref());
    }
    let message = format!("{} before the run", String::from(*length.get_ref()));
    Err(source.error(length.span(), message).with_help("a row is at most ten years old"))
}

fn message(source: &Source<'_>, whole: Range<usize>, raw: &RawMessage) -> Result<InitialMessage, ScenarioError> {
    let Some(role) = raw.role else {
        return Err(source.error(whole, "a message needs `role`").with_help(MESSAGE_HELP));
    };
    let of_another = [
        ("tool_calls", &raw.tool_calls, Role::Assistant),
        ("tool_call_id", &raw.tool_call_id, Role::Tool),
        ("tool_name", &raw.tool_name, Role::Tool),
    ];
    for (key, value, needed) in of_another {
        if let Some(value) = value.as_ref().filter(|_| role != needed) {
            let message = format!("`{key}` in a message of role `{}`", role.as_str());
            let help = format!("only a message of role `{}` has it", needed.as_str());
            return Err(source.error(source.key(key, value.span()), message).with_help(help));
        }
    }
    if let Some(calls) = &raw.tool_calls
        && !serde_json::from_str::<serde_json::Value>(calls.get_ref()).is_ok_and(|calls| calls.is_array())
    {
        let help = "as in '[{\"id\": \"call_1\", \"type\": \"function\", \"function\": {\"name\": \"read\", \"arguments\": \"{}\"}}]'";
        return Err(source.error(calls.span(), "`tool_calls` is no list in JSON").with_help(help));
    }
    let text = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.get_ref().clone());
    Ok(InitialMessage {
        role,
        content: raw.content.clone(),
        tool_call_id: text(&raw.tool_call_id),
        tool_calls: text(&raw.tool_calls),
        tool_name: text(&raw.tool_name),
        is_active: raw.active.unwrap_or(true),
    })
}

fn known(rows: &[InitialSession]) -> String {
    match rows {
        [] => "no row stands before it; a `[[rows.sessions]]` table gives one".to_owned(),
        rows => format!("rows so far are {}", list(&rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>())),
    }
}
