//! Exploration: proofs about whole scenarios, planted races in small scenarios, and the completeness of the reduction.

use std::fmt::Write;
use std::path::Path;

use gateway_core::behavior::Behavior;
use interleaving::strategy::{Random, Replay};
use sim_harness::invariant::NAMES;
use sim_harness::{Outcome, Release, Scenario, Simulator};
use sim_scenario::FactKind;
use sim_search::explore::{Bounds, Cut, Exploration, Explored, Reduction};
use sim_search::generate;

/// Loads a scenario file.
fn file(path: &str) -> Scenario {
    Scenario::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(path), &NAMES).expect("a good file")
}

/// A scenario of steps, each `time client action`, with further keys in braces: `3s phone session.close work`.
fn script(head: &str, steps: &[&str]) -> Scenario {
    let mut text = format!("about = \"A few steps.\"\n{head}\n");
    for step in steps {
        let words: Vec<&str> = step.split(' ').collect();
        let [at, client, what, rest @ ..] = &words[..] else { panic!("no step: {step}") };
        writeln!(text, "[[steps]]\nat = \"{at}\"\nclient = \"{client}\"\ndo = \"{what}\"").expect("a string takes all");
        for (key, value) in keys(what).iter().zip(rest) {
            writeln!(text, "{key} = \"{value}\"").expect("a string takes all");
        }
    }
    Scenario::parse(Path::new("script.toml"), &text, &NAMES).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The keys of the words that follow a step's action.
fn keys(what: &str) -> &'static [&'static str] {
    match what {
        "session.create" => &["as"],
        "prompt.submit" => &["session", "turn"],
        _ => &["session"],
    }
}

/// The scenario with bugs planted on `current`, each `field = alternative`.
fn planted(scenario: &Scenario, bugs: &[&str]) -> Scenario {
    let field = |bug: &&str| bug.split_once(" = ").map(|(field, value)| (field.to_owned(), value.to_owned()));
    Scenario { behavior: bugs.iter().filter_map(field).collect(), ..scenario.clone() }
}

fn explore(scenario: &Scenario) -> Explored {
    Exploration::new(Release::Current).carry_out(&mut Simulator::new(), scenario)
}

/// Continues after failures, and tries alternatives from the choice `from` on.
fn in_full(scenario: &Scenario, reduction: Reduction, from: usize) -> Explored {
    let bounds = Bounds { choices: from..usize::MAX, ..Bounds::default() };
    let exploration = Exploration { reduction, bounds, ..Exploration::new(Release::Current) };
    exploration.carry_out_in_full(&mut Simulator::new(), scenario)
}

/// The result of an exploration, in one line.
fn summary(explored: &Explored) -> String {
    let Explored { whole, left_off, pruned, cut, failures, .. } = explored;
    let found = match failures.first() {
        Some(signature) => &signature.claim,
        None if *cut == Cut::default() => "all schedules pass",
        None => "no proof",
    };
    format!("{whole} whole, {left_off} left off, {pruned} pruned: {found}")
}

const TURNS: &str = "[turns.short]\nsteps = [{ reply = \"hi\" }]\n\
                     [turns.long]\nsteps = [{ tool = \"terminal\", takes = \"2s\" }, { reply = \"done\" }]\n";

/// S3: the second absence begins at the instant at which the first grace would have ended.
fn second_absence() -> Scenario {
    script(
        &format!("until = \"60s\"\n{TURNS}"),
        &[
            "0s desktop connect",
            "1s desktop session.create work",
            "2s desktop prompt.submit work short",
            "3s desktop drop",
            "4s desktop connect",
            "5s desktop session.resume work",
            "23s desktop drop",
        ],
    )
}

/// S2: a session is resumed at the instant at which its connection is dropped.
fn resumed_as_it_drops() -> Scenario {
    script(
        &format!("until = \"40s\"\n{TURNS}"),
        &[
            "0s desktop connect",
            "1s desktop session.create work",
            "2s phone connect",
            "3s desktop prompt.submit work short",
            "5s desktop drop",
            "5s phone session.resume work",
            "7s phone close",
        ],
    )
}

/// S4: a session is resumed at the instant at which it is closed.
fn resumed_as_it_is_closed() -> Scenario {
    script(
        &format!("until = \"40s\"\n{TURNS}"),
        &[
            "0s desktop connect",
            "1s desktop session.create work",
            "2s phone connect",
            "3s desktop prompt.submit work short",
            "5s desktop session.close work",
            "5s phone session.resume work",
            "6s desktop close",
            "7s phone close",
        ],
    )
}

/// S8: a session is closed at the instant of its first prompt.
fn closed_as_it_is_prompted() -> Scenario {
    script(
        &format!("until = \"40s\"\n{TURNS}"),
        &[
            "0s desktop connect",
            "1s desktop session.create work",
            "2s phone connect",
            "3s desktop prompt.submit work short",
            "3s phone session.close work",
            "4s desktop close",
            "5s phone close",
        ],
    )
}

