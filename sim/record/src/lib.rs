//! Records a session between clients and a gateway, and makes a scenario of it.
//!
//! In the order of the data: the [`proxy`] passes bytes on unchanged and shows each frame to the [`recorder`], `reduce`
//! leaves of a frame what a scenario can hold, the [`journal`] keeps one line for each event, [`rows`] reads what the
//! database says, and [`rebuild()`] makes a [`Recorded`] of the journal: a scenario, and notes about what has no place in one.
//! [`tidy`] makes a scenario smaller that leaves the same rows.
//!
//! The journal is written before a frame is passed on. So a recorder that is killed has noted all that either side has
//! seen, and [`rebuild()`] makes a scenario of what is there.

pub mod journal;
pub mod proxy;
pub mod rebuild;
pub mod recorder;
mod reduce;
pub mod rows;
pub mod tidy;

pub use journal::{Entry, Event, How, Journal, JournalError, Side};
pub use rebuild::{Choices, NothingRecorded, Recorded, rebuild};
pub use reduce::Texts;
