//! Faults: `current` violates no claim whichever store call fails, and each other fault reveals a bug that is hidden
//! without it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gateway_core::agent::script::TurnStep;
use gateway_core::store::MessageRow;
use interleaving::strategy::{Fifo, Random, Replay};
use sim_harness::invariant::NAMES;
use sim_harness::{Outcome, Release, Report, Scenario, Simulator};
use sim_scenario::{ConnectionStep, Word};

const SCENARIO: &str = include_str!("../../scenarios/faults/any_call_may_fail.toml");

fn scenario() -> Scenario {
    Scenario::parse(Path::new("any_call_may_fail.toml"), SCENARIO, &NAMES).unwrap_or_else(|error| panic!("{error}"))
}

/// The number of times that each fault was injected in a run.
fn struck(report: &Report) -> BTreeSet<&str> {
    let choices = report.tape.choices.iter().filter(|choice| choice.site == "store.fault");
    choices.map(|choice| choice.among[choice.pick].as_str()).filter(|fault| *fault != "none").collect()
}

/// No claim is violated, the run comes to rest, and no message is stored twice, under all kinds of faults.
#[test]
fn claims_hold_whichever_call_fails() {
    let (scenario, mut simulator) = (scenario(), Simulator::new());
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

/// Active messages of one session with equal content and time. Tool calls have unique ids, so a duplicate means that a
/// message was stored twice; the script never sends the same text twice at one instant.
fn stored_twice(rows: &[MessageRow]) -> Vec<&MessageRow> {
    let active = || rows.iter().filter(|row| row.active);
    let again = |row: &&MessageRow| {
        active().any(|other| other.id < row.id && other.session == row.session && other.message == row.message)
    };
    active().filter(again).collect()
}

/// The scripted schedule injects no random fault, and a tape contains all of them.
#[test]
fn random_faults_are_on_the_tape() {
    let (scenario, mut simulator) = (scenario(), Simulator::new());
    let scripted = simulator.run_with(&scenario, Release::Current, Box::new(Fifo));
    assert!(struck(&scripted).is_empty());
    let first = simulator.run_with(&scenario, Release::Current, Box::new(Random::new(7)));
    assert!(!struck(&first).is_empty());
    let again = simulator.run_with(&scenario, Release::Current, Box::new(Replay::new(first.tape.clone())));
    assert_eq!(again.trace.digest(), first.trace.digest());
}

/// The frequency of faults matches the odds, within chance: a call in ten fails.
#[test]
fn fault_frequencies_match_the_odds() {
    let (scenario, mut simulator) = (scenario(), Simulator::new());
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

/// A scenario with a fault, a bug planted on `current`, and the claim that catches the bug there.
const MATTERS: [[&str; 4]; 7] = [
    ["a_clock_set_forward_takes_no_grace", "grace.clock", "wall", "grace_is_not_cut_short"],
    ["a_clock_set_back_lengthens_no_grace", "grace.clock", "wall", "detached_rows_end"],
    ["a_slow_line_is_overtaken", "attach.departure", "detaches", "connected_sessions_are_not_evicted"],
    ["a_prompt_sent_again_is_another", "claim.busy", "reject", "prompts_are_accepted"],
    ["a_connection_that_is_mended_has_lost_nothing", "claim.busy", "reject", "prompts_are_accepted"],
    ["an_agent_that_hangs_is_given_up", "grace.expiry", "rearm_for_ever", "unresponsive_turns_are_interrupted"],
    ["a_late_answer_is_passed_over", "interrupt.late", "sent_and_stored", "interrupted_turns_emit_nothing"],
];

/// Each of these faults matters: the bug is caught with the fault, and not caught in the same scenario without it.
#[test]
fn each_fault_reveals_a_bug() {
    let mut simulator = Simulator::new();
    for [name, field, alternative, claim] in MATTERS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../scenarios/faults/{name}.toml"));
        let mut scenario = Scenario::load(&path, &NAMES).unwrap_or_else(|error| panic!("{error}"));
        let mut caught = |scenario: &Scenario| {
            let report = simulator.run(scenario, Release::Current);
            report.violations.iter().any(|violation| violation.invariant == claim)
        };
        assert!(!caught(&scenario), "{name} violates {claim} without a bug");
        scenario.behavior.push((field.to_owned(), alternative.to_owned()));
        assert!(caught(&scenario), "{name} does not catch {field} = {alternative} by {claim}");
        assert!(!caught(&unhurt(scenario)), "{name} catches {field} = {alternative} also without its fault");
    }
}

/// The same scenario without faults: a vanished client drops, late calls are immediate, and no call hangs.
fn unhurt(mut scenario: Scenario) -> Scenario {
    let faults = [Word::Lag, Word::Cut, Word::Mend, Word::Resend, Word::SetClock];
    scenario.steps.retain(|step| !faults.contains(&Word::of(&step.action)));
    for step in &mut scenario.steps {
        if Word::of(&step.action) == Word::Vanish {
            step.action = ConnectionStep::Drop.into();
        }
    }
    let hangs = |step: &TurnStep| matches!(step, TurnStep::Hang | TurnStep::Late { .. });
    scenario.turns.values_mut().for_each(|turn| turn.steps.retain(|step| !hangs(step)));
    Scenario { tapes: BTreeMap::new(), ..scenario }
}
