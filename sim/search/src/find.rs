//! Finds the smallest scenario that ends in given rows.
//!
//! A [`Pattern`] says what holds of the final rows. A [`Search`] generates candidates that lean towards its words and mutates
//! those that come near; the distance is that of the best assignment of rows to the pattern's aliases. A run that ends in the
//! rows counts only if they are final and have a cause:
//!
//! * Nothing goes on that could still change them: the gateway is up, no client is connected, no turn runs, and no timer is
//!   armed. A row that is open then is not one of a session that is simply still in use.
//! * Under an old release, `current` does not leave them on the same script, whatever the schedule. Rows that it leaves too
//!   are kept as the result only if nothing else is found.
//! * The database is empty at the start, no other program writes to it, and a detached session has a grace.
//!
//! The first such run is shrunk with the pattern and its cause as the property. Then the fields of the cause are mended, and
//! the search goes on for another one. Start at [`Search::carry_out`]. What is found may be given times at which its events are
//! apart ([`Search::apart`]).

mod apart;
mod candidate;
mod cause;
mod elapsed;
mod fit;
mod goal;
mod input;
pub mod pattern;
mod race;
mod search;
mod word;

pub use cause::Cause;
pub use elapsed::{Bound, Elapsed, Since};
pub use fit::{Clients, Distance, Fit};
pub use input::{Given, InputError};
pub use pattern::{Others, Pattern, PatternError, RowPattern};
pub use search::{Found, Hit, Near, Progress, SCHEDULES, Search, UnitResult};
pub use word::{RowWord, WORDS};
