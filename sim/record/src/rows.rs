//! What the gateway's database says: rows, and the times of their last messages.
//!
//! Reads all known versions of the tables, read-only, while the gateway writes.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::journal::{EarlierMessage, EarlierRow};
use crate::reduce::Texts;
use sim_search::drive::rows::{self, Row};

/// A row with what is known of its last message.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The row.
    pub row: Row,
    /// Its last message, if it has one.
    pub last: Option<LastMessage>,
}

/// The last message of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct LastMessage {
    /// When it was stored, in seconds since 1970.
    pub at: f64,
    /// Whether it is an answer of the agent: one without calls.
    pub is_answer: bool,
}

/// Reads all rows, in the order of insertion.
///
/// # Errors
/// The database cannot be read.
pub fn read(db: &Path) -> rusqlite::Result<Vec<Stored>> {
    let connection = open(db)?;
    let mut statement = connection.prepare(
        "SELECT timestamp, role = 'assistant' AND coalesce(tool_calls, '') IN ('', '[]') FROM messages
         WHERE session_id = ? ORDER BY id DESC LIMIT 1",
    )?;
    let mut last = |row: Row| {
        let mut found = statement.query([&row.id])?;
        let last = match found.next()? {
            Some(message) => Some(LastMessage { at: message.get(0)?, is_answer: message.get(1)? }),
            None => None,
        };
        Ok(Stored { row, last })
    };
    rows::read(db)?.into_iter().map(&mut last).collect()
}

/// The ids of all rows.
///
/// # Errors
/// The database cannot be read.
pub fn ids(db: &Path) -> rusqlite::Result<BTreeSet<String>> {
    let connection = open(db)?;
    let mut statement = connection.prepare("SELECT id FROM sessions ORDER BY id")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// The longest lineage that is followed.
const LINEAGE_MAX: u32 = 100;

/// The ids of the row that has an id or a title, and of those that continue it, oldest first. None if there is no such row.
pub(crate) fn lineage(db: &Path, named: &str) -> rusqlite::Result<Vec<String>> {
    let connection = open(db)?;
    // A branch begins before its parent ends.
    let mut statement = connection.prepare(
        "WITH RECURSIVE line(id, place) AS (
             SELECT id, 0 FROM sessions
             WHERE id = ?1 OR (title = ?1 AND NOT EXISTS (SELECT 1 FROM sessions WHERE id = ?1))
             UNION
             SELECT child.id, place + 1 FROM line
             JOIN sessions AS parent ON parent.id = line.id
             JOIN sessions AS child ON child.parent_session_id = parent.id AND child.started_at >= parent.ended_at
             WHERE parent.end_reason = 'compression' AND place < ?2
         )
         SELECT id FROM line ORDER BY place, id",
    )?;
    statement.query_map((named, LINEAGE_MAX), |row| row.get(0))?.collect()
}

/// Reads a row from before the recording with its messages.
pub(crate) fn earlier(db: &Path, id: &str, texts: &mut Texts) -> rusqlite::Result<EarlierRow> {
    let connection = open(db)?;
    let query = "SELECT source, end_reason, title, parent_session_id FROM sessions WHERE id = ?";
    let mut row = connection.query_row(query, [id], |row| {
        let title: Option<String> = row.get(2)?;
        Ok(EarlierRow {
            id: id.to_owned(),
            parent: row.get(3)?,
            source: row.get(0)?,
            end_reason: row.get(1)?,
            title: title.map(|title| texts.reduce(&title)),
            messages: Vec::new(),
        })
    })?;
    // Releases before the compression in place have no such column.
    let columns = connection.prepare("SELECT * FROM messages LIMIT 0")?;
    let active = if columns.column_names().any(|name| name == "active") { "AND active = 1" } else { "" };
    let query = format!(
        "SELECT role, content, tool_calls, tool_call_id FROM messages WHERE session_id = ? {active} ORDER BY id"
    );
    let mut statement = connection.prepare(&query)?;
    let messages = statement.query_map([id], |row| {
        let (content, calls): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
        let calls: Value = calls.and_then(|calls| serde_json::from_str(&calls).ok()).unwrap_or_default();
        let ids = calls.as_array().into_iter().flatten().filter_map(|call| call["id"].as_str().map(str::to_owned));
        Ok(EarlierMessage {
            role: row.get(0)?,
            content: content.map(|content| texts.reduce(&content)),
            calls: ids.collect(),
            result_of: row.get(3)?,
        })
    })?;
    row.messages = messages.collect::<Result<_, _>>()?;
    Ok(row)
}

fn open(db: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row is found by its id or its title, with the rows that continue it after their compressions, and without its branches.
    #[test]
    fn a_lineage_is_found_by_title() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = folder.path().join("state.db");
        let tables = "
            CREATE TABLE sessions (id TEXT, parent_session_id TEXT, started_at REAL, ended_at REAL, end_reason TEXT, title TEXT);
            INSERT INTO sessions VALUES ('root', NULL, 1, 5, 'compression', 'plan'), ('branch', 'root', 3, NULL, NULL, 'plan #2'),
                ('middle', 'root', 5, 9, 'compression', NULL), ('tip', 'middle', 9, 12, 'tui_close', 'other'),
                ('after', 'tip', 13, NULL, NULL, NULL), ('plan b', NULL, 1, NULL, NULL, 'tip');";
        Connection::open(&db).and_then(|connection| connection.execute_batch(tables)).expect("tables");
        for (named, expected) in [
            ("plan", &["root", "middle", "tip"][..]),
            ("middle", &["middle", "tip"]),
            ("plan #2", &["branch"]),
            ("tip", &["tip"]),
            ("nothing", &[]),
        ] {
            assert_eq!(lineage(&db, named).expect("rows"), expected, "{named}");
        }
    }
}
