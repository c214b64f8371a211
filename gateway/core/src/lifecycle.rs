//! What happens to a session, decided without I/O: no async, no clock, no store.
//!
//! Each function takes what is known of the session and returns a decision; the async code around it carries the
//! decision out. One file per group of behaviour, each the only reader of its group.

pub mod agents;
pub mod approval;
pub mod attach;
pub mod claim;
pub mod close;
pub mod events;
pub mod finish;
pub mod flush;
pub mod grace;
pub mod history;
pub mod idle;
pub mod interrupt;
pub mod lineage;
pub mod list;
pub mod notice;
pub mod process;
pub mod provider;
pub mod queue;
pub mod request;
pub mod resume;
pub mod review;
pub mod rotation;
pub mod steer;
pub mod title;
pub mod writing;
