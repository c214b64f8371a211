//! What is played: a scenario that can be, in as little time as it needs.

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
