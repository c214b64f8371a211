//! Shortening: the same events in the same order, in less time.
//!
//! Each time of a scenario (a wait before a step, the length of a step of a turn, the grace, the build of an agent, the rest
//! after the last step) is made as short as possible while independent events keep their distance and the order of all
//! events stays. A grace of 20 s that ends in a tool call of 35 s becomes one of a second that ends in a call of two.

use gateway_core::agent::script::TurnStep;
use gateway_core::clock::Millis;
use gateway_core::release::Release;
use sim_harness::Simulator;
use sim_scenario::Scenario;

use super::distance;

/// The distance that independent events keep, unless the file has a smaller one: more than what is necessary, so that a busy
/// machine does not decide.
const APART: Millis = Millis(600);

/// No grace is shorter: a thread of the package may be late by as much.
const GRACE_MIN: Millis = Millis(1000);

/// The script goes on for this long after its last event and one more grace, so that what should not happen could.
const REST: Millis = Millis(1000);

/// The parts that a time is cut to, the smallest first.
const PARTS: [(u64, u64); 5] = [(1, 16), (1, 8), (1, 4), (1, 2), (3, 4)];

/// The scenario with shorter times. `nearest` is the smallest distance of its independent events.
pub fn shorten(simulator: &mut Simulator, scenario: &Scenario, release: Release, nearest: Millis) -> Scenario {
    let apart = nearest.min(APART);
    let expected = distance::order(simulator, scenario, release);
    let mut best = scenario.clone();
    let mut accepts = |candidate: &Scenario| {
        let grace_is_left = candidate.until >= rest(candidate) || candidate.until == scenario.until;
        grace_is_left
            && distance::order(simulator, candidate, release) == expected
            && distance::smallest(simulator, candidate, release).is_ok_and(|distance| distance >= apart)
    };
    loop {
        let mut shorter = false;
        for place in places(&best) {
            let length = get(&best, &place);
            let parts = PARTS.iter().map(|(part, whole)| Millis(length.0 * part / whole));
            let least = if matches!(place, Place::Grace) { GRACE_MIN } else { Millis(1) };
            let shortest =
                parts.filter(|part| *part >= least).map(|part| set(&best, &place, part)).find(|cut| accepts(cut));
            if let Some(cut) = shortest {
                (best, shorter) = (cut, true);
            }
        }
        if !shorter {
            return best;
        }
    }
}

/// The scenario in so many times its time; none if its events then come in another order, because not every setting is among
/// its times.
pub fn stretch(simulator: &mut Simulator, scenario: &Scenario, release: Release, factor: u64) -> Option<Scenario> {
    let mut longer = scenario.clone();
    let agent = &mut longer.agent;
    let builds = agent.first_build.iter_mut().chain([&mut agent.build, &mut agent.summary]);
    let steps = longer.steps.iter_mut().map(|step| &mut step.at);
    let settings = [&mut longer.until, &mut longer.gateway.orphan_grace];
    builds.chain(steps).chain(settings).for_each(|time| *time = time.times(factor));
    longer.turns.values_mut().flat_map(|turn| &mut turn.steps).for_each(|step| step.stretch(factor));
    let is_same = distance::order(simulator, &longer, release) == distance::order(simulator, scenario, release);
    is_same.then_some(longer)
}

/// The least end of the script.
fn rest(scenario: &Scenario) -> Millis {
    let last = scenario.steps.last().map_or(Millis::ZERO, |step| step.at);
    last + scenario.gateway.orphan_grace + REST
}

/// A time of a scenario.
enum Place {
    /// Before this step.
    Gap(usize),
    /// Of a step of a turn.
    Turn(String, usize),
    /// The orphan grace.
    Grace,
    /// Of the builds.
    Build,
    /// Of one of the first builds.
    FirstBuild(usize),
    /// Of a summary that a client asks for.
    Summary,
    /// After the last step.
    Rest,
}

