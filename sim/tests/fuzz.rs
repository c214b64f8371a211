//! Campaigns: `current` has no failure, each planted bug is found that campaigns are known to find, and the report does not
//! depend on the number of threads.

use std::process::Command;

use gateway_core::behavior::Behavior;
use sim_harness::{Release, Simulator};
use sim_search::fuzz::{Campaign, Guard, Mode};

/// The number of runs within which an early bug must be found: many times the measured number, which varies with the generator.
const RUNS_MAX: u64 = 4000;

/// Bugs that 1000 runs of seed 1 do not find: too late for every test run. `sim bench planted` gives each of its seeds 10,000 runs.
const LATE: &[&str] = &[
    "grace.clock = wall",
    // Only a tool that is silent for longer than `orphan_silence` while its client is away shows it.
    "grace.tools = hangs",
    "resume.target = latest_start",
    "resume.target = exact",
    "queue.bound = one_more",
    "events.lost = unmarked",
    "writing.timeout = in_flight",
    "writing.timeout = silenced",
    "close.reap_order = pop_then_end",
    "flush.when = tools_and_end",
    "interrupt.late = sent_and_stored",
    // Only a stop and an answer that arrive at one instant show these.
    "interrupt.asking = stops_later",
    "interrupt.answer = wiped",
    "notices.taker = any_after_turn",
    "notices.liveness = not_checked",
    "approval.asked = stored_id",
    "title.get = applies_pending",
    "lineage.delete = session_key",
    "list.tip = latest_start",
    "list.tip = best",
];

/// A campaign on `current` finds no failure, and repeating a run gives the same run.
#[test]
fn current_is_clean() {
    let campaign = Campaign { guard: Guard::All, ..Campaign::new(1, Release::Current) };
    let summary = campaign.carry_out_all(&mut Simulator::new(), 400);
    let signatures: Vec<String> = summary.findings.keys().map(ToString::to_string).collect();
    assert!(signatures.is_empty(), "found on current: {signatures:#?}");
    assert_eq!((summary.runs, summary.repeated, summary.different), (400, 400, None));
}

/// Each bug in the list of late bugs is still an alternative of the behaviour.
#[test]
fn late_bugs_are_alternatives_of_the_behavior() {
    let planted = planted();
    let strangers: Vec<_> = LATE.iter().filter(|late| !planted.contains(&(**late).to_owned())).collect();
    assert!(strangers.is_empty(), "no planted bugs: {strangers:?}");
}

/// The first of three parts of the early bugs; the parts run in parallel.
#[test]
fn planted_bugs_are_found() {
    check_part(0);
}

/// The second of three parts of the early bugs.
#[test]
fn other_planted_bugs_are_found() {
    check_part(1);
}

/// The third of three parts of the early bugs.
#[test]
fn further_planted_bugs_are_found() {
    check_part(2);
}

/// The report does not depend on the number of threads, with and without guidance.
#[test]
fn threads_do_not_matter() {
    for mode in [&[][..], &["--guided"]] {
        let report = |jobs: &str| {
            let flags = [&["fuzz", "--runs", "320", "--seed", "5", "--recheck", "off", "--jobs", jobs], mode].concat();
            let folder = tempfile::tempdir().expect("a folder");
            let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
            let output = command.args(flags).current_dir(folder.path()).env_clear().output().expect("it runs");
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        assert_eq!(report("1"), report("2"), "{mode:?}");
    }
}

/// A guided campaign mutates scenarios, its mutants reach states that new scenarios alone do not reach, and none of them
/// fails.
///
/// Only thousands of runs show that it reaches more states in total; `docs/src/fuzz.md` has the measurements.
#[test]
fn a_guided_campaign_reaches_new_states() {
    let blind = Campaign { guard: Guard::Off, ..Campaign::new(2, Release::Current) };
    let guided = Campaign { mode: Mode::Guided, ..blind.clone() };
    let mut simulator = Simulator::new();
    let [blind, guided] = [blind, guided].map(|campaign| campaign.carry_out_all(&mut simulator, 1000));
    assert!((40..900).contains(&guided.mutated) && blind.mutated == 0, "{} mutated runs", guided.mutated);
    assert!(guided.findings.is_empty(), "{:?}", guided.findings.keys());
    let known = blind.coverage.edges();
    let new = guided.coverage.edges().keys().filter(|edge| !known.contains_key(edge)).count();
    assert!(new > 0, "each edge is one that new scenarios reach");
}

/// Every bug that can be planted.
fn planted() -> Vec<String> {
    Behavior::defects().into_iter().map(|(field, alternative)| format!("{field} = {alternative}")).collect()
}

/// One of three parts of the early bugs.
#[track_caller]
fn check_part(part: usize) {
    let soon = planted().into_iter().filter(|planted| !LATE.contains(&planted.as_str()));
    soon.skip(part).step_by(3).for_each(|planted| check_found(&planted));
}

/// Runs a campaign until it finds the bug.
#[track_caller]
fn check_found(planted: &str) {
    let (field, alternative) = planted.split_once(" = ").expect("a field and its alternative");
    let campaign = Campaign {
        behavior: vec![(field.to_owned(), alternative.to_owned())],
        guard: Guard::Off,
        ..Campaign::new(1, Release::Current)
    };
    let mut simulator = Simulator::new();
    let mut units = 0..RUNS_MAX / campaign.unit();
    let found = units.any(|unit| !campaign.carry_out(&mut simulator, unit, RUNS_MAX).findings.is_empty());
    assert!(found, "{planted} is not found within {RUNS_MAX} runs");
}
