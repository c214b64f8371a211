//! Reads the rows of a gateway's database and compares them with those of a simulated run.
//!
//! Uses one SELECT that works on all known versions of the tables, while the gateway is writing.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use gateway_core::clock::Millis;
use rusqlite::{Connection, OpenFlags};

use super::Scale;
use sim_harness::rows::{ListedSession, since_start_text};

/// A session row, without columns that always differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The stored id, drawn at random.
    pub id: String,
    /// The kind of client that created it.
    pub source: String,
    /// The parent row, which it continues.
    pub parent: Option<String>,
    /// The start, in seconds since 1970.
    pub started_at: f64,
    /// The end, in seconds since 1970.
    pub ended_at: Option<f64>,
    /// The end reason; `None` while the row is open.
    pub end_reason: Option<String>,
    /// The number of counted messages.
    pub message_count: u64,
    /// The title, if it has one.
    pub title: Option<String>,
}

/// The mapping from the times of rows to the times of the script.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The start of the script, in milliseconds since 1970.
    pub wall_ms: u64,
    /// Seconds of row time per second of the script.
    pub scale: Scale,
}

/// Reads all session rows, in order of insertion.
pub fn read(db: &Path) -> rusqlite::Result<Vec<Row>> {
    let connection = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    let mut statement = connection.prepare(
        "SELECT id, source, parent_session_id, started_at, ended_at, end_reason, message_count, title
         FROM sessions ORDER BY rowid",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Row {
            id: row.get(0)?,
            source: row.get(1)?,
            parent: row.get(2)?,
            started_at: row.get(3)?,
            ended_at: row.get(4)?,
            end_reason: row.get(5)?,
            message_count: u64::try_from(row.get::<_, Option<i64>>(6)?.unwrap_or_default()).unwrap_or_default(),
            title: row.get(7)?,
        })
    })?;
    rows.collect()
}

/// The newest row of the chain that starts with `id`.
pub(super) fn newest(rows: &[Row], id: &str) -> String {
    // A child is inserted after its parent, so one pass in that order follows the whole chain.
    rows.iter().fold(id.to_owned(), |newest, row| {
        let continues = row.parent.as_ref() == Some(&newest)
            && rows.iter().any(|parent| parent.id == newest && parent.end_reason.as_deref() == Some("compression"));
        if continues { row.id.clone() } else { newest }
    })
}

/// Rows as in a report, without those in `before`: named s1, s2, …, with times of the script.
pub fn listed(rows: &[Row], before: &BTreeSet<String>, origin: Origin) -> Vec<ListedSession> {
    let rows: Vec<&Row> = rows.iter().filter(|row| !before.contains(&row.id)).collect();
    let alias = |id: &String| {
        let place = rows.iter().position(|row| row.id == *id);
        place.map_or_else(|| id.clone(), |place| format!("s{}", place + 1))
    };
    let ms = |seconds: f64| {
        let since = seconds - origin.wall_ms as f64 / 1000.0;
        let length = Duration::try_from_secs_f64(since.abs()).unwrap_or_default();
        let ms = origin.scale.scripted(length).0.cast_signed();
        if since < 0.0 { -ms } else { ms }
    };
    let listed = |row: &&Row| ListedSession {
        alias: alias(&row.id),
        id: row.id.clone(),
        parent: row.parent.as_ref().map(alias),
        source: row.source.clone(),
        started_ms: ms(row.started_at),
        ended_ms: row.ended_at.map(ms),
        end_reason: row.end_reason.clone(),
        message_count: row.message_count,
        title: row.title.clone(),
    };
    rows.iter().map(listed).collect()
}

