//! How values become columns, and rows become values again.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Null, ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql};

use gateway_core::clock::Wall;
use gateway_core::store::{EndReason, MessageRow, NewMessage, Role, SessionRow, StoredId};

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
            $crate::column::branched_from!("model_config"),
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
        id: value(row, 0)?,
        source: row.get(1)?,
        parent: optional(row, 2)?,
        started_at: value(row, 3)?,
        ended_at: optional(row, 4)?,
        end_reason: row.get(5)?,
        message_count: count(row, 6)?,
        tool_call_count: count(row, 7)?,
        title: row.get(8)?,
        cwd: row.get(9)?,
        model: row.get(10)?,
        branched_from: optional(row, 11)?,
    })
}

/// The row of a [`select_messages`] query, read in the same way.
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    let message = NewMessage {
        role: value(row, 2)?,
        content: row.get(3)?,
        tool_call_id: row.get(4)?,
        tool_calls: row.get(5)?,
        tool_name: row.get(6)?,
        timestamp: value(row, 7)?,
    };
    Ok(MessageRow { id: row.get(0)?, session: value(row, 1)?, message, active: row.get(8)? })
}

/// A counter. Other programs may leave it NULL, the column allows that; it never goes below zero.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let count = row.get::<_, Option<i64>>(column)?.unwrap_or(0);
    Ok(u64::try_from(count).map_err(|_| FromSqlError::OutOfRange(count))?)
}

/// A value of the gateway as a column has it: ids, reasons and roles as text, wall time as seconds (`REAL`).
///
/// A type of its own, because neither the values nor the traits of `rusqlite` belong to this crate.
pub(super) struct Column<T>(pub(super) T);

impl ToSql for Column<&StoredId> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_str().into())
    }
}

impl ToSql for Column<Option<&StoredId>> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.map_or(ToSqlOutput::from(Null), |id| id.as_str().into()))
    }
}

impl FromSql for Column<StoredId> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(StoredId::new).map(Self)
    }
}

impl ToSql for Column<Wall> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_seconds().into())
    }
}

impl FromSql for Column<Wall> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        f64::column_result(value).map(Wall::from_seconds).map(Self)
    }
}

impl ToSql for Column<EndReason> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_str().into())
    }
}

impl ToSql for Column<Role> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_str().into())
    }
}

impl FromSql for Column<Role> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        [Role::User, Role::Assistant, Role::Tool]
            .into_iter()
            .find(|role| role.as_str() == text)
            .map(Self)
            .ok_or_else(|| FromSqlError::Other(format!("unknown role `{text}`").into()))
    }
}

/// The value of a column that is not `NULL`.
pub(super) fn value<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    Column<T>: FromSql,
{
    row.get::<_, Column<T>>(column).map(|value| value.0)
}

/// The value of a column, or none for `NULL`.
fn optional<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>>
where
    Column<T>: FromSql,
{
    Ok(row.get::<_, Option<Column<T>>>(column)?.map(|value| value.0))
}
