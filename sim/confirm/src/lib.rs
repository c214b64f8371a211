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
pub mod random;
pub mod save;

pub mod shorten;

use gateway_core::release::Release;
use sim_scenario::Scenario;

pub use compare::Left;
pub use distance::TooNear;
pub use play::{Confirmation, Options, Trouble, confirm};
pub use playable::Unplayable;

/// The version of the package on PyPI that a release is; `None` for a release that was never published.
pub const fn version(release: Release) -> Option<&'static str> {
    match release {
        Release::V0_16_0 => Some("0.16.0"),
        Release::V0_17_0 => Some("0.17.0"),
        Release::V0_18_2 => Some("0.18.2"),
        Release::V0_19_0 => Some("0.19.0"),
        Release::V0_19_0Rearm | Release::Current => None,
    }
}

/// Why a scenario is not played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The package has no such thing.
    #[error(transparent)]
    Unplayable(#[from] Unplayable),
    /// Real time cannot order its events.
    #[error(transparent)]
    TooNear(#[from] TooNear),
}

/// The scenario as it is played: only under `release`, with no longer times than it needs.
///
/// # Errors
/// It cannot be played.
pub fn prepare(
    simulator: &mut sim_harness::Simulator,
    scenario: &Scenario,
    release: Release,
    pace: Pace,
) -> Result<Scenario, Refusal> {
    playable::check(simulator, scenario, release)?;
    let distance = distance::smallest(simulator, scenario, release)?;
    Ok(match pace {
        Pace::Exact => scenario.clone(),
        Pace::Shortened => shorten::shorten(simulator, scenario, release, distance),
    })
}

/// Which times a scenario is played with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Times are as short as they can be with the same events in the same order.
    #[default]
    Shortened,
    /// Those of the file.
    Exact,
}
