//! Faults of the store by chance: `current` keeps its claims whatever call fails.

use std::collections::BTreeSet;
use std::path::Path;

use gateway::store::MessageRow;
use sim::strategy::{Fifo, Random, Replay};
use sim::{Outcome, Release, Report, Scenario, Simulator};

const STORY: &str = include_str!("../../scenarios/faults/any_call_may_fail.toml");

fn story() -> Scenario {
    Scenario::parse(Path::new("any_call_may_fail.toml"), STORY).unwrap_or_else(|error| panic!("{error}"))
}

/// How often each fault struck in a run.
fn struck(report: &Report) -> BTreeSet<&str> {
    let choices = report.tape.choices.iter().filter(|choice| choice.site == "store.fault");
    choices.map(|choice| choice.among[choice.pick].as_str()).filter(|fault| *fault != "none").collect()
}

/// No claim is violated, nothing is left at rest, and no message is stored twice, though all kinds of faults strike.
#[test]
fn whatever_call_fails_the_claims_hold() {
    let (scenario, mut simulator) = (story(), Simulator::new());
    let mut all = BTreeSet::new();
    for seed in 0..300 {
        let report = simulator.run_with(&scenario, Release::Current, Box::new(Random::new(seed)));
        all.extend(struck(&report).into_iter().map(str::to_owned));
        assert_eq!(report.outcome, Outcome::Passed, "seed {seed}: {:?} {:?}", report.violations, report.detail);
        let twice = stored_twice(&report.rows.messages);
        assert!(twice.is_empty(), "seed {seed}: stored twice: {twice:?}");
    }
    assert_eq!(Vec::from_iter(all), ["busy", "error", "lost"]);
}

/// Active messages of one session that are alike in all they say, and when. Tool calls have ids of their own, so this
/// means that one was stored twice, unless the script says the same twice at one instant, which it does not.
fn stored_twice(rows: &[MessageRow]) -> Vec<&MessageRow> {
    let active = || rows.iter().filter(|row| row.active);
    let again = |row: &&MessageRow| {
        active().any(|other| other.id < row.id && other.session == row.session && other.message == row.message)
    };
    active().filter(again).collect()
}

/// The scripted schedule has no fault by chance, and a tape has them all.
#[test]
fn chance_is_on_the_tape() {
    let (scenario, mut simulator) = (story(), Simulator::new());
    let scripted = simulator.run_with(&scenario, Release::Current, Box::new(Fifo));
    assert!(struck(&scripted).is_empty());
    let first = simulator.run_with(&scenario, Release::Current, Box::new(Random::new(7)));
    assert!(!struck(&first).is_empty());
    let again = simulator.run_with(&scenario, Release::Current, Box::new(Replay::new(first.tape.clone())));
    assert_eq!(again.trace.digest(), first.trace.digest());
}

/// Odds are kept, within what chance allows: a call in ten fails.
#[test]
fn odds_are_kept() {
    let (scenario, mut simulator) = (story(), Simulator::new());
    let (mut calls, mut errors) = (0, 0);
    for seed in 0..100 {
        let report = simulator.run_with(&scenario, Release::Current, Box::new(Random::new(seed)));
        for choice in report.tape.choices.iter().filter(|choice| choice.site == "store.fault") {
            calls += 1;
            errors += usize::from(choice.among[choice.pick] == "error");
        }
    }
    assert!(calls > 2000, "{calls} calls");
    assert!((calls / 13..calls / 8).contains(&errors), "{errors} of {calls}");
}
