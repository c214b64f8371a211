//! SQL that mends the safe kinds. It is printed, and never run: only a person knows that no gateway uses the rows.

use crate::finding::Finding;
use crate::row::Row;

/// The statements of all findings that have one, as a script with its warning; `None` if there is nothing to mend.
pub fn script(database: &str, findings: &[Finding]) -> Option<String> {
    let mut statements: Vec<&str> = findings.iter().filter_map(|finding| finding.repair.as_deref()).collect();
    statements.dedup();
    if statements.is_empty() {
        return None;
    }
    // A name that a shell could change stands in no command.
    let is_word = database.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    let database = if is_word { database } else { "state.db" };
    Some(format!(
        "-- Nothing of this was run. Before you do:\n\
         -- 1. Stop every program that uses the database: each gateway, the desktop app, the command line.\n\
         -- 2. Back it up: sqlite3 '{database}' \".backup '{database}.backup'\"\n\
         -- 3. Read what follows; each statement changes nothing if its row has changed since.\n\
         BEGIN IMMEDIATE;\n{}\nCOMMIT;\n",
        statements.join("\n")
    ))
}

/// Ends an open row at the time of its last use, with the word that the start-up sweep of hermes-agent's main branch uses.
pub(crate) fn end(row: &Row) -> Option<String> {
    let at = row.last_used()?;
    Some(format!(
        "UPDATE sessions SET ended_at = {at}, end_reason = 'startup_orphan_reap' WHERE id = {} AND ended_at IS NULL;",
        literal(&row.id)?
    ))
}

/// Sets a counter to what the messages say.
pub(crate) fn count(row: &Row, column: &str, before: i64, count: i64) -> Option<String> {
    let id = literal(&row.id)?;
    Some(format!("UPDATE sessions SET {column} = {count} WHERE id = {id} AND COALESCE({column}, 0) = {before};"))
}

/// Moves an end that lies before the start to the last use.
pub(crate) fn end_after_start(row: &Row) -> Option<String> {
    let (at, before) = (row.last_used()?, row.ended_at?);
    Some(format!("UPDATE sessions SET ended_at = {at} WHERE id = {} AND ended_at = {before};", literal(&row.id)?))
}

/// Forgets a parent that is missing, as the deletion of a session does.
pub(crate) fn forget_parent(row: &Row) -> Option<String> {
    let (id, parent) = (literal(&row.id)?, literal(row.parent.as_deref()?)?);
    Some(format!("UPDATE sessions SET parent_session_id = NULL WHERE id = {id} AND parent_session_id = {parent};"))
}

/// Text as an SQL literal. `None` for text with control characters, which a terminal or a shell could change.
fn literal(text: &str) -> Option<String> {
    let is_plain = !text.chars().any(|letter| letter.is_control() || letter == char::REPLACEMENT_CHARACTER);
    is_plain.then(|| format!("'{}'", text.replace('\'', "''")))
}
