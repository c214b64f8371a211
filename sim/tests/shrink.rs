//! Shrinking keeps the failure, in a file that runs as it is.

use std::collections::BTreeSet;
use std::path::Path;

use interleaving::strategy::{Fifo, Random, Strategy};
use interleaving::tape::Tape;
use proptest::strategy::ValueTree;
use sim_harness::invariant::NAMES;
use sim_harness::verdict::{Reference, judge};
use sim_harness::{Outcome, Release, Scenario, Simulator};
use sim_search::shrink::{Departures, Limits, Reducer, Shrunk, Size, shrink};
use sim_search::signature::FailureSignature;

fn scenarios() -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace");
    let found = sim_scenario::find(&[root.join("scenarios")]).expect("there are scenarios");
    found.iter().map(|found| Scenario::load(&found.path, &NAMES).expect("scenarios are readable")).collect()
}

/// Shrinks with few tries and checks the result and each intermediate file: the command may be interrupted at any time.
fn check(
    simulator: &mut Simulator,
    scenario: &Scenario,
    release: Release,
    tape: &Tape,
    target: &FailureSignature,
) -> Shrunk {
    let limits = Limits { tries: 16, ..Limits::default() };
    let mut sizes = Vec::new();
    let mut on_progress = |shrunk: &Shrunk| sizes.push((Size::of(&shrunk.scenario), Departures::count(&shrunk.tape)));
    let shrunk = shrink(simulator, scenario, release, tape, target, limits, &mut on_progress).expect("it fails");
    assert!(shrunk.tries <= limits.tries + 10, "{} tries", shrunk.tries);
    assert_eq!(sizes.last(), Some(&(Size::of(&shrunk.scenario), Departures::count(&shrunk.tape))));
    assert!(sizes.is_sorted_by(|before, after| after.0 < before.0 || (after.0 == before.0 && after.1 <= before.1)));
    let file = Scenario::parse(&scenario.path, &shrunk.scenario.to_toml(), &NAMES).expect("a file");
    assert_eq!(file, shrunk.scenario);
    let report = simulator.run(&file, release);
    assert!(
        FailureSignature::all(&file, &report).contains(target),
        "{target}: {} {:?}\n{file}",
        report.outcome,
        report.violations
    );
    // A file has no expectation for a fact that does not hold: the fact is what fails.
    let is_fact = report.outcome == Outcome::FactsDiffer || target.claim == Outcome::FactsDiffer.word();
    assert!(is_fact || judge(report, &file, &Reference::None).expected, "what it expects\n{file}");
    shrunk
}

/// Every failure of an old release in any scenario, on the scripted and on other schedules, keeps its signature.
#[test]
fn shrinking_never_changes_the_failure() {
    let mut simulator = Simulator::new();
    // Equal failures of several releases are equal to the reducer; the first one stands for all.
    let mut seen = BTreeSet::new();
    for scenario in scenarios() {
        for &release in &scenario.releases {
            let schedules: [Box<dyn Strategy>; 2] = [Box::new(Random::new(5)), Box::new(Fifo)];
            for schedule in schedules {
                let report = simulator.run_with(&scenario, release, schedule);
                for target in FailureSignature::all(&scenario, &report) {
                    if seen.insert((scenario.name.clone(), target.clone())) {
                        check(&mut simulator, &scenario, release, &report.tape, &target);
                    }
                }
            }
        }
    }
    assert!(seen.len() > 60, "only {} failures", seen.len());
}

/// Files that a campaign wrote replay: each run of such a file is equal to the last event.
#[test]
fn found_files_replay() {
    let mut simulator = Simulator::new();
    let found =
        scenarios().into_iter().filter(|scenario| scenario.path.parent().is_some_and(|it| it.ends_with("found")));
    let found: Vec<Scenario> = found.collect();
    assert!(found.iter().any(|scenario| !scenario.tapes.is_empty()), "one of them needs its tape");
    for scenario in found {
        let release = scenario.releases[0];
        let digests: BTreeSet<_> = (0..100).map(|_| simulator.run(&scenario, release).trace.digest()).collect();
        assert_eq!(digests.len(), 1, "{}", scenario.name);
        let scripted = simulator.run_with(&scenario, release, Box::new(Fifo)).trace.digest();
        assert_eq!(digests.contains(&scripted), scenario.tapes.is_empty(), "{}", scenario.name);
    }
}

/// Equal inputs shrink to equal results.
#[test]
fn shrinking_is_deterministic() {
    let scenarios = scenarios();
    let scenario = scenarios.iter().find(|scenario| scenario.name == "44045_turn_outlives_grace").expect("the issue");
    let release = Release::V0_16_0;
    let shrunk = || {
        let mut simulator = Simulator::new();
        let report = simulator.run_with(scenario, release, Box::new(Random::new(1)));
        let target = FailureSignature::all(scenario, &report).into_iter().next()?;
        Some(check(&mut simulator, scenario, release, &report.tape, &target))
    };
    assert!(shrunk().is_some(), "it fails");
    assert_eq!(shrunk(), shrunk());
}

/// proptest's contract, driven as its runner does, with pseudo-random failures: shrinking ends, every candidate is
/// a smaller file than the last failing one, and at the end the current scenario is the last that failed.
#[test]
fn a_reducer_is_a_value_tree() {
    // Each file has another set of failing candidates; all of them together would take a minute.
    for (salt, scenario) in scenarios().into_iter().enumerate().map(|(place, scenario)| (place % 3, scenario)) {
        let fails = |scenario: &Scenario| match salt {
            0 => true,
            1 => false,
            _ => scenario.to_toml().bytes().map(u64::from).sum::<u64>() % 3 == 0,
        };
        let mut reducer = Reducer::new(scenario.clone());
        let mut failed = scenario.clone();
        let mut tries = 0;
        let mut goes_on = reducer.simplify();
        while goes_on {
            tries += 1;
            assert!(tries < 20_000, "no end for {}", scenario.name);
            let current = reducer.current();
            assert!(Size::of(&current) < Size::of(&failed), "{current}\nis no smaller than\n{failed}");
            let read = Scenario::parse(&current.path, &current.to_toml(), &NAMES).expect("a file");
            assert_eq!(read, current);
            goes_on = if fails(&current) {
                failed = current;
                reducer.simplify()
            } else {
                reducer.complicate()
            };
        }
        assert_eq!(reducer.current(), failed);
        assert!(!reducer.complicate() && !reducer.simplify(), "the end is the end");
        assert_eq!(reducer.current(), failed);
        match salt {
            0 => assert_eq!(failed.steps.len(), 1, "all fail, so that one step is left\n{failed}"),
            1 => assert_eq!(failed, scenario, "none fails"),
            _ => {}
        }
    }
}
