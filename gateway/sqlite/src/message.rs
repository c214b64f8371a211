//! The messages of a row, and its counters of them.

use gateway_core::store::{NewMessage, StoreError, StoredId};
use rusqlite::{Connection, params};

use super::column::Column;
use super::failure::Failure;

/// Sets the counters of a row by `sql`, [`COUNT_MORE`] or [`COUNT_ANEW`]. Fails if there is no such row.
pub(super) fn count_messages(
    connection: &Connection,
    sql: &str,
    session: &StoredId,
    messages: &[NewMessage],
) -> Result<(), Failure> {
    let count = i64::try_from(messages.len()).expect("a batch fits into memory");
    let calls = i64::try_from(messages.iter().map(NewMessage::calls).sum::<u64>()).expect("as many calls at the most");
    match connection.prepare_cached(sql)?.execute(params![Column(session), count, calls])? {
        0 => Err(StoreError::NoSession.into()),
        _ => Ok(()),
    }
}

/// Inserts messages behind those of a row.
pub(super) fn insert_messages(
    connection: &Connection,
    session: &StoredId,
    messages: &[NewMessage],
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(INSERT_MESSAGE)?;
    for message in messages {
        let NewMessage { role, content, tool_call_id, tool_calls, tool_name, timestamp } = message;
        statement.execute(params![
            Column(session),
            Column(*role),
            content,
            tool_call_id,
            tool_calls,
            tool_name,
            Column(*timestamp)
        ])?;
    }
    Ok(())
}

pub(super) const COUNT_MORE: &str = "
UPDATE sessions SET message_count = message_count + ?2, tool_call_count = tool_call_count + ?3 WHERE id = ?1";

pub(super) const COUNT_ANEW: &str = "UPDATE sessions SET message_count = ?2, tool_call_count = ?3 WHERE id = ?1";

const INSERT_MESSAGE: &str = "
INSERT INTO messages (session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
