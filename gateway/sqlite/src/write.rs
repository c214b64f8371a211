//! The statements of each transaction. The caller begins and commits.

use rusqlite::{Connection, params};

use super::column::Column;
use super::failure::Failure;
use super::message::{COUNT_ANEW, COUNT_MORE, count_messages, insert_messages};
use super::{input, orphan, tip, title};
use gateway_core::clock::Wall;
use gateway_core::store::{
    BranchTitle, EndReason, MessageRow, NewMessage, NewSession, Placed, Replaced, SessionRow, StoredId, TipRule, Write,
    Written,
};

/// Executes the statements of `write`. After an error the caller must roll back.
pub(super) fn carry_out(connection: &Connection, write: &Write) -> Result<Written, Failure> {
    let changed = match write {
        Write::CreateSession { session } => create_session(connection, session)?,
        Write::StartTurn { session, messages, taken, keyed } => {
            create_session(connection, session)?;
            input::take(connection, taken)?;
            input::keep_answer(connection, keyed.as_ref())?;
            append(connection, &session.id, messages)?
        }
        Write::Append { session, messages, taken } => {
            input::take(connection, taken)?;
            append(connection, session, messages)?
        }
        Write::Accept { input, keyed } => {
            input::insert(connection, input)?;
            input::keep_answer(connection, keyed.as_ref())?;
            0
        }
        Write::Cancel { session } => {
            input::cancel(connection, session)?;
            0
        }
        Write::End { session, at, reason } => end(connection, session, *at, *reason)?,
        Write::EndOrphan { session, at, results } => end_orphan(connection, session, *at, results)?,
        Write::Reopen { session } => reopen(connection, session)?,
        Write::ReopenTip { session } => return reopen_tip(connection, session),
        Write::Rotate { parent, at, child, messages } => rotate(connection, parent, *at, child, messages)?,
        Write::ContinueTitle { session, parent } => usize::from(title::carry_on(connection, session, parent)?),
        Write::Compact { session, messages } => compact(connection, session, messages)?,
        Write::SetTitle { session, title } => title::set(connection, session, title)?,
        Write::SetModel { session, model } => {
            connection.prepare_cached(SET_MODEL)?.execute(params![Column(session), model])?
        }
        Write::NameSession { session, title } => name_session(connection, session, title)?,
        Write::ReplaceMessages { session, messages, replaced, taken } => {
            input::take(connection, taken)?;
            replace(connection, session, messages, *replaced)?
        }
        Write::Branch { child, title, messages } => branch(connection, child, title, messages)?,
        Write::Delete { session } => delete(connection, session)?,
        Write::DeleteChain { session, rows } => delete_chain(connection, session, rows)?,
    };
    Ok(Written { changed, session: None })
}

fn create_session(connection: &Connection, session: &NewSession) -> Result<usize, Failure> {
    Ok(execute_with(connection, CREATE_SESSION, session)?)
}

/// Updates the counters first: if no row was updated, the session does not exist and no message may be inserted.
fn append(connection: &Connection, session: &StoredId, messages: &[NewMessage]) -> Result<usize, Failure> {
    count_messages(connection, COUNT_MORE, session, messages)?;
    insert_messages(connection, session, messages)?;
    Ok(1)
}

fn end(connection: &Connection, session: &StoredId, at: Wall, reason: EndReason) -> Result<usize, Failure> {
    Ok(connection.prepare_cached(END)?.execute(params![Column(session), Column(at), Column(reason)])?)
}

fn end_orphan(connection: &Connection, session: &StoredId, at: Wall, results: &[Placed]) -> Result<usize, Failure> {
    let ended = end(connection, session, at, EndReason::StartupOrphanReap)?;
    if ended > 0 && !results.is_empty() {
        orphan::insert_between(connection, session, results)?;
    }
    Ok(ended)
}

fn reopen(connection: &Connection, session: &StoredId) -> Result<usize, Failure> {
    Ok(connection.prepare_cached(REOPEN)?.execute([Column(session)])?)
}

