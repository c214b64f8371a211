//! Chains of compressions, and tips: the newest row of a chain (spec §10).

use rusqlite::{Connection, OptionalExtension};

use super::column::{self, Column, branched_from};
use gateway_core::store::{StoredId, TipRule};

/// The upper bound of a chain's length. It also ends a cycle of parents.
const HOPS_MAX: usize = 100;

/// The newest continuation of `start`; `start` itself if it has none or no row.
pub(super) fn tip(connection: &Connection, start: &StoredId, rule: TipRule) -> rusqlite::Result<StoredId> {
    match rule {
        TipRule::Continuation => follow(connection, start, CONTINUATION),
        TipRule::BestContinuation => follow(connection, start, BEST_CONTINUATION),
        TipRule::StartedAfterEnd => follow(connection, start, STARTED_AFTER_END),
        TipRule::AnyChild => last_with_messages(connection, follow(connection, start, BEST_CONTINUATION)?),
    }
}

/// The rows that compressions have linked with `session`, before and after it, in the order of insertion. Empty if there is no
/// such row.
pub(super) fn chain(connection: &Connection, session: &StoredId) -> rusqlite::Result<Vec<StoredId>> {
    connection.prepare_cached(CHAIN)?.query_map([Column(session)], |row| column::value(row, 0))?.collect()
}

fn follow(connection: &Connection, start: &StoredId, next: &str) -> rusqlite::Result<StoredId> {
    let mut statement = connection.prepare_cached(next)?;
    let mut current = start.clone();
    for _ in 0..HOPS_MAX {
        match statement.query_row([Column(&current)], |row| column::value(row, 0)).optional()? {
            Some(child) => current = child,
            None => break,
        }
    }
    Ok(current)
}

fn last_with_messages(connection: &Connection, start: StoredId) -> rusqlite::Result<StoredId> {
    let mut statement = connection.prepare_cached(ANY_CHILD)?;
    let (mut current, mut last) = (start.clone(), start);
    for _ in 0..HOPS_MAX {
        let child =
            statement.query_row([Column(&current)], |row| Ok((column::value(row, 0)?, row.get(1)?))).optional()?;
        let Some((child, has_messages)) = child else { break };
        current = child;
        if has_messages {
            last = current.clone();
        }
    }
    Ok(last)
}

