//! The test that a mutant of the gateway must fail: every scenario with its expectation and snapshot, then a fixed campaign.
//!
//! It prints one line, `caught by …`, which `cargo xtask mutants` reads from the log, and exits with 1. A claim that sees
//! the mutant is named rather than a snapshot: a snapshot differs as soon as anything does, a claim says what is wrong.
//! `cargo mutants` ends the test when it takes too long, and counts the mutant as caught by its timeout.
//!
//! With the argument `scenarios` it leaves the campaign out, which takes most of the time.

use std::path::Path;
use std::process::ExitCode;

use gateway_core::release::Release;
use sim_harness::invariant::NAMES;
use sim_harness::report::Report;
use sim_harness::simulation::Simulator;
use sim_harness::verdict::{Comparison, Reference, Verdict, allow_differences, judge};
use sim_scenario::{Expected, Scenario};
use sim_search::fuzz::Campaign;

/// The seed and the number of runs of the campaign. A debug build plays about 500 runs a second on one core.
const SEED: u64 = 13;
const RUNS: u64 = 4000;

#[expect(clippy::print_stdout, reason = "the line is what the mutation test reads")]
fn main() -> ExitCode {
    let mut simulator = Simulator::new();
    let is_whole = std::env::args().nth(1).is_none_or(|argument| argument != "scenarios");
    let seen = scenarios(&mut simulator).or_else(|| is_whole.then(|| campaign(&mut simulator)).flatten());
    match seen {
        None => ExitCode::SUCCESS,
        Some(seen) => {
            println!("caught by {seen}");
            ExitCode::FAILURE
        }
    }
}

/// What the scenarios see: a claim if any does, else the first other difference.
fn scenarios(simulator: &mut Simulator) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is below `sim`");
    let mut other = None;
    for found in sim_scenario::find(&[root.join("scenarios")]).expect("there are scenarios") {
        let scenario = Scenario::load(&found.path, &NAMES).unwrap_or_else(|error| panic!("{error}"));
        let reference = Reference::find(&scenario).unwrap_or_else(|error| panic!("{error}"));
        let mut reports: Vec<Report> =
            scenario.releases.iter().map(|release| simulator.run(&scenario, *release)).collect();
        allow_differences(&mut reports);
        for report in reports {
            let release = report.release;
            let verdict = judge(report, &scenario, &reference);
            if verdict.expected {
                continue;
            }
            if let Some(claim) = claim(&scenario, release, &verdict) {
                return Some(format!("claim {claim} in {} {release}", scenario.name));
            }
            other.get_or_insert_with(|| difference(&scenario, release, &verdict));
        }
    }
    other
}

/// The first claim that fails without being expected to, or holds although its failure is expected.
fn claim(scenario: &Scenario, release: Release, verdict: &Verdict) -> Option<String> {
    let failed: Vec<&str> = verdict.report.violations.iter().map(|violation| violation.invariant).collect();
    let expected: &[String] = match scenario.expect.get(&release) {
        Some(Expected::Violates(names)) => names,
        _ => &[],
    };
    let unexpected = failed.iter().find(|name| !expected.iter().any(|expected| expected == *name));
    let missing = expected.iter().find(|name| !failed.contains(&name.as_str()));
    unexpected.map(|name| (*name).to_owned()).or_else(|| missing.cloned())
}

fn difference(scenario: &Scenario, release: Release, verdict: &Verdict) -> String {
    let what = match verdict.rows {
        Comparison::Differ(_) => "snapshot",
        _ => "outcome",
    };
    format!("{what} {} in {} {release}", verdict.report.outcome, scenario.name)
}

/// What the campaign on `current` sees.
fn campaign(simulator: &mut Simulator) -> Option<String> {
    let campaign = Campaign::new(SEED, Release::Current);
    (0..RUNS.div_ceil(campaign.unit())).find_map(|unit| {
        let summary = campaign.carry_out(simulator, unit, RUNS);
        let found = summary.first()?;
        Some(format!("claim {} in run {} of the campaign", found.signature.claim, found.run.number))
    })
}
