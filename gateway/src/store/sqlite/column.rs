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

/// The row of a [`select_sessions`] query.
pub(super) fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id: row.get("id")?,
        source: row.get("source")?,
        parent: row.get("parent_session_id")?,
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
        end_reason: row.get("end_reason")?,
        message_count: count(row, "message_count")?,
        tool_call_count: count(row, "tool_call_count")?,
        title: row.get("title")?,
        cwd: row.get("cwd")?,
        model: row.get("model")?,
        branched_from: row.get("branched_from")?,
    })
}

/// The row of a [`select_messages`] query.
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    let message = NewMessage {
        role: row.get("role")?,
        content: row.get("content")?,
        tool_call_id: row.get("tool_call_id")?,
        tool_calls: row.get("tool_calls")?,
        tool_name: row.get("tool_name")?,
        timestamp: row.get("timestamp")?,
    };
    Ok(MessageRow { id: row.get("id")?, session: row.get("session_id")?, message, active: row.get("active")? })
}

/// A counter. Other programs may leave it NULL, the column allows that; it never goes below zero.
fn count(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
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
