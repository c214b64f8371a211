//! Random numbers, one stream per client or session, and one for waits.
//!
//! Each has a stream of its own, so that one more draw for a client does not change the ids of any other.

use crate::ids::SessionId;

/// The source of the random bits in ids and in the waits between tries, and of what the model of an old release leaves open.
pub trait Entropy {
    /// The next 64 bits of `stream`.
    fn draw(&self, stream: Stream<'_>, purpose: Purpose) -> u64;

    /// One of the numbers below `count`, each of which is possible. In a simulation it is a choice of the tape.
    fn pick(&self, what: Uncertain, count: usize) -> usize;
}

/// A fact that the model of an old release does not know. `current` asks for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncertain {
    /// How many new objects get the address of a freed one.
    ReusedAddresses,
}

/// The owner of a stream.
#[derive(Clone, Copy, Debug)]
pub enum Stream<'a> {
    /// A client, by its connection's name.
    Client(&'a str),
    /// A live session, by its runtime id.
    Session(&'a SessionId),
    /// The tool calls of a live session, by its runtime id. They have a stream of their own, so that the ids of rows do not
    /// depend on them.
    Calls(&'a SessionId),
    /// The waits between tries of calls that the store refuses. They have a stream of their own, so that a refusal changes no id.
    Retries,
}

/// The kind of id that the bits become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The runtime id of a new session.
    SessionId,
    /// The stored id of a new row.
    StoredId,
    /// The id of a question to a user.
    QuestionId,
    /// The id of a tool call.
    CallId,
    /// The length of a wait.
    Wait,
}
