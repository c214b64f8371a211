//! The machine: the only part of the gateway that touches it.

pub mod sqlite;
