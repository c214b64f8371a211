//! Mutation: a scenario with one to four changes that stays valid and keeps most of its steps.

use gateway_core::agent::script::TurnStep;
use gateway_core::clock::Millis;

use crate::shrink::tidy;
use interleaving::prng::Prng;
use sim_scenario::{PROCESS, Scenario, Step};

/// The upper bound to which a mutation may grow a scenario's steps.
const STEPS_MAX: usize = 24;

/// The kinds of change.
#[derive(Clone, Copy)]
enum Change {
    /// Moves a step in time, alone or with all steps after it.
    Retime,
    /// Removes one step of the script.
    Remove,
    /// Inserts a step of another scenario.
    Insert,
    /// Replaces a step by one of another scenario.
    Replace,
    /// Repeats a step at another time.
    Repeat,
    /// Changes the duration of one step of a turn.
    Stretch,
    /// Takes over a turn of another scenario.
    Turn,
    /// Takes over the settings of another scenario.
    Settings,
}

const CHANGES: [(u32, Change); 8] = [
    (6, Change::Retime),
    (3, Change::Remove),
    (6, Change::Insert),
    (3, Change::Replace),
    (2, Change::Repeat),
    (3, Change::Stretch),
    (2, Change::Turn),
    (1, Change::Settings),
];

/// The scenario with one to four changes drawn from the seed. Foreign steps, turns and settings come from the scenario
/// that [`scenario`](super::scenario) generates from the same seed.
pub fn mutate(scenario: &Scenario, seed: u64) -> Scenario {
    let mut prng = Prng::stream(seed, "mutate");
    let donor = super::scenario(seed);
    let mut mutated = scenario.clone();
    for _ in 0..1 + prng.below(4) {
        let change = prng.weighted(&CHANGES).expect("each has a weight");
        make(&mut prng, &mut mutated, &donor, change);
    }
    mutated.steps.sort_by_key(|step| step.at);
    tidy(&mut mutated);
    if mutated.steps.is_empty() {
        return donor;
    }
    mutated.about = format!("Made of another scenario from seed {seed}.");
    mutated.until = mutated.default_until();
    mutated
}

fn make(prng: &mut Prng, scenario: &mut Scenario, donor: &Scenario, change: Change) {
    // An earlier change may have removed the last step.
    if scenario.steps.is_empty() {
        return;
    }
    let place = prng.below(scenario.steps.len());
    match change {
        Change::Retime => retime(prng, scenario, place),
        Change::Remove => drop(scenario.steps.remove(place)),
        Change::Insert | Change::Replace => {
            let at = time(prng, scenario, place);
            let step = adopted(prng, scenario, donor, at);
            if matches!(change, Change::Replace) {
                scenario.steps[place] = Step { at: scenario.steps[place].at, ..step };
            } else if scenario.steps.len() < STEPS_MAX {
                scenario.steps.push(step);
            }
        }
        Change::Repeat if scenario.steps.len() < STEPS_MAX => {
            let at = time(prng, scenario, place);
            let step = Step { at, ..scenario.steps[place].clone() };
            scenario.steps.push(step);
        }
        Change::Repeat => {}
        Change::Stretch => stretch(prng, scenario),
        Change::Turn => {
            let names: Vec<String> = donor.turns.keys().cloned().collect();
            let name = prng.one(&names).clone();
            scenario.turns.insert(name.clone(), donor.turns[&name].clone());
        }
        Change::Settings => {
            scenario.network = donor.network;
            scenario.store = donor.store.clone();
            scenario.agent = donor.agent.clone();
            scenario.windows.clone_from(&donor.windows);
        }
    }
    scenario.steps.sort_by_key(|step| step.at);
}

/// Moves one step, possibly past others, or moves it with all steps after it.
fn retime(prng: &mut Prng, scenario: &mut Scenario, place: usize) {
    let (before, after) = (scenario.steps[place].at, time(prng, scenario, place));
    if prng.hits(1, 2) {
        scenario.steps[place].at = after;
        return;
    }
    let first = if place == 0 { Millis::ZERO } else { scenario.steps[place - 1].at };
    let after = after.max(first);
    for step in &mut scenario.steps[place..] {
        step.at = Millis(step.at.0 - before.0) + after;
    }
}

