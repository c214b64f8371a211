//! The rows at the end of a run, as facts: `s2.end_reason = ws_orphan_reap`.
//!
//! Rows are called s1, s2, … in the order in which they were inserted. Times are wall times from the start of the
//! script, so a suspend shows in them. Nothing is redacted: a value that had to be redacted would be a leak of
//! determinism.

use std::fmt;

use gateway_core::clock::{Millis, Wall};
use gateway_core::store::{MessageRow, NewInput, SessionRow, StoredId};
use serde::Serialize;

use crate::world::clock::EPOCH;

/// The rows of all tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowSet {
    /// In the order in which they were inserted.
    pub sessions: Vec<SessionRow>,
    /// In the order of their ids.
    pub messages: Vec<MessageRow>,
    /// Accepted inputs, oldest first.
    pub inputs: Vec<NewInput>,
}

/// A name and a value: `s2.end_reason` and `ws_orphan_reap`.
pub type Fact = (String, String);

impl RowSet {
    /// Every fact: row after row, column after column in the order of the schema, then the row's messages and
    /// the accepted inputs that wait for it.
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (place, row) in self.sessions.iter().enumerate() {
            let mut fact = |column: &str, value: String| facts.push((format!("s{}.{column}", place + 1), value));
            fact("id", row.id.to_string());
            fact("source", row.source.clone());
            fact("parent_session_id", or_null(row.parent.as_ref().map(|parent| self.alias(parent))));
            fact("started_at", time(row.started_at));
            fact("ended_at", or_null(row.ended_at.map(time)));
            fact("end_reason", or_null(row.end_reason.clone()));
            fact("message_count", row.message_count.to_string());
            fact("tool_call_count", row.tool_call_count.to_string());
            fact("title", or_null(row.title.clone()));
            let messages = self.messages.iter().filter(|message| message.session == row.id);
            for (place, message) in messages.enumerate() {
                fact(&format!("m{}", place + 1), message_fact(message));
            }
            let inputs = self.inputs.iter().filter(|input| input.session == row.id);
            for (place, input) in inputs.enumerate() {
                fact(&format!("waiting{}", place + 1), input_fact(input));
            }
        }
        facts
    }

    /// The alias of a session row: `s1` for the first. An unknown id is returned as it is.
    pub fn alias(&self, id: &StoredId) -> String {
        let place = self.sessions.iter().position(|row| row.id == *id);
        place.map_or_else(|| id.to_string(), |place| format!("s{}", place + 1))
    }

    /// The session rows for a report, in the order of insertion.
    pub fn listed(&self) -> Vec<ListedSession> {
        let listed = |(place, row): (usize, &SessionRow)| ListedSession {
            alias: format!("s{}", place + 1),
            id: row.id.to_string(),
            parent: row.parent.as_ref().map(|parent| self.alias(parent)),
            source: row.source.clone(),
            started_ms: since_start(row.started_at),
            ended_ms: row.ended_at.map(since_start),
            end_reason: row.end_reason.clone(),
            message_count: row.message_count,
            title: row.title.clone(),
        };
        self.sessions.iter().enumerate().map(listed).collect()
    }
}

/// Prints one fact a line: `name = value`.
impl fmt::Display for RowSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts().iter().try_for_each(|(name, value)| writeln!(f, "{name} = {value}"))
    }
}

/// A session row in a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListedSession {
    /// `s1` for the first row.
    pub alias: String,
    /// The stored id, as in the column `id`.
    pub id: String,
    /// The alias of the row it continues.
    pub parent: Option<String>,
    /// The kind of client that created the session: `tui`, `cron`, `cli` and others.
    pub source: String,
    /// `started_at`, in milliseconds from the start of the script.
    pub started_ms: i64,
    /// `ended_at`, in milliseconds from the start of the script.
    pub ended_ms: Option<i64>,
    /// The column `end_reason`; none while the row is open.
    pub end_reason: Option<String>,
    /// The column `message_count` of the row.
    pub message_count: u64,
    /// The column `title`; none for an untitled row.
    pub title: Option<String>,
}

/// The value of the fact of a message: in `s1.m3 = tool "ok" at 5.000s`.
fn message_fact(row: &MessageRow) -> String {
    let message = &row.message;
    let text = serde_json::Value::from(message.content.as_deref().unwrap_or_default());
    let call = match message.calls() {
        0 => String::new(),
        1 => " with a tool call".to_owned(),
        calls => format!(" with {calls} tool calls"),
    };
    let replaced = if row.active { "" } else { ", replaced" };
    format!("{} {text}{call} at {}{replaced}", message.role.as_str(), time(message.timestamp))
}

/// The value of the fact of an accepted input: in `s1.waiting1 = prompt "go on" at 5.000s`.
fn input_fact(input: &NewInput) -> String {
    let text = serde_json::Value::from(input.text.as_str());
    format!("{} {text} at {}", input.kind.as_str(), time(input.at))
}

/// The time from the start of the script in milliseconds; negative where the clock was set back beyond the start of the
/// script.
fn since_start(wall: Wall) -> i64 {
    wall.0.cast_signed() - EPOCH.0.cast_signed()
}

fn time(wall: Wall) -> String {
    since_start_text(since_start(wall))
}

/// Prints a time from the start of the script; `ms` is in milliseconds.
pub fn since_start_text(ms: i64) -> String {
    format!("{}{}", if ms < 0 { "-" } else { "" }, Millis(ms.unsigned_abs()))
}

fn or_null(value: Option<String>) -> String {
    value.unwrap_or_else(|| "NULL".to_owned())
}