/// Selects the best of the children that are no branch and satisfy the condition `$and`. A row is continued only while its
/// end reason is `compression`; a reopened row is its own tip.
macro_rules! best_child {
    ($and:literal) => {
        concat!(
            "
SELECT child.id
FROM sessions AS parent JOIN sessions AS child ON child.parent_session_id = parent.id
WHERE parent.id = ?1 AND parent.ended_at IS NOT NULL AND parent.end_reason = 'compression' AND (",
            branched_from!("child.model_config"),
            ") IS NULL",
            $and,
            "
ORDER BY
    CASE WHEN child.ended_at IS NULL THEN 1 WHEN child.end_reason = 'compression' THEN 0 ELSE 2 END,
    COALESCE((SELECT MAX(timestamp) FROM messages WHERE session_id = child.id), child.started_at) DESC,
    child.started_at DESC,
    child.id DESC
LIMIT 1"
        )
    };
}

/// A compression ends the parent before, or in the transaction in which, it inserts the child. Only a child that has both an
/// earlier start and another source is left out: the clock of another program may be behind, and releases differ in the
/// source that a continuation gets.
const CONTINUATION: &str =
    best_child!(" AND NOT (child.started_at < parent.ended_at AND child.source <> parent.source)");

const BEST_CONTINUATION: &str = best_child!("");

/// A link is a parent and a child as in [`CONTINUATION`], of which a parent may have several. `UNION` stops at a cycle.
const CHAIN: &str = concat!(
    "
WITH RECURSIVE
    link (parent, child) AS NOT MATERIALIZED (
        SELECT parent.id, child.id
        FROM sessions AS child JOIN sessions AS parent ON parent.id = child.parent_session_id
        WHERE parent.ended_at IS NOT NULL AND parent.end_reason = 'compression' AND (",
    branched_from!("child.model_config"),
    ") IS NULL AND NOT (child.started_at < parent.ended_at AND child.source <> parent.source)
    ),
    earlier (id) AS (SELECT ?1 UNION SELECT parent FROM earlier JOIN link ON child = id),
    chain (id) AS (SELECT id FROM earlier UNION SELECT child FROM chain JOIN link ON parent = id)
SELECT id FROM sessions WHERE id IN (SELECT id FROM chain) ORDER BY rowid"
);

const ANY_CHILD: &str = concat!(
    "
SELECT id, EXISTS (SELECT 1 FROM messages WHERE session_id = child.id)
FROM sessions AS child
WHERE parent_session_id = ?1 AND source <> 'tool' AND (",
    branched_from!("model_config"),
    ") IS NULL
ORDER BY started_at DESC, id DESC
LIMIT 1"
);

const STARTED_AFTER_END: &str = "
SELECT child.id
FROM sessions AS parent JOIN sessions AS child ON child.parent_session_id = parent.id
WHERE parent.id = ?1 AND parent.ended_at IS NOT NULL AND parent.end_reason = 'compression'
    AND child.started_at >= parent.ended_at
ORDER BY child.started_at DESC, child.id DESC
LIMIT 1";

#[cfg(test)]
mod tests {
    use super::super::notation;
    use super::*;
    use gateway_core::store::{Found, Read, Write};

    /// Another program starts a session after a row, which is resumed and compressed later.
    #[test]
    fn a_session_of_another_program_continues_no_row() {
        let tips = |rows: &str, source: &str| {
            let database = notation::database(rows);
            database
                .connection
                .execute("UPDATE sessions SET source = ?1 WHERE id = 'cli'", [source])
                .expect("a source");
            [TipRule::Continuation, TipRule::BestContinuation].map(|rule| {
                match database.read(&Read::Tip { session: StoredId::new("a"), rule }) {
                    Ok(Found::Tip(id)) => id.to_string(),
                    other => panic!("no tip: {other:?}"),
                }
            })
        };
        assert_eq!(tips("a@0 compression@5; cli<a@3", "cli"), ["a", "cli"]);
        assert_eq!(tips("a@0 compression@5; cli<a@3; b<a@5 tui_close@9", "cli"), ["b", "cli"]);
        // Of the same source, or started at the parent's end: it may be the continuation.
        assert_eq!(tips("a@0 compression@5; cli<a@3", "tui"), ["cli"; 2]);
        assert_eq!(tips("a@0 compression@5; cli<a@5", "cli"), ["cli"; 2]);
    }

    #[track_caller]
    fn check(rows: &str, start: &str, best_continuation: &str, started_after_end: &str) {
        let database = notation::database(rows);
        let tip = |rule| match database.read(&Read::Tip { session: StoredId::new(start), rule }) {
            Ok(Found::Tip(id)) => id.to_string(),
            other => panic!("no tip: {other:?}"),
        };
        assert_eq!(tip(TipRule::Continuation), best_continuation, "continuation");
        assert_eq!(tip(TipRule::BestContinuation), best_continuation, "best continuation");
        assert_eq!(tip(TipRule::StartedAfterEnd), started_after_end, "started after end");
    }

    #[test]
    fn without_continuation_a_row_is_its_own_tip() {
        check("a@0", "a", "a", "a");
        check("a@0", "missing", "missing", "missing");
        check("a@0 compression@5", "a", "a", "a");
        // A child of a row that was not ended by a compression does not continue it.
        check("a@0 tui_close@5; b<a@6", "a", "a", "a");
        check("a@0; b<a@6", "a", "a", "a");
    }

    #[test]
    fn chains_are_followed_from_any_row_to_the_end() {
        let chain = "a@0 compression@5; b<a@5 compression@9; c<b@9 tui_close@12";
        check(chain, "a", "c", "c");
        check(chain, "b", "c", "c");
        check(chain, "c", "c", "c");
    }

    /// Old releases compare start times only, so they miss a child that was created before its parent's end.
    #[test]
    fn rules_differ_on_time() {
        check("a@0 compression@5; b<a@4", "a", "b", "a");
        check("a@0 compression@5; b<a@4; c<a@5 tui_close@6", "a", "b", "c");
    }

    #[test]
    fn best_continuation_is_compressed_then_open_then_latest() {
        check("a@0 compression@5; b<a@6 compression@7; c<a@8; d<a@9 tui_close@10", "a", "b", "d");
        check("a@0 compression@5; c<a@8; d<a@9 tui_close@10", "a", "c", "d");
        check("a@0 compression@5; b<a@6 tui_close@20; c<a@8 tui_close@9", "a", "c", "c");
        // Activity is the time of the last message, or the start of a row without messages.
        check("a@0 compression@5; b<a@6 said@30; c<a@8", "a", "b", "c");
        check("a@0 compression@5; b<a@6 said@8; c<a@8", "a", "c", "c");
        check("a@0 compression@5; b<a@8; c<a@8", "a", "c", "c");
    }

    #[test]
    fn a_chain_is_all_rows_that_compressions_have_linked() {
        let chain = |rows: &str, start: &str| {
            let read = Read::Chain { session: StoredId::new(start) };
            match notation::database(rows).read(&read) {
                Ok(Found::Chain(ids)) => ids.iter().map(StoredId::to_string).collect::<Vec<_>>().join(" "),
                other => panic!("no chain: {other:?}"),
            }
        };
        let rows = "a@0 compression@5; b<a@5 compression@9; x@6; c<b@9 tui_close@12; d<c@13; e<a@7";
        for start in ["a", "b", "c", "e"] {
            assert_eq!(chain(rows, start), "a b c e");
        }
        assert_eq!([chain(rows, "x"), chain(rows, "d"), chain(rows, "missing")], ["x", "d", ""]);
    }

    /// A session that another program starts after a row is no continuation, but one release follows it.
    #[test]
    fn any_child_goes_on_where_compressions_end() {
        let any_child = |rows: &str, start: &str| {
            let read = Read::Tip { session: StoredId::new(start), rule: TipRule::AnyChild };
            match notation::database(rows).read(&read) {
                Ok(Found::Tip(id)) => id.to_string(),
                other => panic!("no tip: {other:?}"),
            }
        };
        assert_eq!(any_child("a@0 compression@5; b<a@5 tui_close@9; c<b@10 said@11", "a"), "c");
        assert_eq!(any_child("a@0 tui_close@5; b<a@6; c<b@7 said@8; d<c@9", "a"), "c");
        assert_eq!(any_child("a@0 tui_close@5; b<a@6 said@6; c<a@7 said@7", "a"), "c");
        assert_eq!(any_child("a@0 tui_close@5; b<a@6", "a"), "a");
        assert_eq!(any_child("a@0", "missing"), "missing");
    }

    #[test]
    fn a_ring_ends() {
        let mut database = notation::database("a@0 compression@5; b<a@5 compression@9");
        database.connection.execute("UPDATE sessions SET parent_session_id = 'b' WHERE id = 'a'", []).expect("a ring");
        let read = Read::Tip { session: StoredId::new("a"), rule: TipRule::BestContinuation };
        assert_eq!(database.read(&read), Ok(Found::Tip(StoredId::new("a"))), "after an even number of hops");
        assert!(database.write(&Write::ReopenTip { session: StoredId::new("a") }).is_ok());
    }
}