/// S19: a client drops at the instant at which the turn ends that its next prompt waits for.
fn dies_as_its_prompt_is_due() -> Scenario {
    script(
        &format!("until = \"60s\"\n[gateway]\nbusy_input_mode = \"queue\"\n{TURNS}"),
        &[
            "0s desktop connect",
            "1s desktop session.create work",
            "2s desktop prompt.submit work long",
            "3s desktop prompt.submit work long",
            "4s desktop drop",
        ],
    )
}

/// #44045 under `current`: no schedule leaves the row open. With a one-shot timer, the first schedule does.
#[test]
fn an_issue_is_fixed_on_every_schedule() {
    let scenario = file("issues/44045_turn_outlives_grace.toml");
    let explored = explore(&scenario);
    assert_eq!(summary(&explored), "8 whole, 42 left off, 123 pruned: all schedules pass");
    assert!(explored.is_proof());
    let explored = explore(&planted(&scenario, &["grace.expiry = one_shot"]));
    assert_eq!(summary(&explored), "1 whole, 0 left off, 0 pruned: detached_rows_end");
    assert!(!explored.is_proof());
}

/// Explores a scenario with bugs planted on `current`, and replays the failure.
#[track_caller]
fn check_race(scenario: &Scenario, bugs: &[&str], only: &[&str], expected: &str) {
    let scenario = planted(scenario, bugs);
    let only = only.iter().map(|claim| (*claim).to_owned()).collect();
    let exploration = Exploration { only, ..Exploration::new(Release::Current) };
    let explored = exploration.carry_out(&mut Simulator::new(), &scenario);
    assert_eq!(summary(&explored), expected);
    let report = explored.failure.expect("it is found");
    let again = Simulator::new().run_with(&scenario, Release::Current, Box::new(Replay::new(report.tape)));
    assert_eq!((again.outcome, again.violations), (Outcome::Violated, report.violations));
}

/// The scripted schedule does not reveal the bug: it needs another order of the events of one instant.
#[track_caller]
fn check_scripted_passes(scenario: &Scenario, bug: &str) {
    let report = Simulator::new().run(&planted(scenario, &[bug]), Release::Current);
    assert_eq!(report.outcome, Outcome::Passed, "{:?}", report.violations);
}

#[test]
fn a_stale_first_timer_is_found() {
    let (scenario, bug) = (second_absence(), "grace.timers = pile");
    check_scripted_passes(&scenario, bug);
    check_race(&scenario, &[bug], &[], "2 whole, 4 left off, 10 pruned: grace_is_not_cut_short");
    assert_eq!(summary(&explore(&scenario)), "6 whole, 82 left off, 191 pruned: all schedules pass");
}

#[test]
fn a_stale_snapshot_is_found() {
    let (scenario, bug) = (resumed_as_it_drops(), "attach.disconnect = snapshot");
    check_scripted_passes(&scenario, bug);
    check_race(&scenario, &[bug], &[], "5 whole, 30 left off, 72 pruned: connected_sessions_are_not_evicted");
    assert_eq!(summary(&explore(&scenario)), "36 whole, 446 left off, 1561 pruned: all schedules pass");
}

#[test]
fn a_row_that_is_opened_before_it_ends_is_found() {
    let (scenario, bug) = (resumed_as_it_is_closed(), "close.order = pop_then_end");
    check_scripted_passes(&scenario, bug);
    check_race(&scenario, &[bug], &[], "16 whole, 134 left off, 330 pruned: live_rows_stay_open");
    assert_eq!(summary(&explore(&scenario)), "84 whole, 410 left off, 1117 pruned: all schedules pass");
}

/// Two fields, as in the old releases: the row is inserted without a check, and the close does not wait for the turn.
#[test]
fn a_row_that_is_inserted_after_its_end_is_found() {
    let bugs = ["claim.row = plain_insert", "close.turn = left_running"];
    check_race(
        &closed_as_it_is_prompted(),
        &bugs,
        &["detached_rows_end"],
        "1 whole, 0 left off, 0 pruned: detached_rows_end",
    );
}

#[test]
fn a_pinned_connection_that_is_dead_is_found() {
    let scenario = dies_as_its_prompt_is_due();
    check_race(&scenario, &["queue.delivery = pinned"], &[], "1 whole, 0 left off, 0 pruned: detached_rows_end");
}

/// The reduction is complete: the exhaustive search and the reduced search, from the first choices on, have the same
/// results, with choices inside a step as well.
#[track_caller]
fn check_equal(scenario: &Scenario, from: usize, expected: &str) {
    let (reduced, all) = (in_full(scenario, Reduction::SleepSets, from), in_full(scenario, Reduction::Off, from));
    assert!(!all.cut.by_schedules, "every order was run");
    assert_eq!((&reduced.ends, &reduced.failures), (&all.ends, &all.failures));
    let (ends, failures) = (all.ends.len(), all.failures.len());
    assert_eq!(format!("{} of {}: {ends} ends, {failures} failures", reduced.runs(), all.runs()), expected);
}

