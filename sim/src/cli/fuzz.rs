//! `sim fuzz`: random scenarios under chosen schedules, and the failures that they find.

pub(super) mod campaign;
pub(super) mod claims;
mod found;
mod page;
mod text;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::ValueEnum;
use gateway_core::release::Release;

use self::campaign::Work;
use super::bounds;
use super::bounds::claim;
use super::bounds::release;
use super::html;
use super::marks::{self, Reached};
use super::plant::Plants;
use super::spread::threads;
use interleaving::strategy::Plan;
use sim_harness::report::Outcome;
use sim_search::fuzz::{Campaign, Guard, LONG, Mode, Summary};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Number of runs, from 1 to 100000000
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = bounds::runs())]
    runs: u64,
    /// Seed of the campaign. The same seed gives the same scenarios and schedules
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How to choose among tasks that are ready at one instant: fifo, random, urw, pct[:DEPTH], delay[:BOUND] or portfolio
    #[arg(long, value_name = "S", default_value_t = Plan::Portfolio, value_parser = bounds::strategy)]
    strategy: Plan,
    /// The release under test
    #[arg(long, value_name = "R", value_parser = release, default_value_t = Release::Current)]
    release: Release,
    #[command(flatten)]
    plants: Plants,
    /// Count only this failure: an invariant, or `panicked`, `not_at_rest` or `limit`. Repeatable
    /// [default: every failure]
    #[arg(long, value_name = "INVARIANT", value_parser = claim)]
    only: Vec<String>,
    /// Derive some of the scenarios from earlier ones that reached new states
    #[arg(long)]
    guided: bool,
    /// Number of threads, from 1 to 1024. The report does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = bounds::jobs)]
    jobs: Option<NonZeroUsize>,
    /// Run only part K of N of the campaign
    #[arg(long, value_name = "K/N", value_parser = shard, default_value = "1/1")]
    shard: Shard,
    /// Start no more runs after this much real time, as `10m` [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = bounds::budget)]
    budget: Option<std::time::Duration>,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// Which runs to repeat, to check that they are deterministic
    #[arg(long, value_enum, default_value_t = Recheck::Sample)]
    recheck: Recheck,
    /// How to print the report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Largest number of runs to shrink each kind of failure. With 0 the scenario is kept as it was found
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = bounds::tries())]
    tries: u64,
    /// Write a page about the campaign to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Folder for the scenarios of failures
    #[arg(long, value_name = "DIR", default_value = "scenarios/found")]
    out: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading: the marks and the claims, then each kind of failure with its explanation and its file
    Human,
    /// One JSON document with the marks, the claims and the failures
    Json,
    /// As `human`, with a line for each failure that GitHub shows as an annotation
    Github,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Recheck {
    /// Repeat one run in twenty
    Sample,
    /// Repeat every run, which doubles the time of the campaign
    All,
    /// Repeat no run
    Off,
}

impl Arguments {
    fn threads(&self) -> usize {
        threads(self.jobs)
    }
}

/// One of several equal parts of a campaign, `K/N` on the command line.
#[derive(Clone, Copy)]
pub(super) struct Shard {
    /// The number of this part, from 1 to `of`.
    number: u64,
    of: u64,
}

impl Shard {
    /// The whole campaign, as one part.
    pub(super) const WHOLE: Self = Self { number: 1, of: 1 };
}

fn shard(text: &str) -> Result<Shard, String> {
    bounds::shard(text).map(|(number, of)| Shard { number, of })
}

/// The exit code of a long campaign that found no failure and missed a mark, or hardly judged a claim.
pub(super) const MARKS_MISSED: u8 = 16;

pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let campaign = Campaign {
        behavior: arguments.plants.list(),
        plan: arguments.strategy,
        only: arguments.only.clone(),
        guard: match arguments.recheck {
            Recheck::Sample => Guard::Sample,
            Recheck::All => Guard::All,
            Recheck::Off => Guard::Off,
        },
        mode: if arguments.guided { Mode::Guided } else { Mode::Blind },
        ..Campaign::new(arguments.seed, arguments.release)
    };
    let work = Work {
        runs: arguments.runs,
        shard: arguments.shard,
        threads: arguments.threads(),
        budget: arguments.budget,
        fail_fast: arguments.fail_fast,
    };
    let (summary, took) = campaign::carry_out_timed(&campaign, &work);
    let files = found::keep(&summary, arguments)?;
    match arguments.format {
        Format::Human => text::print(&campaign, &summary, &files),
        Format::Json => text::print_json(&campaign, &summary, &files),
        Format::Github => {
            text::print(&campaign, &summary, &files);
            text::print_github(&files);
        }
    }
    if let Some(file) = &arguments.html {
        html::keep(file, &page::of(&campaign, &summary, &files, took))?;
    }
    Ok(exit_code(&campaign, &summary))
}

fn exit_code(campaign: &Campaign, summary: &Summary) -> u8 {
    if let Some(finding) = summary.first() {
        return finding.outcome.exit_code();
    }
    if summary.different.is_some() {
        return Outcome::Nondeterministic.exit_code();
    }
    let behavior = campaign.behavior_under_test();
    let missed = marks::all(&summary.coverage, &behavior).any(|(_, reached)| matches!(reached, Reached::Missed));
    if summary.runs >= LONG && missed || claims::is_blind(summary) { MARKS_MISSED } else { 0 }
}
