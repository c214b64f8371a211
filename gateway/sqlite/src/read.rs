//! The queries.

use rusqlite::{Connection, OptionalExtension, Params};

use super::column::{self, Column, branched_from, select_messages, select_sessions};
use super::{input, tip};
use gateway_core::clock::Wall;
use gateway_core::store::{
    EndReason, Found, Left, ListOrder, ListedRow, MessageRow, Read, SessionRow, StoredId, TipRule,
};

/// The time of the last activity of each chain, by its root. The literal selects the roots. `UNION` stops at a cycle.
macro_rules! activity {
    ($roots:literal) => {
        concat!(
            "WITH RECURSIVE row (id, parent_session_id, branched) AS (SELECT id, parent_session_id, (",
            $crate::column::branched_from!("model_config"),
            ") IS NOT NULL FROM sessions),
            chain (root, id) AS (
                SELECT id, id FROM row WHERE ",
            $roots,
            "
                UNION
                SELECT chain.root, child.id
                FROM chain JOIN sessions AS parent ON parent.id = chain.id
                JOIN row AS child ON child.parent_session_id = parent.id AND NOT child.branched
                WHERE parent.end_reason = 'compression'
            ),
            activity (root, at) AS (
                SELECT root, MAX(at) FROM (
                    SELECT root, started_at AS at FROM chain JOIN sessions ON sessions.id = chain.id
                    UNION ALL
                    SELECT root, timestamp FROM chain JOIN messages ON session_id = chain.id
                ) GROUP BY root
            ) "
        )
    };
}

/// Executes a query. The caller holds a transaction, so that all statements see one snapshot.
pub(super) fn answer(connection: &Connection, read: &Read) -> rusqlite::Result<Found> {
    Ok(match read {
        Read::Session { id } => Found::Session(session(connection, id)?),
        Read::Titled { title } => {
            Found::Session(connection.prepare_cached(TITLED)?.query_row([title], column::session).optional()?)
        }
        Read::Messages { session } => Found::Messages(messages(connection, MESSAGES, [Column(session)])?),
        Read::Inputs { session } => Found::Inputs(input::waiting(connection, session)?),
        Read::Input { id } => Found::Inputs(input::waiting_as(connection, id)?),
        Read::Keyed { key } => Found::Keyed(input::keyed(connection, key)?),
        Read::Tip { session, rule } => Found::Tip(tip::tip(connection, session, *rule)?),
        Read::Chain { session } => Found::Chain(tip::chain(connection, session)?),
        Read::Open => Found::Open(sessions(connection, OPEN, [])?),
        Read::Left => {
            Found::Left(Left { open: sessions(connection, OPEN, [])?, halves: sessions(connection, UNFOLLOWED, [])? })
        }
        Read::List { limit, order, rule } => Found::List(list(connection, *limit, *order, *rule)?),
    })
}

/// Reads all session rows, in order of creation.
pub(super) fn all_sessions(connection: &Connection) -> rusqlite::Result<Vec<SessionRow>> {
    sessions(connection, ALL_SESSIONS, [])
}

/// Reads all message rows, in order of id.
pub(super) fn all_messages(connection: &Connection) -> rusqlite::Result<Vec<MessageRow>> {
    messages(connection, ALL_MESSAGES, [])
}

fn list(connection: &Connection, limit: u32, order: ListOrder, rule: TipRule) -> rusqlite::Result<Vec<ListedRow>> {
    let roots = match order {
        ListOrder::Activity => ROOTS_BY_ACTIVITY,
        ListOrder::Start => ROOTS_BY_START,
    };
    sessions(connection, roots, [limit])?.into_iter().map(|root| listed(connection, root, rule)).collect()
}

fn listed(connection: &Connection, root: SessionRow, rule: TipRule) -> rusqlite::Result<ListedRow> {
    let last_active: Wall =
        connection.prepare_cached(LAST_ACTIVE)?.query_row([Column(&root.id)], |row| column::value(row, 0))?;
    let row = project(connection, root, rule)?;
    let preview = connection.prepare_cached(PREVIEW)?.query_row([Column(&row.id)], |row| row.get(0)).optional()?;
    Ok(ListedRow { row, preview, last_active })
}

/// The list entry of a conversation: its root's row, with id, end, counts and title of the tip. The root's start decides
/// the position.
fn project(connection: &Connection, root: SessionRow, rule: TipRule) -> rusqlite::Result<SessionRow> {
    if root.end_reason.as_deref() != Some(EndReason::Compression.as_str()) {
        return Ok(root);
    }
    let tip = tip::tip(connection, &root.id, rule)?;
    let Some(tip) = session(connection, &tip)? else {
        return Ok(root);
    };
    Ok(SessionRow {
        id: tip.id,
        ended_at: tip.ended_at,
        end_reason: tip.end_reason,
        message_count: tip.message_count,
        tool_call_count: tip.tool_call_count,
        title: tip.title,
        ..root
    })
}

