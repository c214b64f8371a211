//! Plays a scenario on the real gateway of hermes-agent, and compares what it leaves with the simulator's run.
//!
//! In the order of a play: `playable` refuses what the package cannot be made to do, [`distance`] what real time cannot
//! order, [`shorten`] makes a scenario of the same events in the same order that takes seconds, [`peer`] installs and
//! starts the package, `host` ends it and starts it again on its database, in which `initial` has put the first rows, [`play`]
//! plays the clients against it, `script_time` takes the starts out of its times, and `compare` finds the differences.
//! [`Confirmation`] is the result. [`random`] draws scenarios for a campaign, and [`save`] writes a play as a recording for `sim parity`.
//!
//! *Absent: anything of the package.* `sim/peer/scripted_agent.py`, which is embedded, calls it.

mod compare;
pub mod distance;
mod frames;
mod host;
mod initial;
pub mod peer;
pub mod play;
mod playable;
mod prepare;
pub mod random;
pub mod save;
mod script_time;
pub mod shorten;

pub use compare::Left;
pub use distance::TooNear;
pub use host::NotServed;
pub use initial::NotStored;
pub use play::{Confirmation, Options, Trouble, confirm};
pub use playable::{Unplayable, version};
pub use prepare::{Pace, Refusal, prepare};
