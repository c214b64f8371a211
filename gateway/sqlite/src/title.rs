//! Titles of a lineage: `name`, `name #2`, `name #3` …

use rusqlite::{Connection, OptionalExtension, params};

use super::column::{Column, branched_from};
use gateway_core::store::StoredId;

/// Gives `session` the next title of its parent's lineage; the parent keeps its own. False if the parent has no title or
/// no row.
pub(super) fn carry_on(connection: &Connection, session: &StoredId, parent: &StoredId) -> rusqlite::Result<bool> {
    let title: Option<Option<String>> =
        connection.prepare_cached(TITLE)?.query_row([Column(parent)], |row| row.get(0)).optional()?;
    let Some(title) = title.flatten() else {
        return Ok(false);
    };
    let next = next(connection, base(&title))?;
    Ok(set(connection, session, &next)? > 0)
}

/// Gives a branch the next title of its parent's lineage. Without a title of the parent the lineage is `branch`, whose first
/// title has no number.
pub(super) fn branch(connection: &Connection, session: &StoredId, parent: &StoredId) -> rusqlite::Result<()> {
    if !carry_on(connection, session, parent)? {
        let title = match is_free(connection, UNTITLED)? {
            true => UNTITLED.to_owned(),
            false => next(connection, UNTITLED)?,
        };
        set(connection, session, &title)?;
    }
    Ok(())
}

/// Removes a title from the rows that a session continues: they belong to the same conversation and are no longer listed.
pub(super) fn take(connection: &Connection, session: &StoredId, title: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(TAKE_FROM_ANCESTORS)?.execute(params![Column(session), title])
}

fn is_free(connection: &Connection, title: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached(IS_FREE)?.query_row([title], |row| row.get(0))
}

/// Sets a title. A taken one violates the unique index.
pub(super) fn set(connection: &Connection, session: &StoredId, title: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(SET_TITLE)?.execute(params![Column(session), title])
}

/// The title after the highest number of `base` in the whole table, because the unique index covers all rows.
fn next(connection: &Connection, base: &str) -> rusqlite::Result<String> {
    let mut statement = connection.prepare_cached(TITLES_WITH_BASE)?;
    let titles = statement.query_map([base], |row| row.get::<_, String>(0))?;
    let mut highest = 1;
    for title in titles {
        highest = highest.max(numbered(&title?).filter(|(name, _)| *name == base).map_or(1, |(_, number)| number));
    }
    Ok(format!("{base} #{}", u64::from(highest) + 1))
}

/// A title without its ` #N` suffix.
fn base(title: &str) -> &str {
    numbered(title).map_or(title, |(base, _)| base)
}

/// Splits a title that ends with ` #` and digits. `None` if the name would be empty or the number exceeds `u32`.
fn numbered(title: &str) -> Option<(&str, u32)> {
    let (base, digits) = title.rsplit_once(" #")?;
    let is_number = !base.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok().map(|number| (base, number)))?
}

/// The lineage of branches whose parent has no title.
const UNTITLED: &str = "branch";

const IS_FREE: &str = "SELECT NOT EXISTS (SELECT 1 FROM sessions WHERE title = ?1)";

/// A child continues its parent only when a compression has ended the parent. `UNION` stops at a cycle.
const TAKE_FROM_ANCESTORS: &str = concat!(
    "
WITH RECURSIVE continued (id) AS (
    SELECT ?1
    UNION
    SELECT parent.id
    FROM sessions AS child JOIN continued USING (id) JOIN sessions AS parent ON parent.id = child.parent_session_id
    WHERE parent.end_reason = 'compression' AND (",
    branched_from!("child.model_config"),
    ") IS NULL
)
UPDATE sessions SET title = NULL
WHERE title = ?2 AND id <> ?1 AND id IN (SELECT id FROM continued)"
);

const TITLE: &str = "SELECT title FROM sessions WHERE id = ?1";

const SET_TITLE: &str = "UPDATE sessions SET title = ?2 WHERE id = ?1";

/// A prefix as a range: `$` is the character after `#`. Unlike `LIKE` it needs no escapes and uses the index.
const TITLES_WITH_BASE: &str = "
SELECT title FROM sessions
WHERE title = ?1 OR (title >= ?1 || ' #' AND title < ?1 || ' $')
ORDER BY title";

#[cfg(test)]
mod tests {
    use super::super::Database;
    use super::*;
    use gateway_core::clock::Wall;
    use gateway_core::store::{NewSession, Write};

    /// Creates rows with these titles, the parent's first, and a child. `None` expects a child without a title.
    #[track_caller]
    fn check(titles: &[&str], expected: Option<&str>) {
        let mut database = Database::in_memory().expect("memory");
        for (number, title) in titles.iter().enumerate() {
            create(&mut database, &format!("row{number}"), Some(title));
        }
        if titles.is_empty() {
            create(&mut database, "row0", None);
        }
        create(&mut database, "child", None);
        let write = Write::ContinueTitle { session: StoredId::new("child"), parent: StoredId::new("row0") };
        let written = database.write(&write).expect("it is written");
        assert_eq!(written.changed, usize::from(expected.is_some()));
        let dump = database.dump().expect("rows");
        let child = dump.sessions.last().expect("the child");
        assert_eq!(child.title.as_deref(), expected);
        assert_eq!(dump.sessions[0].title.as_deref(), titles.first().copied(), "the parent keeps its title");
    }

    fn create(database: &mut Database, id: &str, title: Option<&str>) {
        let session = NewSession {
            id: StoredId::new(id),
            source: "tui".to_owned(),
            model: None,
            parent: None,
            branched_from: None,
            started_at: Wall(0),
            cwd: None,
            title: title.map(str::to_owned),
        };
        database.write(&Write::CreateSession { session }).expect("it is written");
    }

    #[test]
    fn numbers_count_up_in_a_lineage() {
        check(&[], None);
        check(&["name"], Some("name #2"));
        check(&["name #2"], Some("name #3"));
        check(&["name #2", "name", "name #9"], Some("name #10"));
        check(&["name #9", "name #10"], Some("name #11"));
    }

    #[test]
    fn only_the_same_name_counts() {
        check(&["name", "names #7", "name  #8", "my name #9", "name #2 #5", "Name #4"], Some("name #2"));
        check(&["name", "name #2b", "name #", "name #-3", "name #+4"], Some("name #2"));
        check(&["100%", "100_ #5"], Some("100% #2"));
        check(&["naïve", "naïve #3"], Some("naïve #4"));
    }

    #[test]
    fn what_is_no_number_belongs_to_the_name() {
        check(&["name #two"], Some("name #two #2"));
        check(&["name #"], Some("name # #2"));
        check(&[" #4"], Some(" #4 #2"));
        check(&["name #99999999999"], Some("name #99999999999 #2"));
    }
}