fn session(connection: &Connection, id: &StoredId) -> rusqlite::Result<Option<SessionRow>> {
    connection.prepare_cached(SESSION)?.query_row([Column(id)], column::session).optional()
}

fn sessions(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Vec<SessionRow>> {
    connection.prepare_cached(sql)?.query_map(params, column::session)?.collect()
}

fn messages(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Vec<MessageRow>> {
    connection.prepare_cached(sql)?.query_map(params, column::message)?.collect()
}

const SESSION: &str = select_sessions!("WHERE id = ?1");

const TITLED: &str = select_sessions!("WHERE title = ?1");

/// Roots are rows without a parent, and branches. `branched_from` is `NULL` in a row that continues its parent.
const ROOTS_BY_START: &str = select_sessions!(
    "WHERE (parent_session_id IS NULL OR branched_from IS NOT NULL) AND archived = 0 AND source <> 'tool'
    ORDER BY started_at DESC, id DESC LIMIT ?1"
);

const ROOTS_BY_ACTIVITY: &str = concat!(
    activity!("parent_session_id IS NULL OR branched"),
    select_sessions!(
        "WHERE id IN (SELECT root FROM activity) AND archived = 0 AND source <> 'tool'
        ORDER BY (SELECT at FROM activity WHERE root = sessions.id) DESC, started_at DESC, id DESC LIMIT ?1"
    )
);

const LAST_ACTIVE: &str = concat!(activity!("id = ?1"), "SELECT at FROM activity");

const PREVIEW: &str = "
SELECT substr(content, 1, 160) FROM messages
WHERE session_id = ?1 AND active = 1 AND role = 'user' AND content IS NOT NULL
ORDER BY id LIMIT 1";

/// A new row's `rowid` is above all existing ones. SQLite may reuse that of a deleted row, which keeps the order of the
/// remaining rows.
const ALL_SESSIONS: &str = select_sessions!("ORDER BY rowid");

const OPEN: &str = select_sessions!("WHERE ended_at IS NULL ORDER BY rowid");

/// What continues a row is defined as in [`tip`].
const UNFOLLOWED: &str = concat!(
    select_sessions!("AS parent WHERE ended_at IS NOT NULL AND end_reason = 'compression' AND NOT EXISTS ("),
    "SELECT 1 FROM sessions AS child WHERE child.parent_session_id = parent.id AND (",
    branched_from!("child.model_config"),
    ") IS NULL AND NOT (child.started_at < parent.ended_at AND child.source <> parent.source)) ORDER BY rowid"
);

const MESSAGES: &str = select_messages!("WHERE session_id = ?1 AND active = 1 ORDER BY id");

const ALL_MESSAGES: &str = select_messages!("ORDER BY id");

#[cfg(test)]
mod tests {
    use super::super::{Database, notation};
    use super::*;
    use gateway_core::store::{NewMessage, Role, Write};

    #[track_caller]
    fn check_list(rows: &str, limit: u32, expected: &[&str]) {
        check_list_of(&notation::database(rows), limit, expected);
    }

    /// Checks the list by activity, with the time of the last activity behind each id.
    #[track_caller]
    fn check_by_activity(rows: &str, expected: &[&str]) {
        let database = notation::database(rows);
        let read = Read::List { limit: 9, order: ListOrder::Activity, rule: TipRule::BestContinuation };
        let Ok(Found::List(rows)) = database.read(&read) else { panic!("no list") };
        let line = |listed: &ListedRow| format!("{} at {}", listed.row.id, listed.last_active.as_seconds());
        assert_eq!(rows.iter().map(line).collect::<Vec<_>>(), expected);
    }

    #[track_caller]
    fn check_list_of(database: &Database, limit: u32, expected: &[&str]) {
        let read = Read::List { limit, order: ListOrder::Start, rule: TipRule::BestContinuation };
        let Ok(Found::List(rows)) = database.read(&read) else { panic!("no list") };
        assert_eq!(rows.iter().map(|listed| notation::line(&listed.row)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn roots_are_listed_newest_first() {
        check_list("", 9, &[]);
        check_list("a@1; b@3 tui_close@4; c@2; d@3", 9, &["d@3", "b@3 tui_close@4", "c@2", "a@1"]);
        check_list("a@1; b@3; c@2", 2, &["b@3", "c@2"]);
        check_list("a@1 tui_close@2; b<a@3", 9, &["a@1 tui_close@2"]);
    }

    #[test]
    fn activity_is_that_of_the_whole_chain() {
        check_by_activity("a@1 said@9; b@3; c@5 said@4", &["a at 9", "c at 5", "b at 3"]);
        check_by_activity("a@1 compression@2; b<a@2 compression@7; c<b@7; d@6", &["c at 7", "d at 6"]);
        // A child belongs to its parent's chain only if a compression has ended the parent.
        check_by_activity("a@1; b<a@9 said@9; c@2", &["c at 2", "a at 1"]);
    }

    /// A half is a row that a compression has ended and that no other continues.
    #[test]
    fn halves_of_rotations_are_found() {
        let halves = |rows: &str| -> Vec<String> {
            let Ok(Found::Left(Left { halves, .. })) = notation::database(rows).read(&Read::Left) else {
                panic!("no halves")
            };
            halves.iter().map(|row| row.id.to_string()).collect()
        };
        assert_eq!(halves("a@1 said@1 compression@2; b@3; c@4 tui_close@5"), ["a"]);
        assert_eq!(halves("a@1 said@1 compression@2; b<a@2"), [""; 0]);
        assert_eq!(halves("a@1 said@1; b<a@3 said@3"), [""; 0], "an open row may have children of any kind");
    }

    #[test]
    fn a_preview_is_what_the_user_said_first() {
        let preview = |rows: &str| {
            let read = Read::List { limit: 1, order: ListOrder::Start, rule: TipRule::BestContinuation };
            match notation::database(rows).read(&read) {
                Ok(Found::List(rows)) => rows[0].preview.clone(),
                other => panic!("no list: {other:?}"),
            }
        };
        assert_eq!(preview("a@1"), None);
        assert_eq!(preview("a@1 said@1 said@2").as_deref(), Some("hello"));
    }

    /// The tip provides id, end, counts and title; the root provides the start and so the position.
    #[test]
    fn a_continued_root_stands_for_its_tip() {
        let chain = "a@1 said@1 said@2 title=x compression@5; b<a@5 compression@9; c<b@9 said@9 title=y tui_close@12";
        check_list(&format!("{chain}; d@3"), 9, &["d@3", "c@1 tui_close@12 messages=1 title=y"]);
        check_list("a@1 said@1 title=x compression@5", 9, &["a@1 compression@5 messages=1 title=x"]);
    }

    /// A reopened parent hides its child, as in every release (spec §10).
    #[test]
    fn a_reopened_root_stands_for_itself() {
        let mut database = notation::database("a@1 compression@5; b<a@5");
        database.write(&Write::Reopen { session: StoredId::new("a") }).expect("it is written");
        check_list_of(&database, 9, &["a@1"]);
    }

    #[test]
    fn archived_rows_are_not_listed() {
        let database = notation::database("a@1; b@2");
        database.connection.execute("UPDATE sessions SET archived = 1 WHERE id = 'b'", []).expect("it is written");
        check_list_of(&database, 9, &["a@1"]);
    }

    #[test]
    fn reset_keeps_nothing() {
        let rows = "a@1 said@1 said@2 title=x compression@5; b<a@5 said@9; c@2";
        let mut database = notation::database(rows);
        let before = database.dump().expect("rows");
        assert_eq!(before.messages.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 2, 3]);
        database.reset().expect("it is reset");
        let empty = database.dump().expect("no rows");
        assert!(empty.sessions.is_empty() && empty.messages.is_empty());
        notation::insert(&mut database, rows);
        assert_eq!(database.dump().expect("rows"), before, "message ids start again at 1, and titles are free");
    }

    /// Each column of a message survives a write and a read.
    #[test]
    fn messages_come_back_whole() {
        let mut database = notation::database("a@1");
        let calls = NewMessage {
            content: None,
            tool_calls: Some("[{\"id\":\"call_1\"}]".to_owned()),
            ..NewMessage::text(Role::Assistant, "", gateway_core::clock::Wall(1_767_225_600_123))
        };
        let result = NewMessage {
            tool_call_id: Some("call_1".to_owned()),
            tool_name: Some("shell".to_owned()),
            ..NewMessage::text(Role::Tool, "it's \u{1F980}\0", gateway_core::clock::Wall(1_767_225_600_124))
        };
        let messages = vec![calls, result];
        let session = StoredId::new("a");
        let write = Write::Append { session: session.clone(), messages: messages.clone(), taken: Vec::new() };
        database.write(&write).expect("it is written");
        let Ok(Found::Messages(rows)) = database.read(&Read::Messages { session }) else { panic!("no messages") };
        assert_eq!(rows.into_iter().map(|row| row.message).collect::<Vec<_>>(), messages);
        assert_eq!(database.dump().expect("rows").sessions[0].tool_call_count, 1);
    }
}
