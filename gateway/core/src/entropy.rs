//! Random numbers, one stream per client or session.
//!
//! Streams are apart so that a new draw for one client does not shift the ids of all others.

use crate::ids::SessionId;

/// Where ids come from.
pub trait Entropy {
    /// The next 64 bits of `stream`.
    fn draw(&self, stream: Stream<'_>, purpose: Purpose) -> u64;
}

/// Whose numbers these are.
#[derive(Clone, Copy, Debug)]
pub enum Stream<'a> {
    /// A client, by its connection's name.
    Client(&'a str),
    /// A live session.
    Session(&'a SessionId),
}

/// What a number becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The runtime id of a new live record.
    SessionId,
    /// The stored id of a new row.
    StoredId,
    /// The id of a question to a user.
    QuestionId,
}