#[test]
fn a_connection_ends_alike_in_every_order() {
    check_equal(&script("until = \"2s\"", &["1s ann connect"]), 0, "14 of 900: 1 ends, 0 failures");
}

/// The stale first timer, shortly before the timers meet: two results, one of which is the failure.
#[test]
fn a_race_ends_alike_in_every_order() {
    let scenario = planted(&second_absence(), &["grace.timers = pile"]);
    check_equal(&scenario, 12, "31 of 303: 2 ends, 1 failures");
}

/// Choices inside a step are tried in every order too: store calls that take a millisecond or none, and lookups that
/// fail or succeed.
#[test]
fn draws_end_alike_in_every_order() {
    let slow = format!("until = \"4s\"\n[store]\nafter_commit = [\"0ms\", \"1ms\"]\n{TURNS}");
    let steps = ["1s ann connect", "2s ann session.create work", "3s ann prompt.submit work short"];
    check_equal(&script(&slow, &steps), 8, "24 of 720: 1 ends, 0 failures");
    let failing = "until = \"3s\"\n[store.odds]\nerror = \"1/10\"\n";
    check_equal(&script(failing, &["1s ann connect", "2s ann session.list"]), 6, "8 of 12: 1 ends, 0 failures");
}

/// A result that the reduction proves about a scenario too large for the exhaustive search holds for random schedules.
#[track_caller]
fn check_seen(scenario: &Scenario, schedules: u64) {
    let (explored, mut simulator) = (in_full(scenario, Reduction::SleepSets, 0), Simulator::new());
    assert_eq!(explored.cut, Cut::default(), "it is whole");
    for seed in 0..schedules {
        let report = simulator.run_with(scenario, Release::Current, Box::new(Random::new(seed)));
        assert!(explored.has_seen(scenario, &report), "seed {seed}: {:?}\n{}", report.violations, report.tape);
    }
}

#[test]
fn no_random_schedule_ends_differently() {
    check_seen(&planted(&second_absence(), &["grace.timers = pile"]), 50);
    check_seen(&planted(&resumed_as_it_is_closed(), &["close.order = pop_then_end"]), 60);
}

/// The same for generated scenarios with their faults and latencies, if they have few enough schedules, and with
/// each bug planted on them.
#[test]
fn no_random_schedule_of_a_generated_scenario_ends_differently() {
    let (mut simulator, mut whole) = (Simulator::new(), 0);
    let small = (0..).map(generate::scenario).filter(|scenario| scenario.steps.len() <= 6);
    for (scenario, (field, way)) in small.zip(Behavior::defects().into_iter().step_by(2)) {
        let scenario = Scenario { behavior: vec![(field, way.to_owned())], ..scenario };
        let bounds = Bounds { schedules: 400, ..Bounds::default() };
        let exploration = Exploration { bounds, ..Exploration::new(Release::Current) };
        let explored = exploration.carry_out_in_full(&mut simulator, &scenario);
        if explored.cut != Cut::default() {
            continue;
        }
        whole += 1;
        for seed in 0..10 {
            let report = simulator.run_with(&scenario, Release::Current, Box::new(Random::new(seed)));
            assert!(explored.has_seen(&scenario, &report), "{}, seed {seed}: {:?}", scenario.about, report.violations);
        }
    }
    assert!(whole >= 10, "only {whole} have few enough schedules");
}

/// A bound that leaves schedules out is no proof, and the number of left out schedules is reported.
/// A schedule that is stopped early has not reached the instants of its facts: they are judged on the others.
#[test]
fn facts_are_judged_on_whole_schedules() {
    let scenario = file("lifecycle/a_restart_with_a_shorter_grace.toml");
    assert!(!scenario.facts.is_empty());
    let explored = explore(&scenario);
    assert!(explored.left_off > 0 && explored.is_proof(), "{}", summary(&explored));
    let mut wrong = scenario;
    wrong.facts.truncate(1);
    let FactKind::Rows(fact) = &mut wrong.facts[0].kind else { panic!("a fact of rows") };
    fact.open = fact.open.map(|open| !open);
    assert_eq!(summary(&explore(&wrong)).matches("facts_differ").count(), 1);
}

#[test]
fn bounds_are_reported() {
    let scenario = second_absence();
    let check = |bounds: Bounds, expected: &str| {
        let exploration = Exploration { bounds, ..Exploration::new(Release::Current) };
        let explored = exploration.carry_out(&mut Simulator::new(), &scenario);
        let Explored { cut: Cut { by_choices, by_schedules }, .. } = explored;
        assert_eq!(format!("{} runs, {by_choices} cut, {by_schedules}", explored.runs()), expected);
        assert!(!explored.is_proof());
    };
    check(Bounds { schedules: 10, ..Bounds::default() }, "10 runs, 0 cut, true");
    check(Bounds { choices: 0..4, ..Bounds::default() }, "11 runs, 27 cut, false");
}
