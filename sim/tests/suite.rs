//! The integration tests of the command line and of all crates together, in one program. `book`, `planted`, `real` and `scenarios`
//! are programs of their own; `sim/Cargo.toml` says why.

mod audit;
mod cli;
mod determinism;
mod explore;
mod faults;
mod find;
mod fuzz;
mod imports;
mod judging;
mod methods;
mod parity;
mod reports;
mod schedule;
mod schema;
mod shrink;
mod sweep;
mod tidy;
