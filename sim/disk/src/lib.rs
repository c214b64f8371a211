//! A disk in memory below SQLite that can lose power, fail and fill up.
//!
//! ```
//! use sim_disk::{Disk, Moment, Seeded};
//!
//! let disk = Disk::new();
//! let connection = disk.connect("a.db").expect("a database");
//! connection.execute_batch("CREATE TABLE notes (text); INSERT INTO notes VALUES ('kept')").expect("it is written");
//! disk.lose_power_at(5, Moment::Before);
//! let error = connection.execute_batch("INSERT INTO notes VALUES ('perhaps')").expect_err("the power is gone");
//! drop(connection);
//! disk.restore_power(&mut Seeded::new(7));
//! let connection = disk.connect("a.db").expect("the journal is rolled back");
//! let notes: i64 = connection.query_row("SELECT count(*) FROM notes", [], |row| row.get(0)).expect("a number");
//! assert_eq!(notes, 1, "{error}");
//! ```
//!
//! In the order of a call: SQLite calls the C functions of `vfs`, which call a `handle`. A handle is an open file of a
//! `volume`: the files (`content`), the names of the `folder`, locks, and planned faults. A loss of power decides for
//! each unsynced change whether it survives, through a [`Choose`].
//!
//! [`campaign`] loses the power under the store of the gateway, many times, and judges what is left.

pub mod campaign;
mod choose;
mod content;
mod disk;
mod fault;
mod folder;
mod handle;
mod lock;
mod vfs;
mod volume;

pub use choose::{Choose, First, Seeded};
pub use content::Lost;
pub use disk::Disk;
pub use fault::{Fault, Moment, Pages, Trouble};
pub use volume::Honesty;
