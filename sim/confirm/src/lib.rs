//! Plays a scenario on the real gateway of hermes-agent, and compares what it leaves with the simulator's run.
//!
//! In the order of a play: `playable` refuses what the package cannot be made to do, [`distance`] what real time cannot
//! order, [`shorten`] makes a scenario of the same events in the same order that takes seconds, [`peer`] installs and
//! starts the package, [`play`] plays the clients against it, and `compare` finds the differences. [`Confirmation`] is the
//! result. [`random`] draws scenarios for a campaign, and [`save`] writes a play as a recording for `sim parity`.
//!
//! *Absent: anything of the package.* `sim/peer/scripted_agent.py`, which is embedded, calls it.

mod compare;
pub mod distance;
mod frames;
pub mod peer;
pub mod play;
mod playable;
mod prepare;
pub mod random;
pub mod save;

pub mod shorten;

pub use compare::Left;
pub use distance::TooNear;
pub use play::{Confirmation, Options, Trouble, confirm};
pub use playable::{Unplayable, version};
pub use prepare::{Pace, Refusal, prepare};
