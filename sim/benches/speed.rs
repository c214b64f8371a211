//! The cost of a run: #44045 against the same transactions on the same kind of database, and runs with more clients.
//!
//! All checks are enabled: SQLite, trace, digest, invariants, coverage. The cases alternate within one process, so that a busy
//! machine slows all of them equally. Run it with `cargo bench -p sim --bench speed`; with a number of runs as argument
//! (`-- 1000000`) it runs #44045 that often and prints the memory before and after instead.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a benchmark measures real time")]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measures")]

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use gateway_sqlite::Database;
use mimalloc::MiMalloc;
use sim_harness::invariant::NAMES;
use sim_harness::{Release, Scenario, Simulator};

/// The allocator of the command line.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The number of rounds, and the number of runs of each case in a round.
const ROUNDS: usize = 11;
const RUNS: u32 = 200;

const SCENARIO: &str = include_str!("../../scenarios/issues/44045_turn_outlives_grace.toml");

fn main() {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    match asked {
        Some(runs) => growth(runs),
        None => {
            against_statements();
            by_clients();
            by_sessions();
        }
    }
}

/// A run of #44045, and its store calls alone.
fn against_statements() {
    let scenario = scenario(SCENARIO);
    let mut simulator = Simulator::new();
    let calls = simulator.calls(&scenario, Release::Current);
    let mut database = Database::in_memory().expect("a database in memory");
    let (mut whole, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        whole.push(per_run(|| drop(simulator.run(&scenario, Release::Current))));
        alone.push(per_run(|| {
            database.reset().expect("a database in memory can be emptied");
            calls.carry_out(&mut database);
        }));
    }
    let (whole, alone) = (median(whole), median(alone));
    println!("#44045: {whole:.1?} a run, {:.0} runs/s", 1.0 / whole.as_secs_f64());
    println!("its {} calls of the store and the reset alone: {alone:.1?}", calls.len());
    println!("ratio: {:.2}", whole.as_secs_f64() / alone.as_secs_f64());
}

/// Each client creates its own session, submits two prompts, and drops its connection during the second turn.
fn by_clients() {
    for clients in [1, 4, 16, 64, 256] {
        per_event(&format!("{clients} clients"), &crowd(clients), 2048 / clients);
    }
}

/// One client creates sessions, each with a prompt, and closes each before the next.
fn by_sessions() {
    for sessions in [1, 10, 100, 1_000, 10_000] {
        per_event(&format!("{sessions} sessions"), &row(sessions), (2_000 / sessions).max(1));
    }
}

/// Prints what a run and an event of it cost: the median of three times as many runs.
fn per_event(what: &str, scenario: &Scenario, runs: usize) {
    let mut simulator = Simulator::new();
    let events = simulator.run(scenario, Release::Current).trace.events();
    let mut times = || {
        let started = Instant::now();
        (0..runs).for_each(|_| drop(simulator.run(scenario, Release::Current)));
        started.elapsed() / runs as u32
    };
    let time = median((0..3).map(|_| times()).collect());
    let each = time.as_secs_f64() * 1e6 / events as f64;
    println!("{what:>15}: {time:>9.1?} a run of {events:>6} events, {each:.1} µs each");
}

/// Memory does not grow with the number of runs.
fn growth(runs: u64) {
    let scenario = scenario(SCENARIO);
    let mut simulator = Simulator::new();
    let mut go = |runs| (0..runs).for_each(|_| drop(simulator.run(&scenario, Release::Current)));
    go(1000);
    let before = resident();
    let started = Instant::now();
    go(runs);
    let rate = runs as f64 / started.elapsed().as_secs_f64();
    println!("{runs} runs, {rate:.0} runs/s: {before} KiB after the first thousand, {} KiB at the end", resident());
}

/// The resident memory of this process, from `/proc/self/status`.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux reports the status of a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("there is a line for it");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number of KiB")
}

fn per_run(mut run: impl FnMut()) -> Duration {
    let started = Instant::now();
    (0..RUNS).for_each(|_| run());
    started.elapsed() / RUNS
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn crowd(clients: usize) -> Scenario {
    let mut text =
        "about = \"A crowd.\"\n[turns.long]\nsteps = [{ tool = \"terminal\", takes = \"34s\" }]\n".to_owned();
    for client in 0..clients {
        for (at, step) in [
            (0, "do = \"connect\"".to_owned()),
            (0, format!("do = \"session.create\"\nas = \"s{client}\"")),
            (1, format!("do = \"prompt.submit\"\nsession = \"s{client}\"\ntext = \"hello\"")),
            (3, format!("do = \"prompt.submit\"\nsession = \"s{client}\"\nturn = \"long\"")),
            (5, "do = \"drop\"".to_owned()),
        ] {
            write!(text, "[[steps]]\nat = \"{at}s\"\nclient = \"c{client}\"\n{step}\n").expect("a string takes all");
        }
    }
    scenario(&text)
}

fn row(sessions: usize) -> Scenario {
    let mut text =
        "about = \"One after the other.\"\n[[steps]]\nat = \"0s\"\nclient = \"c\"\ndo = \"connect\"\n".to_owned();
    for session in 0..sessions {
        for step in [
            format!("do = \"session.create\"\nas = \"s{session}\""),
            format!("do = \"prompt.submit\"\nsession = \"s{session}\"\ntext = \"hello\""),
            format!("do = \"session.close\"\nsession = \"s{session}\""),
        ] {
            write!(text, "[[steps]]\nat = \"{session}s\"\nclient = \"c\"\n{step}\n").expect("a string takes all");
        }
    }
    scenario(&text)
}

fn scenario(text: &str) -> Scenario {
    Scenario::parse(Path::new("bench.toml"), text, &NAMES).unwrap_or_else(|error| panic!("{error}"))
}
