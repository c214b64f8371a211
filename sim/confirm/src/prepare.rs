//! What is played: a scenario that can be, in as little time as it needs.

use gateway_core::clock::Millis;
use gateway_core::release::Release;
use sim_harness::Simulator;
use sim_scenario::Scenario;

use super::distance::{self, TooNear};
use super::playable::{self, Unplayable};
use super::shorten;

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
    simulator: &mut Simulator,
    scenario: &Scenario,
    release: Release,
    pace: Pace,
) -> Result<Scenario, Refusal> {
    playable::check(simulator, scenario, release)?;
    let distance = distance::smallest(simulator, scenario, release)?;
    let shortened = |simulator: &mut Simulator| shorten::shorten(simulator, scenario, release, distance);
    Ok(match pace {
        Pace::Exact => scenario.clone(),
        Pace::Shortened => shortened(simulator),
        Pace::Slow => {
            let short = shortened(simulator);
            shorten::stretch(simulator, &short, release, SLOWER).unwrap_or_else(|| scenario.clone())
        }
    })
}

/// Which times a scenario is played with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Times are as short as they can be with the same events in the same order.
    #[default]
    Shortened,
    /// As short as they can be, and then some times as long: for a machine that is late.
    Slow,
    /// Those of the file.
    Exact,
}

/// How many times as long a slow play is.
const SLOWER: u64 = 4;

/// How far the time of a row may be from the simulated one.
const TOLERANCE: Millis = Millis::from_secs(1);

impl Pace {
    /// How far the time of a row may be from the simulated one.
    pub(crate) fn tolerance(self) -> Millis {
        match self {
            Self::Shortened | Self::Exact => TOLERANCE,
            Self::Slow => TOLERANCE.times(SLOWER),
        }
    }
}
