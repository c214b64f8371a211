//! The SQL: the rows of a [`Store`](gateway_core::store::Store) in one SQLite database.
//!
//! [`Database`] is synchronous: it answers on the calling thread. The served gateway runs it on a thread of its own, the
//! simulator inside its store. It reads neither the clock nor random numbers: each value of a row comes with the call.
//!
//! In the order of a call: `database` opens the file with the settings of `durability`, `schema` creates or checks the
//! tables, `write` executes transactions with the help of `message`, `orphan`, `title` and `tip`, `read` executes queries, `column` converts
//! values to columns and back, `failure` converts errors. An [`OpenError`] says why a database cannot be opened.

mod column;
mod database;
mod durability;
mod error;
mod failure;
mod input;
mod message;
#[cfg(test)]
mod notation;
mod orphan;
mod read;
mod schema;
mod tip;
mod title;
mod write;

pub use database::{Checked, Database, Dump};
pub use durability::{Durability, Journal, Synchronous};
pub use error::OpenError;
pub use schema::SCHEMA_VERSION;
