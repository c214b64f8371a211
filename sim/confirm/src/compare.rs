//! Compares what the package left with the simulator's run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gateway_core::clock::Millis;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use sim_harness::report::Report;
use sim_harness::rows::ListedSession;
use sim_scenario::Scenario;
use sim_search::drive::rows;

use super::frames::{self, Frames, Heard, Logged};

/// What the package left.
pub struct Left {
    /// The rows, named as in reports.
    pub rows: Vec<ListedSession>,
    /// The messages of each row, as `role text`.
    pub messages: Vec<Vec<String>>,
    /// The answer to `memory`.
    pub memory: Value,
    /// What each client heard.
    pub(crate) frames: Frames,
    /// The requests of all clients, in their order.
    pub(crate) log: Vec<Logged>,
}

/// The differences, one sentence each. Times of rows may differ by `tolerance`.
pub(crate) fn differences(report: &Report, scenario: &Scenario, left: &Left, tolerance: Millis) -> Vec<String> {
    let expected = report.rows.listed();
    let mut lines = rows::differences(&expected, &left.rows, tolerance);
    for (one, other) in expected.iter().zip(&left.rows) {
        if one.title != other.title {
            lines.push(format!("{}.title: expected {:?}, found {:?}", one.alias, one.title, other.title));
        }
    }
    lines.extend(messages(report, left));
    for (key, count) in
        [("sessions", report.live.sessions), ("timers", report.live.timers), ("turns", report.live.turns)]
    {
        let found = &left.memory[key];
        if *found != count {
            lines.push(format!("live {key}: expected {count}, found {found}"));
        }
    }
    let simulated = frames::simulated(report, scenario);
    let clients: BTreeSet<&String> = simulated.keys().chain(left.frames.keys()).collect();
    let nothing = Heard::default();
    for client in clients {
        let (one, other) = (simulated.get(client).unwrap_or(&nothing), left.frames.get(client).unwrap_or(&nothing));
        lines.extend(list(&format!("answers of {client}"), &one.answers, &other.answers));
        lines.extend(list(&format!("events of {client}"), &one.events, &other.events));
    }
    lines
}

fn messages(report: &Report, left: &Left) -> Vec<String> {
    let mut lines = Vec::new();
    for (place, (row, found)) in report.rows.sessions.iter().zip(&left.messages).enumerate() {
        let of_row = report.rows.messages.iter().filter(|message| message.session == row.id);
        let expected: Vec<String> = of_row
            .map(|message| {
                let content = message.message.content.as_deref().unwrap_or_default();
                written(message.message.role.as_str(), content, message.active)
            })
            .collect();
        lines.extend(list(&format!("messages of s{}", place + 1), &expected, found));
    }
    lines
}

/// The text of a summary, in both gateways.
const SUMMARY: &str = "summary of the conversation so far";

/// A message in words. The package stores a summary as the user's, and the simulator as the assistant's: that is no
/// difference in what is stored when.
fn written(role: &str, content: &str, active: bool) -> String {
    let role = if content == SUMMARY { "summary" } else { role };
    format!("{role} {content:?}{}", if active { "" } else { " (replaced)" })
}

/// The first place at which two lists differ.
fn list(what: &str, expected: &[String], found: &[String]) -> Option<String> {
    if expected == found {
        return None;
    }
    let place = (0..expected.len().max(found.len())).find(|place| expected.get(*place) != found.get(*place))?;
    let at = |list: &[String]| list.get(place).cloned().unwrap_or_else(|| "nothing".to_owned());
    Some(format!("{what}, number {}: expected {}, found {}", place + 1, at(expected), at(found)))
}

/// The messages of each row of the package's database, in the order of the rows.
pub(crate) fn stored(db: &Path, rows: &[ListedSession]) -> rusqlite::Result<Vec<Vec<String>>> {
    let connection = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let columns = connection.prepare("SELECT * FROM messages LIMIT 0")?;
    // Releases before the compression in place have no such column.
    let active = if columns.column_names().any(|name| name == "active") { "active" } else { "1" };
    let query = format!("SELECT session_id, role, coalesce(content, ''), {active} FROM messages ORDER BY id");
    let mut statement = connection.prepare(&query)?;
    let mut messages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut found = statement.query([])?;
    while let Some(message) = found.next()? {
        let (role, content, active): (String, String, bool) = (message.get(1)?, message.get(2)?, message.get(3)?);
        messages.entry(message.get(0)?).or_default().push(written(&role, &content, active));
    }
    Ok(rows.iter().map(|row| messages.remove(&row.id).unwrap_or_default()).collect())
}
