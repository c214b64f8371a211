//! The statements on accepted inputs and on the answers to requests with a key: tables of this gateway, which no release has.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::column::{self, Column};
use gateway_core::store::{InputId, InputKind, KeyedAnswer, NewInput, StoredId};

/// How long the answer to a request with a key is kept, in seconds.
const KEPT: f64 = 86_400.0;

/// Stores an input that waits.
pub(super) fn insert(connection: &Connection, input: &NewInput) -> rusqlite::Result<()> {
    let NewInput { id, session, kind, text, at } = input;
    let values = params![&*id.0, Column(session), kind.as_str(), text, Column(*at)];
    connection.prepare_cached(INSERT)?.execute(values).map(drop)
}

/// Deletes inputs that messages hold now. One that is not there was cancelled.
pub(super) fn take(connection: &Connection, taken: &[InputId]) -> rusqlite::Result<()> {
    for id in taken {
        connection.prepare_cached(TAKE)?.execute([&*id.0])?;
    }
    Ok(())
}

/// Deletes the inputs that wait for a session.
pub(super) fn cancel(connection: &Connection, session: &StoredId) -> rusqlite::Result<()> {
    connection.prepare_cached(CANCEL)?.execute([Column(session)]).map(drop)
}

/// The inputs of a session wait for its continuation from now on.
pub(super) fn pass_on(connection: &Connection, session: &StoredId, child: &StoredId) -> rusqlite::Result<()> {
    connection.prepare_cached(PASS_ON)?.execute([Column(session), Column(child)]).map(drop)
}

/// Stores the answer to a request with a key, if there is one, and deletes answers that are too old.
pub(super) fn keep_answer(connection: &Connection, keyed: Option<&KeyedAnswer>) -> rusqlite::Result<()> {
    let Some(KeyedAnswer { key, request, answer, at }) = keyed else { return Ok(()) };
    connection.prepare_cached(FORGET)?.execute(params![Column(*at), KEPT])?;
    connection.prepare_cached(KEEP)?.execute(params![key, request, answer, Column(*at)]).map(drop)
}

/// The inputs that wait for a session, oldest first.
pub(super) fn waiting(connection: &Connection, session: &StoredId) -> rusqlite::Result<Vec<NewInput>> {
    connection.prepare_cached(WAITING)?.query_map([Column(session)], input)?.collect()
}

/// The input with this id, if it waits.
pub(super) fn waiting_as(connection: &Connection, id: &InputId) -> rusqlite::Result<Vec<NewInput>> {
    connection.prepare_cached(WAITING_AS)?.query_map([&*id.0], input)?.collect()
}

/// The inputs that wait, oldest first.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<NewInput>> {
    connection.prepare_cached(ALL)?.query_map([], input)?.collect()
}

/// The stored answer to a request with this key.
pub(super) fn keyed(connection: &Connection, key: &str) -> rusqlite::Result<Option<KeyedAnswer>> {
    let answer = |row: &Row<'_>| {
        Ok(KeyedAnswer { key: key.to_owned(), request: row.get(0)?, answer: row.get(1)?, at: column::value(row, 2)? })
    };
    connection.prepare_cached(KEYED)?.query_row([key], answer).optional()
}

fn input(row: &Row<'_>) -> rusqlite::Result<NewInput> {
    // A kind that a newer gateway has written is carried out like a prompt.
    let kind = match row.get::<_, String>(2)?.as_str() {
        "steer" => InputKind::Steer,
        "notice" => InputKind::Notice,
        _ => InputKind::Prompt,
    };
    let id = InputId(row.get::<_, String>(0)?.into());
    Ok(NewInput { id, session: column::value(row, 1)?, kind, text: row.get(3)?, at: column::value(row, 4)? })
}

const INSERT: &str =
    "INSERT INTO accepted_inputs (id, session_id, kind, text, accepted_at) VALUES (?1, ?2, ?3, ?4, ?5)";

const TAKE: &str = "DELETE FROM accepted_inputs WHERE id = ?1";

const CANCEL: &str = "DELETE FROM accepted_inputs WHERE session_id = ?1";

const PASS_ON: &str = "UPDATE accepted_inputs SET session_id = ?2 WHERE session_id = ?1";

const WAITING: &str =
    "SELECT id, session_id, kind, text, accepted_at FROM accepted_inputs WHERE session_id = ?1 ORDER BY number";

const WAITING_AS: &str = "SELECT id, session_id, kind, text, accepted_at FROM accepted_inputs WHERE id = ?1";

const ALL: &str = "SELECT id, session_id, kind, text, accepted_at FROM accepted_inputs ORDER BY number";

const FORGET: &str = "DELETE FROM keyed_answers WHERE answered_at < ?1 - ?2";

const KEEP: &str = "INSERT INTO keyed_answers (key, request, answer, answered_at) VALUES (?1, ?2, ?3, ?4)";

const KEYED: &str = "SELECT request, answer, answered_at FROM keyed_answers WHERE key = ?1";