/// A likely instant of a collision: that of a step, a grace or a turn's step later, or a millisecond beside it.
fn time(prng: &mut Prng, scenario: &Scenario, place: usize) -> Millis {
    let base = scenario.steps[if prng.hits(1, 2) { place } else { prng.below(scenario.steps.len()) }].at;
    let mut lengths = vec![Millis::ZERO, Millis::ZERO, Millis::from_secs(1), scenario.gateway.orphan_grace];
    lengths.extend(scenario.turns.values().flat_map(|turn| &turn.steps).filter_map(TurnStep::takes));
    let at = base + *prng.one(&lengths);
    match prng.below(6) {
        0 => Millis(at.0.saturating_sub(1)),
        1 => at + Millis(1),
        _ => at,
    }
}

/// A step of another scenario, with a client and a session of this one.
fn adopted(prng: &mut Prng, scenario: &mut Scenario, donor: &Scenario, at: Millis) -> Step {
    let mut step = Step { at, ..prng.one(&donor.steps).clone() };
    if step.client != PROCESS {
        let clients: Vec<&String> =
            scenario.steps.iter().map(|step| &step.client).filter(|client| *client != PROCESS).collect();
        if !clients.is_empty() && prng.hits(3, 4) {
            step.client = (*prng.one(&clients)).clone();
        }
    }
    let named: Vec<String> = scenario.steps.iter().filter_map(|step| step.action.names()).map(str::to_owned).collect();
    if let Some(session) = step.action.session_mut().filter(|_| !named.is_empty()) {
        session.clone_from(prng.one(&named));
    }
    if let Some(turn) = step.action.turn()
        && !scenario.turns.contains_key(turn)
    {
        scenario.turns.insert(turn.to_owned(), donor.turns[turn].clone());
    }
    step
}

fn stretch(prng: &mut Prng, scenario: &mut Scenario) {
    let grace = scenario.gateway.orphan_grace;
    let mut lengths: Vec<&mut Millis> =
        scenario.turns.values_mut().flat_map(|turn| &mut turn.steps).filter_map(TurnStep::takes_mut).collect();
    if lengths.is_empty() {
        return;
    }
    let place = prng.below(lengths.len());
    let choices = [grace, grace + Millis(1), grace.times(2), Millis::ZERO, Millis(1), Millis::from_secs(34)];
    *lengths[place] = *prng.one(&choices);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;
    use sim_harness::invariant::NAMES;

    /// Repeated mutations always yield a valid file that reads back the same.
    #[test]
    fn mutated_scenarios_are_valid_files() {
        for seed in 0..200 {
            let mut scenario = generate::scenario(seed);
            for generation in 0..5 {
                let donor = generate::scenario(seed * 100 + generation);
                // A scenario with more sessions than the cap exceeds the bound from the start.
                let most = STEPS_MAX.max(scenario.steps.len()).max(donor.steps.len());
                scenario = mutate(&scenario, seed * 100 + generation);
                let text = scenario.to_toml();
                match Scenario::parse(&scenario.path, &text, &NAMES) {
                    Ok(read) => assert!(read == scenario, "seed {seed}, {generation} reads back otherwise:\n{text}"),
                    Err(error) => panic!("seed {seed}, {generation}: {error}\n{text}"),
                }
                assert!(scenario.steps.len() <= most, "seed {seed} has grown");
            }
        }
    }

    /// A mutation is a function of scenario and seed, nearly always changes something, and keeps most steps.
    #[test]
    fn most_steps_are_kept() {
        let (mut same, mut kept, mut all) = (0, 0, 0);
        for seed in 0..200 {
            let before = generate::scenario(seed);
            let after = mutate(&before, 1000 + seed);
            assert_eq!(after, mutate(&before, 1000 + seed));
            same += usize::from((&after.steps, &after.turns) == (&before.steps, &before.turns));
            all += before.steps.len();
            let still_there = |step: &&Step| after.steps.iter().any(|other| other.action == step.action);
            kept += before.steps.iter().filter(still_there).count();
        }
        assert!(same < 40, "{same} of 200 are as before");
        assert!(kept * 10 > all * 7, "only {kept} of {all} steps are left");
    }
}
