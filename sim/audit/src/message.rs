//! A message as far as it is judged: its columns are read and hashed, and its text is not kept.

use std::borrow::Cow;
use std::hash::Hasher;

use serde::Deserialize;
use serde::de::IgnoredAny;
use siphasher::sip::SipHasher13;

/// An id of a call from this length on is drawn at random. Shorter ones, such as `call_0`, come again in each answer.
const UNIQUE_LENGTH: usize = 16;

/// The columns of a message, as they are stored; `None` for `NULL`.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// Who says it.
    pub role: Option<&'a [u8]>,
    /// The text.
    pub content: Option<&'a [u8]>,
    /// The id of the call whose result it is.
    pub tool_call_id: Option<&'a [u8]>,
    /// The calls that it makes, as JSON.
    pub tool_calls: Option<&'a [u8]>,
}

/// Whether a message is still part of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The model gets it.
    Live,
    /// A compression in place has replaced it.
    Archived,
    /// A person has taken it back. It may still be counted.
    Undone,
}

/// A message without its text.
#[derive(Debug)]
pub struct Message {
    pub(crate) id: i64,
    pub(crate) role: Role,
    pub(crate) part: Part,
    /// Seconds since 1970.
    pub(crate) at: Option<f64>,
    /// Of role, text, calls and the id of the result.
    pub(crate) digest: u64,
    /// The calls that it makes, of those that have an id.
    pub(crate) calls: Vec<CallId>,
    /// How many calls it makes, also those without an id.
    pub(crate) calls_made: u64,
    /// The call that it answers.
    pub(crate) answers: Option<CallId>,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    User,
    Assistant,
    Tool,
    Other,
}

/// The id of a call as a hash of each name that it has, and whether it is long enough to be unique.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallId {
    pub(crate) names: [u64; 2],
    pub(crate) is_unique: bool,
}

impl Message {
    /// Reads a message. `at` is its time in seconds since 1970.
    pub fn new(id: i64, part: Part, at: Option<f64>, columns: Columns<'_>) -> Self {
        let Columns { role, content, tool_call_id, tool_calls } = columns;
        let mut digest = SipHasher13::new();
        [role, content, tool_call_id, tool_calls].into_iter().for_each(|column| hash(&mut digest, column));
        let (calls, calls_made) = read_calls(tool_calls);
        let role = match role {
            Some(b"user") => Role::User,
            Some(b"assistant") => Role::Assistant,
            Some(b"tool") => Role::Tool,
            _ => Role::Other,
        };
        let answers = tool_call_id.filter(|id| !id.is_empty()).map(|id| call_id(id, id));
        Self { id, role, part, at, digest: digest.finish(), calls, calls_made, answers }
    }
}

/// Adds a column to a digest. The length keeps two neighbours apart.
fn hash(digest: &mut SipHasher13, column: Option<&[u8]>) {
    match column {
        None => digest.write_u8(0),
        Some(bytes) => {
            digest.write_usize(bytes.len());
            digest.write(bytes);
        }
    }
}

/// One call in the column `tool_calls`. Some providers name it twice, and the result has either name.
#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    call_id: Option<Cow<'a, str>>,
}

/// The ids of the calls in a column, and the number of calls as the releases count them: the elements of a list, or 1 for
/// anything else.
fn read_calls(column: Option<&[u8]>) -> (Vec<CallId>, u64) {
    let Some(text) = column.filter(|text| !text.is_empty()) else { return (Vec::new(), 0) };
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
