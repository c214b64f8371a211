//! Other times for a found scenario, at which its events are apart, so that real time can order them too.
//!
//! The smallest scenario has its steps at one instant, and a call may end just when a timer does: only a simulator orders such
//! events. No single time can be changed without losing the rows, so the times are drawn together, some hundred times, and
//! of the first that fit the simplest is made simpler still.

use gateway_core::clock::Millis;
use interleaving::prng::Prng;
use sim_scenario::Scenario;

use crate::shrink::{Size, Slot};

/// The number of draws, and of those that fit after which no more are made.
const DRAWS: usize = 400;
const ENOUGH: usize = 4;

/// The times that are drawn, in seconds: below and above the grace, which is twenty.
const SECONDS: [u64; 7] = [1, 2, 3, 5, 10, 30, 60];

/// The scenario with the simplest times among those that were tried and fit.
pub(super) fn apart(scenario: &Scenario, fits: &mut dyn FnMut(&Scenario) -> bool) -> Option<Scenario> {
    if fits(scenario) {
        return Some(scenario.clone());
    }
    let slots = Slot::of_script(scenario);
    let mut prng = Prng::stream(0, "find.apart");
    let drawn = (0..DRAWS).map(|_| drawn(&mut prng, scenario, &slots));
    let mut best = drawn.filter(|candidate| fits(candidate)).take(ENOUGH).min_by_key(Size::of)?;
    while let Some(simpler) = slots.iter().find_map(|slot| simpler(&best, slot, fits)) {
        best = simpler;
    }
    Some(best)
}

/// The scenario with new times for about half of its slots.
fn drawn(prng: &mut Prng, scenario: &Scenario, slots: &[Slot]) -> Scenario {
    let mut drawn = scenario.clone();
    for slot in slots {
        if prng.hits(1, 2) {
            slot.set(&mut drawn, Millis::from_secs(*prng.one(&SECONDS)));
        }
    }
    ended(drawn)
}

/// The scenario with the simplest time in this slot that fits, if there is a simpler one.
fn simpler(scenario: &Scenario, slot: &Slot, fits: &mut dyn FnMut(&Scenario) -> bool) -> Option<Scenario> {
    let size = Size::of(scenario);
    let candidates = slot.simpler(scenario).into_iter().map(|time| {
        let mut candidate = scenario.clone();
        slot.set(&mut candidate, time);
        ended(candidate)
    });
    candidates.filter(|candidate| Size::of(candidate) < size).find(|candidate| fits(candidate))
}

/// The scenario with the end that it has by default, long after all that its steps set off.
fn ended(mut scenario: Scenario) -> Scenario {
    scenario.until = scenario.default_until();
    scenario
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use sim_harness::invariant::NAMES;

    /// Times that only fit together are found, none is longer than it has to be, and a scenario that fits is left as it is.
    #[test]
    fn times_are_drawn_together() {
        let text = "about = \"x\"\n[turns.a]\nsteps = [{ tool = \"terminal\", takes = \"20s\" }]\n\
             [[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"connect\"\n\
             [[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"session.create\"\nas = \"x\"\n\
             [[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"prompt.submit\"\nsession = \"x\"\nturn = \"a\"\n\
             [[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"drop\"\n";
        let scenario = Scenario::parse(Path::new("x.toml"), text, &NAMES).expect("a scenario");
        let gap = |scenario: &Scenario| scenario.steps[3].at.0 - scenario.steps[2].at.0;
        let mut fits =
            |scenario: &Scenario| gap(scenario) >= 2000 && scenario.turns["a"].length().0 >= 20_000 + gap(scenario);
        let found = apart(&scenario, &mut fits).expect("some times fit");
        let times: Vec<u64> = found.steps.iter().map(|step| step.at.0).collect();
        assert_eq!((times.as_slice(), found.turns["a"].length()), (&[0, 0, 0, 2000][..], Millis::from_secs(50)));
        assert_eq!(apart(&found, &mut fits), Some(found.clone()));
        assert_eq!(apart(&scenario, &mut |scenario| scenario.steps[0].at > scenario.steps[3].at), None);
    }
}