fn places(scenario: &Scenario) -> Vec<Place> {
    let mut places = vec![Place::Grace, Place::Rest];
    for (name, turn) in &scenario.turns {
        let timed = turn.steps.iter().enumerate().filter(|(_, step)| step.takes().is_some());
        places.extend(timed.map(|(place, _)| Place::Turn(name.clone(), place)));
    }
    places.extend((0..scenario.steps.len()).map(Place::Gap));
    places.extend([Place::Build, Place::Summary]);
    places.extend((0..scenario.agent.first_build.len()).map(Place::FirstBuild));
    places.retain(|place| get(scenario, place) > Millis::ZERO);
    places
}

fn get(scenario: &Scenario, place: &Place) -> Millis {
    let at = |place: usize| scenario.steps[place].at;
    match place {
        Place::Gap(0) => at(0),
        Place::Gap(place) => Millis(at(*place).0 - at(*place - 1).0),
        Place::Turn(name, place) => scenario.turns[name].steps[*place].takes().unwrap_or_default(),
        Place::Grace => scenario.gateway.orphan_grace,
        Place::Build => scenario.agent.build,
        Place::FirstBuild(place) => scenario.agent.first_build[*place],
        Place::Summary => scenario.agent.summary,
        Place::Rest => Millis(scenario.until.0 - scenario.steps.last().map_or(0, |step| step.at.0)),
    }
}

fn set(scenario: &Scenario, place: &Place, length: Millis) -> Scenario {
    let mut changed = scenario.clone();
    match place {
        Place::Gap(place) => {
            let less = get(scenario, &Place::Gap(*place)).0 - length.0;
            changed.steps[*place..].iter_mut().for_each(|step| step.at = Millis(step.at.0 - less));
            changed.until = Millis(changed.until.0 - less);
        }
        Place::Turn(name, place) => {
            let step = changed.turns.get_mut(name).and_then(|turn| turn.steps.get_mut(*place));
            if let Some(takes) = step.and_then(TurnStep::takes_mut) {
                *takes = length;
            }
        }
        Place::Grace => changed.gateway.orphan_grace = length,
        Place::Build => changed.agent.build = length,
        Place::FirstBuild(place) => changed.agent.first_build[*place] = length,
        Place::Summary => changed.agent.summary = length,
        Place::Rest => changed.until = scenario.steps.last().map_or(Millis::ZERO, |step| step.at) + length,
    }
    changed
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use sim_harness::invariant::NAMES;

    /// #44045 takes ninety seconds, and its events in their order less than nine. The rows are the same.
    #[test]
    fn the_ghost_takes_seconds() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/issues/44045_turn_outlives_grace.toml");
        let scenario = Scenario::load(&path, &NAMES).expect("a scenario");
        let mut simulator = Simulator::new();
        for release in [Release::V0_16_0, Release::V0_17_0, Release::V0_18_2, Release::V0_19_0] {
            let nearest = distance::smallest(&mut simulator, &scenario, release).expect("its events are far apart");
            let short = shorten(&mut simulator, &scenario, release, nearest);
            assert!(short.until < Millis::from_secs(9), "{short}");
            let mut rows = |scenario: &Scenario| {
                let rows = simulator.run(scenario, release).rows.listed().into_iter();
                rows.map(|row| (row.parent, row.end_reason, row.message_count)).collect::<Vec<_>>()
            };
            assert_eq!(rows(&short), rows(&scenario));
        }
    }

    /// A longer play has the same events in the same order. One whose order depends on a time that is not stretched is refused:
    /// here a session that expires after a fixed time.
    #[test]
    fn the_ghost_may_take_longer() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/issues/44045_turn_outlives_grace.toml");
        let mut scenario = Scenario::load(&path, &NAMES).expect("a scenario");
        let mut simulator = Simulator::new();
        let longer = stretch(&mut simulator, &scenario, Release::V0_19_0, 4).expect("all of its times are stretched");
        assert_eq!((longer.until, longer.gateway.orphan_grace), (Millis::from_secs(360), Millis::from_secs(80)));
        assert_eq!(longer.turns["refactor"].length(), scenario.turns["refactor"].length().times(4));
        scenario.gateway.session_ttl = Millis::from_secs(100);
        assert_eq!(stretch(&mut simulator, &scenario, Release::V0_19_0, 4), None);
    }
}
