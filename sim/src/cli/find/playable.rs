//! A found scenario as one that `sim confirm` can play, if it can be.

use sim_confirm::{Pace, Refusal, prepare};
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;
use sim_search::find::{Found, Search};

/// The found scenario with the same events at times that real time can order, or as it is with the reason why the package
/// cannot be given it.
pub(super) fn of(simulator: &mut Simulator, search: &Search, found: Found) -> (Found, Option<Refusal>) {
    let refusal = |simulator: &mut Simulator, scenario: &Scenario| {
        prepare(simulator, scenario, search.release, Pace::Exact).err()
    };
    // The tape is given up with the times that need it.
    let plain = Scenario { tapes: Default::default(), ..found.scenario.clone() };
    match refusal(simulator, &plain) {
        None | Some(Refusal::TooNear(_)) => {}
        other => return (found, other),
    }
    let mut accepts = |simulator: &mut Simulator, scenario: &Scenario| refusal(simulator, scenario).is_none();
    match search.apart(simulator, &found, &mut accepts) {
        Some(apart) => (apart, None),
        None => {
            let refusal = refusal(simulator, &found.scenario);
            (found, refusal)
        }
    }
}
