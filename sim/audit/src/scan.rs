//! Streams the messages, one row of `sessions` at a time. Texts are hashed and dropped.

use std::hash::Hasher;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement};
use serde::Deserialize;
use serde::de::IgnoredAny;
use siphasher::sip::SipHasher13;

use crate::row::{Row, place, seconds, text};
use crate::schema::Schema;
use crate::transcript::{CallId, Message, Part, Role, Talk, Transcript};

/// An id of a call from this length on is drawn at random. Shorter ones, such as `call_0`, come again in each answer.
const UNIQUE_LENGTH: usize = 16;

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
            let mut digest = SipHasher13::new();
            for column in [0, 2, 3, 4] {
                hash(&mut digest, row.get_ref(column)?);
            }
            let (calls, calls_made) = read_calls(row.get_ref(4)?);
            transcript.add(Message {
                id,
                role: role(row.get_ref(0)?),
                part: part(row.get_ref(5)?, row.get_ref(6)?),
                at: seconds(row.get_ref(1)?),
                digest: digest.finish(),
                calls,
                calls_made,
                answers: bytes(row.get_ref(3)?).filter(|id| !id.is_empty()).map(|id| call_id(id, id)),
            });
        }
        Ok(transcript.finish())
    }
}

fn role(value: ValueRef<'_>) -> Role {
    match bytes(value) {
        Some(b"user") => Role::User,
        Some(b"assistant") => Role::Assistant,
        Some(b"tool") => Role::Tool,
        _ => Role::Other,
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

fn bytes(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes),
        _ => None,
    }
}

/// Adds a value to a digest. The length keeps two neighbours apart.
fn hash(digest: &mut SipHasher13, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => digest.write_u8(0),
        ValueRef::Integer(number) => digest.write_i64(number),
        ValueRef::Real(number) => digest.write_u64(number.to_bits()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            digest.write_usize(bytes.len());
            digest.write(bytes);
        }
    }
}

/// One call in the column `tool_calls`. Some providers name it twice, and the result has either name.
#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    id: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    call_id: Option<std::borrow::Cow<'a, str>>,
}

/// The ids of the calls in a column, and the number of calls as the releases count them: the elements of a list, or 1 for
/// anything else.
fn read_calls(value: ValueRef<'_>) -> (Vec<CallId>, u64) {
    let Some(text) = bytes(value).filter(|text| !text.is_empty()) else { return (Vec::new(), 0) };
    if let Ok(list) = serde_json::from_slice::<Vec<Call<'_>>>(text) {
        let named = list.iter().filter_map(|call| {
            let first = call.id.as_ref().or(call.call_id.as_ref())?;
            let second = call.call_id.as_ref().unwrap_or(first);
            Some(call_id(first.as_bytes(), second.as_bytes()))
        });
        return (named.collect(), list.len() as u64);
    }
    match serde_json::from_slice::<Vec<IgnoredAny>>(text) {
        Ok(list) => (Vec::new(), list.len() as u64),
        Err(_) => (Vec::new(), 1),
    }
}

fn call_id(first: &[u8], second: &[u8]) -> CallId {
    let name = |id: &[u8]| {
        let mut digest = SipHasher13::new();
        digest.write(id);
        digest.finish()
    };
    CallId { names: [name(first), name(second)], is_unique: first.len() >= UNIQUE_LENGTH }
}
