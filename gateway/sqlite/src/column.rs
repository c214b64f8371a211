//! Conversion of values to columns, and of rows to values.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Null, ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql};

use gateway_core::clock::Wall;
use gateway_core::store::{EndReason, MessageRow, NewMessage, Role, SessionRow, StoredId};

/// The SQL expression of the id that a row was branched from, read from `model_config`; `NULL` for any other row.
macro_rules! branched_from {
    ($column:literal) => {
        concat!("CASE WHEN json_valid(", $column, ") THEN json_extract(", $column, ", '$._branched_from') END")
    };
}

/// A query for session rows, which [`session`] reads. The literal follows the columns.
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

/// A query for message rows, which [`message`] reads. The literal follows the columns.
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

/// Converts a row of a [`select_sessions`] query. Columns are read by index, because a lookup by name scans all names.
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

/// Converts a row of a [`select_messages`] query, by index.
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

/// A counter column. `NULL`, which the schema allows and other programs write, counts as 0; a negative value is an error.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let count = row.get::<_, Option<i64>>(column)?.unwrap_or(0);
    Ok(u64::try_from(count).map_err(|_| FromSqlError::OutOfRange(count))?)
}

/// The column form of a value: ids, reasons and roles as `TEXT`, wall time as `REAL` seconds.
///
/// A wrapper, because neither the value types nor the traits of `rusqlite` belong to this crate.
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

/// Reads a column that must not be `NULL`.
pub(super) fn value<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    Column<T>: FromSql,
{
    row.get::<_, Column<T>>(column).map(|value| value.0)
}

/// Reads a column that may be `NULL`.
fn optional<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>>
where
    Column<T>: FromSql,
{
    Ok(row.get::<_, Option<Column<T>>>(column)?.map(|value| value.0))
}
