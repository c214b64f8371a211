//! Searches for failures, and reduces what it finds.
//!
//! [`generate`] makes random scenarios, [`fuzz`] runs campaigns of them, [`explore`] runs every schedule of one scenario,
//! [`sweep`] puts a fault at each store call of one, [`shrink`] reduces a failing scenario, [`signature`] distinguishes failures, and [`drive`] and [`margin`] play scenarios over
//! real sockets. Start at [`fuzz::Campaign`].

mod comeback;
pub mod drive;
pub mod explore;
pub mod find;
pub mod fuzz;
pub mod generate;
pub mod margin;
pub mod shrink;
pub mod signature;
pub mod sweep;
