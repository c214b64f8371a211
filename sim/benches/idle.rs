//! The cost of virtual time, which is zero: an idle day against a few idle seconds, and a whole scenario for scale.
//!
//! The cases alternate within one run, so that a busy machine slows all of them equally. Run it with
//! `cargo bench -p sim --bench idle`.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a benchmark measures real time")]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measures")]

use std::path::Path;
use std::time::{Duration, Instant};

use sim_harness::invariant::NAMES;
use sim_harness::{Release, Scenario, Simulator};

/// The number of rounds, and the number of runs of each case in a round.
const ROUNDS: usize = 11;
const RUNS: u32 = 200;

fn main() {
    let cases = [
        ("24 s idle", idle("24s")),
        ("24 h idle", idle("24h")),
        ("#44045", scenario(include_str!("../../scenarios/issues/44045_turn_outlives_grace.toml"))),
    ];
    let mut simulator = Simulator::new();
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (place, (_, scenario)) in cases.iter().enumerate() {
            let started = Instant::now();
            for _ in 0..RUNS {
                simulator.run(scenario, Release::Current);
            }
            times[place].push(started.elapsed() / RUNS);
        }
    }
    println!("per run, {ROUNDS} rounds of {RUNS} runs: median (least to most)");
    for ((name, _), times) in cases.iter().zip(&mut times) {
        times.sort();
        println!("{name:<12} {:>9.1?} ({:.1?} to {:.1?})", times[ROUNDS / 2], times[0], times[ROUNDS - 1]);
    }
    println!("24 h / 24 s: {:.2}", times[1][ROUNDS / 2].as_secs_f64() / times[0][ROUNDS / 2].as_secs_f64());
}

fn idle(length: &str) -> Scenario {
    scenario(&format!(
        "about = \"A session is left alone.\"\nuntil = \"{length}\"\n\
         [[steps]]\nat = \"0s\"\nclient = \"desktop\"\ndo = \"connect\"\n\
         [[steps]]\nat = \"0s\"\nclient = \"desktop\"\ndo = \"session.create\"\nas = \"work\"\n\
         [[steps]]\nat = \"1s\"\nclient = \"desktop\"\ndo = \"prompt.submit\"\nsession = \"work\"\ntext = \"hello\"\n"
    ))
}

fn scenario(text: &str) -> Scenario {
    Scenario::parse(Path::new("bench.toml"), text, &NAMES).unwrap_or_else(|error| panic!("{error}"))
}
