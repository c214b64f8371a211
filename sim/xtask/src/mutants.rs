//! The mutation score of the harness: which small changes of the gateway's core no scenario and no campaign notices.
//!
//! `cargo mutants` lists the changes, on the files that `.cargo/mutants.toml` names, and `tests/grade.rs` judges each. They
//! are compiled into one program (`one`), or each into its own (`each`). This module chooses what is judged, prints the
//! score, and keeps the committed results. A missed mutant needs a claim, a scenario, or a line in `reasons.toml`.

mod baseline;
mod each;
mod list;
mod one;
mod outcome;
mod score;
mod shard;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use baseline::Baseline;
use list::Listed;
use score::{Reasons, Score};
use shard::{Shard, shard};

/// A missed mutant without a reason: the exit code of the task.
const MISSED: u8 = 10;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Judge part K of N, counted from 0: every N-th mutant [default: all]
    #[arg(long, value_name = "K/N", value_parser = shard)]
    shard: Option<Shard>,
    /// Judge only mutants whose names contain TEXT, for example a file or a function
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Judge only mutants that the committed baseline has no result of
    #[arg(long, conflicts_with = "each_built")]
    new: bool,
    /// Judge only mutants that the committed baseline has as missed; with --new, these too
    #[arg(long, conflicts_with = "each_built")]
    missed: bool,
    /// Mutants that are judged at the same time, from 1 to 64
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Build each mutant alone with `cargo mutants`, a minute or more each, instead of all in one program
    #[arg(long)]
    each_built: bool,
    /// The folder for the copied workspace, what is built, and the results
    #[arg(long, value_name = "DIR", default_value = "target/mutants")]
    out: PathBuf,
    /// Add the results to the committed baseline, `sim/xtask/baseline.tsv`, and drop those of mutants that are gone
    #[arg(long)]
    record: bool,
    /// Run nothing: print the score of the committed baseline
    #[arg(long, conflicts_with_all = ["shard", "only", "new", "missed", "jobs", "each_built", "out", "record"])]
    score: bool,
    /// Run nothing: read the results in --out, for example of a run that was stopped
    #[arg(long, conflicts_with_all = ["shard", "only", "new", "missed", "jobs", "score"])]
    read: bool,
}

/// Judges mutants, prints the score, and fails if a missed mutant has no reason.
#[expect(clippy::print_stdout, reason = "printing is what a command line is for")]
pub(crate) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reasons = Reasons::read(&home.join("reasons.toml"))?;
    let place = home.join("baseline.tsv");
    let mut baseline = Baseline::read(&place)?;
    if arguments.score {
        println!("{}", Score::new(baseline.results(), baseline.results(), &reasons));
        return Ok(ExitCode::SUCCESS);
    }
    let all = list::list()?;
    if !arguments.read {
        judge(arguments, &all, &baseline)?;
    }
    let results = match arguments.each_built {
        true => outcome::read(&arguments.out.join("mutants.out"))?,
        false => one::read(&arguments.out)?,
    };
    baseline.add(results.clone());
    baseline.keep(&all.iter().map(|mutant| mutant.name.as_str()).collect());
    let score = Score::new(&results, baseline.results(), &reasons);
    println!("{score}");
    if arguments.record {
        baseline.write(&place)?;
    }
    Ok(if score.has_unexplained() { ExitCode::from(MISSED) } else { ExitCode::SUCCESS })
}

fn judge(arguments: &Arguments, all: &[Listed], baseline: &Baseline) -> miette::Result<()> {
    let shard = arguments.shard.unwrap_or(Shard::ALL);
    let only = arguments.only.as_deref();
    if arguments.each_built {
        return each::run(shard, only, &arguments.out, arguments.jobs);
    }
    // Each of the two adds its mutants; without both, all are judged.
    let is_chosen = |name: &str| match (arguments.new, arguments.missed) {
        (false, false) => true,
        (new, missed) => (new && !baseline.has(name)) || (missed && baseline.missed(name)),
    };
    let chosen: Vec<&Listed> = list::part(all, shard)
        .filter(|mutant| only.is_none_or(|only| mutant.name.contains(only)) && is_chosen(&mutant.name))
        .collect();
    one::run(all, &chosen, &arguments.out, arguments.jobs)
}
