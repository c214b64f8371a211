//! Streams the messages, one row of `sessions` at a time. Texts are hashed and dropped.

use std::borrow::Cow;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement};

use crate::message::{Columns, Message, Part};
use crate::row::{Row, place, seconds, text};
use crate::schema::Schema;
use crate::transcript::{Talk, Transcript};

/// What the scan found beside the talk of each row.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    pub(crate) messages: u64,
    /// Ids that messages name and no row has, with the number of their messages.
    pub(crate) without_row: Vec<(String, u64)>,
}

/// Fills in the talk of each row.
///
/// The ids come from an index, where there is one, so that only those of one row are in memory; without an index SQLite sorts
/// ids, and no texts.
pub(crate) fn messages(connection: &Connection, schema: &Schema, rows: &mut [Row]) -> rusqlite::Result<Scanned> {
    let mut scanned = Scanned::default();
    let mut keys = connection.prepare("SELECT session_id, rowid FROM messages ORDER BY session_id")?;
    let mut reader = Reader::new(connection, schema)?;
    let mut keys = keys.query([])?;
    let (mut session, mut ids) = (None, Vec::new());
    loop {
        let next = match keys.next()? {
            Some(row) => Some((text(row.get_ref(0)?).unwrap_or_default(), row.get::<_, i64>(1)?)),
            None => None,
        };
        if let Some((found, id)) = &next
            && session.as_ref() == Some(found)
        {
            ids.push(*id);
            continue;
        }
        if let Some(session) = session.take() {
            scanned.messages += ids.len() as u64;
            match place(rows, &session) {
                Some(place) => {
                    // The index has them by time; they were stored in the order of their ids.
                    ids.sort_unstable();
                    let row = &mut rows[place];
                    row.talk = reader.read(&ids, row.ended_at)?;
                }
                None => scanned.without_row.push((session, ids.len() as u64)),
            }
        }
        let Some((found, id)) = next else { return Ok(scanned) };
        session = Some(found);
        ids.clear();
        ids.push(id);
    }
}

/// Reads messages by id.
struct Reader<'a> {
    statement: Statement<'a>,
}

impl<'a> Reader<'a> {
    fn new(connection: &'a Connection, schema: &Schema) -> rusqlite::Result<Self> {
        let column = |name, otherwise| schema.column("messages", name, otherwise);
        let sql = format!(
            "SELECT {}, {}, {}, {}, {}, {}, {} FROM messages WHERE rowid = ?1",
            column("role", "NULL"),
            column("timestamp", "NULL"),
            column("content", "NULL"),
            column("tool_call_id", "NULL"),
            column("tool_calls", "NULL"),
            column("active", "1"),
            column("compacted", "0"),
        );
        Ok(Self { statement: connection.prepare(&sql)? })
    }

    /// Reads the messages of one row, which ended at `ended_at`, if at all.
    fn read(&mut self, ids: &[i64], ended_at: Option<f64>) -> rusqlite::Result<Talk> {
        let mut transcript = Transcript::new(ended_at);
        for &id in ids {
            let mut found = self.statement.query([id])?;
            let Some(row) = found.next()? else { continue };
            let (role, content, tool_call_id, tool_calls) =
                (stored(row.get_ref(0)?), stored(row.get_ref(2)?), stored(row.get_ref(3)?), stored(row.get_ref(4)?));
            let columns = Columns {
                role: role.as_deref(),
                content: content.as_deref(),
                tool_call_id: tool_call_id.as_deref(),
                tool_calls: tool_calls.as_deref(),
            };
            let part = part(row.get_ref(5)?, row.get_ref(6)?);
            transcript.add(Message::new(id, part, seconds(row.get_ref(1)?), columns));
        }
        Ok(transcript.finish())
    }
}

/// `active` is `NULL` where a release added the column, and counts as set.
fn part(active: ValueRef<'_>, compacted: ValueRef<'_>) -> Part {
    match (active, compacted) {
        (ValueRef::Integer(0), ValueRef::Integer(0) | ValueRef::Null) => Part::Undone,
        (ValueRef::Integer(0), _) => Part::Archived,
        _ => Part::Live,
    }
}

/// The bytes of a value: those of a number are its digits.
fn stored(value: ValueRef<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(Cow::Borrowed(bytes)),
        other => text(other).map(|text| Cow::Owned(text.into_bytes())),
    }
}
