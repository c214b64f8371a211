//! The end of a row that an earlier process left open, with the results of its open calls.

use gateway_core::store::{NewMessage, Placed, StoredId};
use rusqlite::{Connection, params};

use super::column::Column;
use super::failure::Failure;
use super::message::{COUNT_MORE, count_messages, insert_messages};

/// Inserts messages among those of a row. Messages are read in the order of their ids, so those behind the first one get new
/// ids, and keep all else.
pub(super) fn insert_between(connection: &Connection, session: &StoredId, placed: &[Placed]) -> Result<(), Failure> {
    let messages: Vec<NewMessage> = placed.iter().map(|placed| placed.message.clone()).collect();
    count_messages(connection, COUNT_MORE, session, &messages)?;
    let ids = active(connection, session)?;
    let first = placed.iter().map(|placed| placed.before).min().unwrap_or(ids.len()).min(ids.len());
    let mut placed = placed.iter().peekable();
    for place in first..=ids.len() {
        while let Some(next) = placed.next_if(|next| next.before <= place || place == ids.len()) {
            insert_messages(connection, session, std::slice::from_ref(&next.message))?;
        }
        if let Some(id) = ids.get(place) {
            connection.prepare_cached(MOVE)?.execute([id])?;
        }
    }
    if first < ids.len() {
        connection.prepare_cached(COUNT_IDS)?.execute(params![])?;
    }
    Ok(())
}

fn active(connection: &Connection, session: &StoredId) -> rusqlite::Result<Vec<i64>> {
    connection.prepare_cached(ACTIVE)?.query_map([Column(session)], |row| row.get(0))?.collect()
}

const ACTIVE: &str = "SELECT id FROM messages WHERE session_id = ?1 AND active = 1 ORDER BY id";

/// An id that no message has or had.
const MOVE: &str = "
UPDATE messages SET id = 1 + max(
    (SELECT max(id) FROM messages),
    (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'messages')
) WHERE id = ?1";

/// SQLite counts the ids that it gives, and not those of an update.
const COUNT_IDS: &str = "
UPDATE sqlite_sequence SET seq = max(seq, (SELECT max(id) FROM messages)) WHERE name = 'messages'";
