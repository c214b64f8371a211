//! `sim run --real`: the scenarios over real sockets in real time; the rows must equal the simulator's.

use gateway_core::release::Release;
use miette::miette;

use sim_harness::report::Outcome;
use sim_harness::simulation::Simulator;
use sim_report::quoted;
use sim_scenario::{Found, Scenario};
use sim_search::drive::Scale;
use sim_search::drive::rows::differences;
use sim_search::drive::served::replay;
use sim_search::margin::{self, TOLERANCE};

/// The result of one scenario over real sockets.
enum Compared {
    Equal { at: Scale },
    Differs(Vec<String>),
    NotEligible(String),
}

/// The factor by which a scenario is slowed down after the machine was late, and the number of tries.
const SLOWER: u32 = 4;
const TRIES: u32 = 3;

/// Plays the eligible scenarios, and prints why the others are not.
pub(super) fn run(scenarios: &[(Found, Scenario)], release: Release, scale: Scale) -> miette::Result<u8> {
    let mut simulator = Simulator::new();
    let (mut equal, mut differ, mut rest) = (0, 0, Vec::new());
    for (found, scenario) in scenarios {
        let path = found.path.display();
        match compare(&mut simulator, scenario, release, scale) {
            Compared::Equal { at } => {
                equal += 1;
                let slower = if at == scale { String::new() } else { format!(", at {at}: the machine was late") };
                out!("{path}: equal{slower}");
            }
            Compared::Differs(lines) => {
                differ += 1;
                out!("{path}: DIFFERS");
                lines.iter().for_each(|line| out!("      {line}"));
                out!("      simulated: sim run {} --release {release} --trace", quoted(&path.to_string()));
            }
            Compared::NotEligible(why) => rest.push(format!("{path}: {why}")),
        }
    }
    if !rest.is_empty() {
        out!("\nnot eligible:");
        rest.iter().for_each(|line| out!("{line}"));
    }
    let facts: usize = scenarios.iter().map(|(_, scenario)| scenario.facts_of(release).count()).sum();
    if facts > 0 {
        out!("\n{facts} facts are judged by `sim run` only: rows of a socket's play have times within a tolerance");
    }
    out!("\n{} eligible, {equal} equal, {differ} differ; {} not eligible", equal + differ, rest.len());
    match (equal, differ) {
        (0, 0) => Err(miette!("nothing was compared: no scenario is eligible")),
        (_, 0) => Ok(0),
        _ => Ok(Outcome::RowsDiffer.exit_code()),
    }
}

fn compare(simulator: &mut Simulator, scenario: &Scenario, release: Release, scale: Scale) -> Compared {
    if !scenario.releases.contains(&release) {
        return Compared::NotEligible(format!("does not list {release}"));
    }
    let expected = match margin::rows(simulator, scenario, release) {
        Ok(expected) => expected,
        Err(why) => return Compared::NotEligible(why.to_string()),
    };
    let mut at = scale;
    for left in (0..TRIES).rev() {
        let replayed = match replay(scenario, release, at) {
            Ok(replayed) => replayed,
            Err(error) => return Compared::Differs(vec![error.to_string()]),
        };
        let mut lines = differences(&expected, &replayed.rows, TOLERANCE);
        if lines.is_empty() {
            return Compared::Equal { at };
        }
        // The difference was not caused by a late machine.
        if replayed.late < TOLERANCE || left == 0 {
            lines.push(format!("at {at}, where the machine was late by {} in total", replayed.late));
            return Compared::Differs(lines);
        }
        at = at.times(SLOWER);
    }
    unreachable!("the last try returns")
}
