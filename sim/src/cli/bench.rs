//! `sim bench planted`: the planted bugs that each strategy finds, and the number of runs until then.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark measures the machine's time, and threads share the work"
)]

mod cell;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use clap::Subcommand;
use gateway_core::behavior::Behavior;
use miette::{IntoDiagnostic, WrapErr};

use super::spread::threads;
use super::{bounds, plant};
use interleaving::strategy::Plan;
use sim_harness::simulation::Simulator;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Measure how often and how soon each strategy finds each bug planted on `current`
    Planted(Planted),
}

#[derive(clap::Args)]
struct Planted {
    /// Measure only this planted bug, as `grace.expiry=one_shot`. Repeatable; `sim behavior` lists fields and
    /// alternatives [default: every alternative that is a defect]
    #[arg(
        long = "plant",
        aliases = ["behavior", "set", "bug"],
        value_name = "FIELD=ALTERNATIVE",
        value_parser = plant::parse
    )]
    bugs: Vec<(String, String)>,
    /// Measure only this strategy. Repeatable [default: all]
    #[arg(long = "strategy", value_name = "S", value_parser = bounds::strategy)]
    plans: Vec<Plan>,
    /// Number of campaigns for each pair, with the seeds 1 to N
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: u64,
    /// Largest number of runs of a campaign
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = bounds::runs())]
    runs: u64,
    /// Number of threads, from 1 to 1024 [default: all cores]
    #[arg(long, value_name = "N", value_parser = bounds::jobs)]
    jobs: Option<NonZeroUsize>,
    /// How to print the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Skip the pairs in this file, an earlier output of `--format json` [default: skip none]
    #[arg(long, value_name = "FILE")]
    done: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A Markdown table with a row for each pair of bug and strategy, then a summary for each strategy
    Human,
    /// A JSON object on a line for each pair, as `--done` reads them
    Json,
}

/// A planted bug and the strategy that searches for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    field: String,
    alternative: String,
    /// The strategy, which is printed and parsed by its name.
    strategy: String,
}

pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let What::Planted(planted) = &arguments.what;
    let pairs = pairs(planted)?;
    let threads = threads(planted.jobs);
    let (next, started) = (AtomicUsize::new(0), Instant::now());
    let (done, cells) = mpsc::channel();
    let mut table = table::Table::new(planted.format, pairs.len());
    table.begin(planted);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (done, pairs, next) = (done.clone(), &pairs, &next);
            scope.spawn(move || {
                let mut simulator = Simulator::new();
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((pair, plan)) = pairs.get(place) else { return };
                    if done.send((place, cell::measure(&mut simulator, planted, pair, *plan))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        print_in_order(cells, &pairs, &mut table);
    });
    table.finish(planted, started.elapsed());
    Ok(0)
}

/// All pairs of bug and strategy, without the pairs that an earlier output contains.
fn pairs(planted: &Planted) -> miette::Result<Vec<(Pair, Plan)>> {
    let defects = || Behavior::defects().into_iter().map(|(field, way)| (field, way.to_owned())).collect();
    let bugs = if planted.bugs.is_empty() { defects() } else { planted.bugs.clone() };
    let plans = if planted.plans.is_empty() { Plan::NAMED.to_vec() } else { planted.plans.clone() };
    let done = match &planted.done {
        None => BTreeSet::new(),
        Some(file) => {
            let wrong = || format!("cannot read {}", file.display());
            let text = std::fs::read_to_string(file).into_diagnostic().wrap_err_with(wrong)?;
            table::done(&text).into_diagnostic().wrap_err_with(wrong)?
        }
    };
    let pair = |(field, alternative): &(String, String), plan: &Plan| Pair {
        field: field.clone(),
        alternative: alternative.clone(),
        strategy: plan.to_string(),
    };
    let pairs = bugs.iter().flat_map(|bug| plans.iter().map(move |plan| (pair(bug, plan), *plan)));
    Ok(pairs.filter(|(pair, _)| !done.contains(pair)).collect())
}

/// Prints each line as soon as all lines before it are complete.
fn print_in_order(cells: mpsc::Receiver<(usize, cell::Cell)>, pairs: &[(Pair, Plan)], table: &mut table::Table) {
    let (mut early, mut wanted) = (BTreeMap::new(), 0);
    for (place, cell) in cells {
        early.insert(place, cell);
        table.show(wanted + early.len());
        while let Some(cell) = early.remove(&wanted) {
            table.line(&pairs[wanted].0, cell);
            wanted += 1;
        }
    }
}