fn reopen_tip(connection: &Connection, session: &StoredId) -> Result<Written, Failure> {
    let tip = tip::tip(connection, session, TipRule::Continuation)?;
    if tip != *session {
        return Ok(Written { changed: 0, session: Some(tip) });
    }
    let changed = reopen(connection, &tip)?;
    Ok(Written { changed, session: (changed > 0).then_some(tip) })
}

fn rotate(
    connection: &Connection,
    parent: &StoredId,
    at: Wall,
    child: &NewSession,
    messages: &[NewMessage],
) -> Result<usize, Failure> {
    assert_eq!(child.parent.as_ref(), Some(parent), "the child of a rotation names its parent");
    let ended = end(connection, parent, at, EndReason::Compression)?;
    // Unlike `create_session`, a rotation requires a new id: a taken one fails, and the parent stays open.
    let inserted = execute_with(connection, INSERT_SESSION, child)?;
    title::carry_on(connection, &child.id, parent)?;
    append(connection, &child.id, messages)?;
    input::pass_on(connection, parent, &child.id)?;
    Ok(ended + inserted)
}

/// Archives the active messages and inserts the compacted ones. The counters count only these.
fn compact(connection: &Connection, session: &StoredId, messages: &[NewMessage]) -> Result<usize, Failure> {
    count_messages(connection, COUNT_ANEW, session, messages)?;
    connection.prepare_cached(REPLACE_MESSAGES)?.execute([Column(session)])?;
    insert_messages(connection, session, messages)?;
    Ok(1)
}

fn name_session(connection: &Connection, session: &NewSession, title: &str) -> Result<usize, Failure> {
    create_session(connection, session)?;
    title::take(connection, &session.id, title)?;
    Ok(title::set(connection, &session.id, title)?)
}

fn replace(
    connection: &Connection,
    session: &StoredId,
    messages: &[NewMessage],
    replaced: Replaced,
) -> Result<usize, Failure> {
    count_messages(connection, COUNT_ANEW, session, messages)?;
    let delete = match replaced {
        Replaced::Active => DELETE_ACTIVE,
        Replaced::All => DELETE_MESSAGES,
    };
    connection.prepare_cached(delete)?.execute([Column(session)])?;
    insert_messages(connection, session, messages)?;
    Ok(1)
}

fn branch(
    connection: &Connection,
    child: &NewSession,
    title: &BranchTitle,
    messages: &[NewMessage],
) -> Result<usize, Failure> {
    let parent = child.branched_from.as_ref().expect("a branch names the session it was branched from");
    let inserted = execute_with(connection, INSERT_SESSION, child)?;
    match title {
        BranchTitle::Asked(title) => drop(title::set(connection, &child.id, title)?),
        BranchTitle::Next => title::branch(connection, &child.id, parent)?,
        BranchTitle::None => {}
    }
    append(connection, &child.id, messages)?;
    Ok(inserted)
}

/// Deletes messages and detaches children first, because they refer to the row.
fn delete(connection: &Connection, session: &StoredId) -> Result<usize, Failure> {
    input::cancel(connection, session)?;
    for statement in [DELETE_MESSAGES, FORGET_PARENT] {
        connection.prepare_cached(statement)?.execute([Column(session)])?;
    }
    Ok(connection.prepare_cached(DELETE_SESSION)?.execute([Column(session)])?)
}

fn delete_chain(connection: &Connection, session: &StoredId, rows: &[StoredId]) -> Result<usize, Failure> {
    // A rotation may have added a row since the caller has read the chain.
    if tip::chain(connection, session)? != rows {
        return Ok(0);
    }
    let mut deleted = 0;
    for row in rows {
        deleted += delete(connection, row)?;
    }
    Ok(deleted)
}

