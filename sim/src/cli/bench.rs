//! `sim bench planted`: which strategy finds which planted bug, and how soon.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark measures the machine's time, and threads share the work"
)]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Subcommand;
use gateway::behavior::Behavior;
use gateway::release::Release;

use super::behavior_flag;
use crate::fuzz::{Campaign, Finding, Guard};
use crate::shrink::Size;
use crate::simulation::Simulator;
use crate::strategy::Plan;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A table of bugs planted on `current` and strategies: how often and how soon each is found
    Planted(Planted),
}

#[derive(clap::Args)]
struct Planted {
    /// Only this bug, as FIELD=ALTERNATIVE [default: every alternative of every field]
    #[arg(long = "bug", value_name = "FIELD=ALTERNATIVE", value_parser = behavior_flag)]
    bugs: Vec<(String, String)>,
    /// Only this strategy [default: all]
    #[arg(long = "strategy", value_name = "S")]
    plans: Vec<Plan>,
    /// How many campaigns with seeds of their own
    #[arg(long, value_name = "N", default_value_t = 20)]
    seeds: u64,
    /// How many runs each may have
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    runs: u64,
    /// How many threads [default: all cores]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// A bug that no campaign of so many seeds has found is given up.
const HOPELESS: u64 = 3;

/// How many runs it may take to shrink a failure, for its size.
const TRIES: u64 = 3_000;

/// What came of the campaigns of one bug with one strategy.
#[derive(Default)]
struct Cell {
    campaigns: u64,
    /// The numbers of the failing runs, counted from 1, and the time until then.
    found: Vec<(u64, Duration)>,
    size: Option<Size>,
}

pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let What::Planted(planted) = &arguments.what;
    let bugs = if planted.bugs.is_empty() { every_bug() } else { planted.bugs.clone() };
    let plans = if planted.plans.is_empty() { Plan::NAMED.to_vec() } else { planted.plans.clone() };
    let pairs: Vec<_> = bugs.iter().flat_map(|bug| plans.iter().map(move |plan| (bug, *plan))).collect();
    out!("planted bugs on `current`, {} seeds, at most {} runs each\n", planted.seeds, planted.runs);
    out!("| bug | strategy | found | median run | median time | shrunk: clients, sessions, steps |");
    out!("| --- | --- | ---: | ---: | ---: | --- |");
    let threads = planted.jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let (next, started) = (AtomicUsize::new(0), Instant::now());
    let (done, cells) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (done, pairs, next) = (done.clone(), &pairs, &next);
            scope.spawn(move || {
                let mut simulator = Simulator::new();
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((bug, plan)) = pairs.get(place) else { return };
                    if done.send((place, cell(&mut simulator, planted, bug, *plan))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        print_in_order(cells, &pairs);
    });
    eprintln!("{} pairs in {:.0} s", pairs.len(), started.elapsed().as_secs_f64());
    Ok(0)
}

fn every_bug() -> Vec<(String, String)> {
    let fields = Behavior::default().fields();
    let others = |field: &gateway::behavior::Field| {
        let (name, value) = (field.name.clone(), field.value);
        let others = field.alternatives.iter().filter(move |alternative| alternative.name != value);
        others.map(|alternative| (name.clone(), alternative.name.to_owned())).collect::<Vec<_>>()
    };
    fields.iter().flat_map(others).collect()
}

fn cell(simulator: &mut Simulator, planted: &Planted, bug: &(String, String), plan: Plan) -> Cell {
    let mut cell = Cell::default();
    for seed in 1..=planted.seeds {
        if seed > HOPELESS && cell.found.is_empty() {
            break;
        }
        let campaign =
            Campaign { behavior: vec![bug.clone()], plan, guard: Guard::Off, ..Campaign::new(seed, Release::Current) };
        cell.campaigns += 1;
        let started = Instant::now();
        let found = campaign.first_failure(simulator, planted.runs);
        let took = started.elapsed();
        if let Some(finding) = found {
            cell.found.push((finding.run.number + 1, took));
            if cell.size.is_none() {
                cell.size = size(simulator, &finding);
            }
        }
    }
    cell
}

fn size(simulator: &mut Simulator, finding: &Finding) -> Option<Size> {
    finding.shrink(simulator, TRIES).ok().map(|shrunk| Size::of(&shrunk.scenario))
}

/// Prints each line when those before it are there.
fn print_in_order(cells: mpsc::Receiver<(usize, Cell)>, pairs: &[(&(String, String), Plan)]) {
    let (mut early, mut wanted) = (BTreeMap::new(), 0);
    for (place, cell) in cells {
        early.insert(place, cell);
        while let Some(cell) = early.remove(&wanted) {
            let ((field, alternative), plan) = pairs[wanted];
            out!("| {field} = {alternative} | {plan} | {} |", line(cell));
            wanted += 1;
        }
    }
}

fn line(mut cell: Cell) -> String {
    let share = format!("{} of {}", cell.found.len(), cell.campaigns);
    if cell.found.is_empty() {
        return format!("{share} | - | - | given up");
    }
    cell.found.sort();
    let middle = cell.found.len() / 2;
    let mut times: Vec<Duration> = cell.found.iter().map(|(_, took)| *took).collect();
    times.sort();
    let size = cell.size.map(|size| format!("{}, {}, {}", size.clients, size.sessions, size.steps)).unwrap_or_default();
    format!("{share} | {} | {:.2} s | {size}", cell.found[middle].0, times[middle].as_secs_f64())
}
