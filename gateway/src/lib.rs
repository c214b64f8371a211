//! The served gateway: the session gateway of [`gateway_core`] on this machine's clock, sockets, files and threads.
//!
//! [`real`] implements each trait of the core; the binary `gateway` reads arguments and serves. The core's modules are
//! re-exported, and the database is [`sqlite`].

pub mod real;

pub use gateway_core::*;
pub use gateway_sqlite as sqlite;
