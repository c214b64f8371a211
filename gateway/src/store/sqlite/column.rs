//! How values become columns, and rows become values again.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql};

use crate::clock::Wall;
use crate::store::{EndReason, MessageRow, NewMessage, Role, SessionRow, StoredId};

/// The row that a branch was branched from, out of the column that says so; `NULL` for any other row.
macro_rules! branched_from {
    ($column:literal) => {
        concat!("CASE WHEN json_valid(", $column, ") THEN json_extract(", $column, ", '$._branched_from') END")
    };
}

/// A query for session rows, to be read by [`session`]; the literal is what follows the columns.
macro_rules! select_sessions {
    ($rest:literal) => {
        concat!(
            "SELECT id, source, parent_session_id, started_at, ended_at, end_reason, message_count, ",
            "tool_call_count, title, cwd, model, ",
            $crate::store::sqlite::column::branched_from!("model_config"),
            " AS branched_from FROM sessions ",
            $rest
        )
    };
}

/// A query for message rows, to be read by [`message`]; the literal is what follows the columns.
macro_rules! select_messages {
    ($rest:literal) => {
        concat!(
            "SELECT id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, active ",
            "FROM messages ",
            $rest
        )
    };
}

pub(super) use {branched_from, select_messages, select_sessions};

/// The row of a [`select_sessions`] query, whose columns are read by their places: by name, each would be looked for
/// among all of them.
pub(super) fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id: row.get(0)?,
        source: row.get(1)?,
        parent: row.get(2)?,
        started_at: row.get(3)?,
        ended_at: row.get(4)?,
        end_reason: row.get(5)?,
        message_count: count(row, 6)?,
        tool_call_count: count(row, 7)?,
        title: row.get(8)?,
        cwd: row.get(9)?,
        model: row.get(10)?,
        branched_from: row.get(11)?,
    })
}

/// The row of a [`select_messages`] query, read in the same way.
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    let message = NewMessage {
        role: row.get(2)?,
        content: row.get(3)?,
        tool_call_id: row.get(4)?,
        tool_calls: row.get(5)?,
        tool_name: row.get(6)?,
        timestamp: row.get(7)?,
    };
    Ok(MessageRow { id: row.get(0)?, session: row.get(1)?, message, active: row.get(8)? })
}

/// A counter. Other programs may leave it NULL, the column allows that; it never goes below zero.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let count = row.get::<_, Option<i64>>(column)?.unwrap_or(0);
    Ok(u64::try_from(count).map_err(|_| FromSqlError::OutOfRange(count))?)
}

impl ToSql for StoredId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for StoredId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(Self::new)
    }
}

impl ToSql for Wall {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_seconds().into())
    }
}

impl FromSql for Wall {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        f64::column_result(value).map(Self::from_seconds)
    }
}

impl ToSql for EndReason {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl ToSql for Role {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Role {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        [Self::User, Self::Assistant, Self::Tool]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| FromSqlError::Other(format!("unknown role `{text}`").into()))
    }
}