fn execute_with(connection: &Connection, sql: &str, session: &NewSession) -> rusqlite::Result<usize> {
    let NewSession { id, source, model, parent, branched_from, started_at, cwd, title } = session;
    let values = params![
        Column(id),
        source,
        model,
        Column(parent.as_ref()),
        Column(*started_at),
        cwd,
        title,
        Column(branched_from.as_ref())
    ];
    connection.prepare_cached(sql)?.execute(values)
}

/// Inserts whole rows. A message that is not active counts as replaced by a compression in place.
pub(super) fn insert(
    connection: &Connection,
    sessions: &[SessionRow],
    messages: &[MessageRow],
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(INSERT_ROW)?;
    for row in sessions {
        statement.execute(params![
            Column(&row.id),
            row.source,
            row.model,
            Column(row.parent.as_ref()),
            Column(row.branched_from.as_ref()),
            Column(row.started_at),
            row.ended_at.map(|at| at.as_seconds()),
            row.end_reason,
            i64::try_from(row.message_count).unwrap_or(i64::MAX),
            i64::try_from(row.tool_call_count).unwrap_or(i64::MAX),
            row.title,
            row.cwd,
        ])?;
    }
    let mut statement = connection.prepare_cached(INSERT_MESSAGE_ROW)?;
    for MessageRow { id, session, message, active } in messages {
        let NewMessage { role, content, tool_call_id, tool_calls, tool_name, timestamp } = message;
        statement.execute(params![
            id,
            Column(session),
            Column(*role),
            content,
            tool_call_id,
            tool_calls,
            tool_name,
            Column(*timestamp),
            active,
        ])?;
    }
    Ok(())
}

/// The columns and values of a new session. A title that another row has becomes `NULL`.
macro_rules! insert_session {
    ($parent:literal, $rest:literal) => {
        concat!(
            "INSERT INTO sessions (id, source, model, parent_session_id, started_at, cwd, title, model_config) ",
            "VALUES (?1, ?2, ?3, ",
            $parent,
            ", ?5, ?6, ",
            "CASE WHEN EXISTS (SELECT 1 FROM sessions WHERE title = ?7) THEN NULL ELSE ?7 END, ",
            "CASE WHEN ?8 IS NOT NULL THEN json_object('_branched_from', ?8) END)",
            $rest
        )
    };
}

/// The parent of a draft may have been deleted before the draft has a row; then the parent is `NULL`.
const CREATE_SESSION: &str = insert_session!(
    "CASE WHEN ?8 IS NULL THEN ?4 ELSE (SELECT id FROM sessions WHERE id = ?4) END",
    " ON CONFLICT (id) DO NOTHING"
);

const INSERT_SESSION: &str = insert_session!("?4", "");

const END: &str = "UPDATE sessions SET ended_at = ?2, end_reason = ?3 WHERE id = ?1 AND ended_at IS NULL";

const SET_MODEL: &str = "UPDATE sessions SET model = ?2 WHERE id = ?1";

const REOPEN: &str = "UPDATE sessions SET ended_at = NULL, end_reason = NULL WHERE id = ?1";

const REPLACE_MESSAGES: &str = "UPDATE messages SET active = 0, compacted = 1 WHERE session_id = ?1 AND active = 1";

const DELETE_ACTIVE: &str = "DELETE FROM messages WHERE session_id = ?1 AND active = 1";

const DELETE_MESSAGES: &str = "DELETE FROM messages WHERE session_id = ?1";

const FORGET_PARENT: &str = "UPDATE sessions SET parent_session_id = NULL WHERE parent_session_id = ?1";

const DELETE_SESSION: &str = "DELETE FROM sessions WHERE id = ?1";

const INSERT_ROW: &str = "
INSERT INTO sessions (id, source, model, parent_session_id, model_config, started_at, ended_at, end_reason, message_count,
    tool_call_count, title, cwd)
VALUES (?1, ?2, ?3, ?4, CASE WHEN ?5 IS NOT NULL THEN json_object('_branched_from', ?5) END, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

const INSERT_MESSAGE_ROW: &str = "
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, active, compacted)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NOT ?9)";
