//! Writing a session's conversation: messages, compressions, rotations, and what to do when an answer of the store is lost.
//!
//! A session's other rows are written where the decision to write them is carried out;
//! `docs/src/develop/gateway.md` lists all places.

pub(crate) mod compaction;
pub(crate) mod input;
pub(crate) mod persist;
pub(crate) mod reconcile;
pub(crate) mod retry;
pub(crate) mod rotation;