/// Compares two sets of rows: number, parents, reasons, counts, openness, order of ends, and times within
/// `tolerance`. Ids always differ and are ignored.
pub fn differences(expected: &[ListedSession], found: &[ListedSession], tolerance: Millis) -> Vec<String> {
    let mut lines = Vec::new();
    let mut check = |what: String, expected: String, found: String| {
        if expected != found {
            lines.push(format!("{what}: expected {expected}, found {found}"));
        }
    };
    check("rows".to_owned(), expected.len().to_string(), found.len().to_string());
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    for (expected, found) in expected.iter().zip(found) {
        let alias = &expected.alias;
        check(format!("{alias}.parent_session_id"), text(&expected.parent), text(&found.parent));
        check(format!("{alias}.end_reason"), text(&expected.end_reason), text(&found.end_reason));
        check(format!("{alias}.message_count"), expected.message_count.to_string(), found.message_count.to_string());
        let times = [
            ("started_at", Some(expected.started_ms), Some(found.started_ms)),
            ("ended_at", expected.ended_ms, found.ended_ms),
        ];
        for (column, expected, found) in times {
            let time = |ms: Option<i64>| ms.map_or_else(|| "NULL".to_owned(), since_start_text);
            let near = expected.zip(found).is_some_and(|(one, other)| one.abs_diff(other) <= tolerance.0);
            if !near {
                check(format!("{alias}.{column}"), time(expected), time(found));
            }
        }
    }
    let ends = |rows: &[ListedSession], place: usize| rows.get(place).and_then(|row| row.ended_ms);
    for (first, row) in expected.iter().enumerate() {
        for (second, other) in expected.iter().enumerate() {
            let before = |rows: &[ListedSession]| ends(rows, first).zip(ends(rows, second));
            if before(expected).is_some_and(|(one, two)| one < two) && before(found).is_some_and(|(one, two)| one > two)
            {
                lines.push(format!("{} ends after {}, expected before it", row.alias, other.alias));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, parent: Option<&str>, ended_at: Option<f64>) -> Row {
        Row {
            id: id.to_owned(),
            source: "tui".to_owned(),
            parent: parent.map(str::to_owned),
            started_at: 1001.0,
            ended_at,
            end_reason: ended_at.map(|_| "compression".to_owned()),
            message_count: 3,
            title: None,
        }
    }

    fn rows() -> Vec<ListedSession> {
        let rows = [row("old", None, None), row("x", None, Some(1002.0)), row("y", Some("x"), Some(1003.0))];
        let scale = "0.5".parse().expect("a scale");
        listed(&rows, &BTreeSet::from(["old".to_owned()]), Origin { wall_ms: 1_000_000, scale })
    }

    /// Earlier rows are left out, parents are named, and times are those of the script, also before its beginning.
    #[test]
    fn rows_are_those_of_the_script() {
        let rows = rows();
        let seen = |row: &ListedSession| (row.alias.clone(), row.parent.clone(), row.started_ms, row.ended_ms);
        assert_eq!(seen(&rows[0]), ("s1".to_owned(), None, 2000, Some(4000)));
        assert_eq!(seen(&rows[1]), ("s2".to_owned(), Some("s1".to_owned()), 2000, Some(6000)));
        let earlier = Row { started_at: 999.0, ..row("z", None, Some(999.5)) };
        let origin = Origin { wall_ms: 1_000_000, scale: Scale::default() };
        let listed = listed(&[earlier], &BTreeSet::new(), origin);
        assert_eq!((listed[0].started_ms, listed[0].ended_ms), (-1000, Some(-500)));
    }

    /// Each kind of difference is detected, with both sides.
    #[test]
    fn differences_are_seen() {
        let check = |change: fn(&mut Vec<ListedSession>), expected: &[&str]| {
            let mut found = rows();
            change(&mut found);
            assert_eq!(differences(&rows(), &found, Millis(1000)), expected);
        };
        check(|_| {}, &[]);
        check(|rows| rows[1].ended_ms = Some(7000), &[]);
        check(|rows| rows[1].ended_ms = Some(7001), &["s2.ended_at: expected 6.000s, found 7.001s"]);
        check(|rows| rows[1].ended_ms = None, &["s2.ended_at: expected 6.000s, found NULL"]);
        check(|rows| drop(rows.pop()), &["rows: expected 2, found 1"]);
        check(|rows| rows[1].parent = None, &["s2.parent_session_id: expected s1, found NULL"]);
        check(|rows| rows[0].message_count = 4, &["s1.message_count: expected 3, found 4"]);
        let reason = "s1.end_reason: expected compression, found tui_close";
        check(|rows| rows[0].end_reason = Some("tui_close".to_owned()), &[reason]);
        let late = &["s1.ended_at: expected 4.000s, found 6.500s", "s1 ends after s2, expected before it"];
        check(|rows| rows[0].ended_ms = Some(6500), late);
    }
}
