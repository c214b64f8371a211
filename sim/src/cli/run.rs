//! `sim run`: scenarios against their expectations and snapshots.

use std::path::PathBuf;

use clap::ValueEnum;
use gateway::release::Release;
use miette::{IntoDiagnostic, miette};

use super::{human, json};
use crate::scenario::{self, Found, Scenario};
use crate::simulation::Simulator;
use crate::strategy::{Fifo, Random, Replay, Strategy};
use crate::verdict::{Reference, Verdict, judge};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Scenario files, or folders of them
    #[arg(default_value = "scenarios")]
    paths: Vec<PathBuf>,
    /// Run only these releases; a file that is named itself runs under them even if it does not list them
    #[arg(long = "release", value_name = "R", value_parser = release)]
    releases: Vec<Release>,
    /// How to print what came of it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Print what happened, event by event
    #[arg(long)]
    trace: bool,
    /// How to choose among tasks that are ready at one instant; rows are compared with `file` only
    #[arg(long, value_enum, default_value_t = Schedule::File)]
    strategy: Schedule,
    /// The seed of a random strategy
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Human,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Schedule {
    /// As the file's tape says; where it has none, as `fifo`
    File,
    /// In the order in which they became ready
    Fifo,
    /// Any, by the seed
    Random,
}

pub(super) fn release(text: &str) -> Result<Release, String> {
    text.parse().map_err(|error: gateway::release::UnknownRelease| error.to_string())
}

/// Runs everything that is asked for; the exit code is that of the first run that is not as expected.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let scenarios = load(arguments)?;
    let mut simulator = Simulator::new();
    let mut verdicts: Vec<(Found, Verdict)> = Vec::new();
    for (found, scenario) in scenarios {
        let reference = match arguments.strategy {
            Schedule::File => Reference::find(&scenario).into_diagnostic()?,
            Schedule::Fifo if scenario.tapes.is_empty() => Reference::find(&scenario).into_diagnostic()?,
            Schedule::Fifo | Schedule::Random => Reference::OtherSchedule,
        };
        for release in releases(arguments, &found, &scenario) {
            let report = simulator.run_with(&scenario, release, strategy(arguments, &scenario, release));
            verdicts.push((found.clone(), judge(report, &scenario, &reference)));
        }
    }
    if verdicts.is_empty() {
        return Err(miette!(
            help = "leave `--release` out to run each file's own releases",
            "no scenario lists any of the releases asked for"
        ));
    }
    match arguments.format {
        Format::Human => human::print(&verdicts, &schedule(arguments), arguments.trace),
        Format::Json => json::print(&verdicts),
    }
    let first = verdicts.iter().find(|(_, verdict)| !verdict.expected);
    Ok(first.map_or(0, |(_, verdict)| verdict.exit_code()))
}

/// Reads every file before the first run: a bad one stops the command before it prints anything.
fn load(arguments: &Arguments) -> miette::Result<Vec<(Found, Scenario)>> {
    let mut scenarios = Vec::new();
    for found in scenario::find(&arguments.paths)? {
        let scenario = Scenario::load(&found.path)?;
        scenarios.push((found, scenario));
    }
    Ok(scenarios)
}

fn releases(arguments: &Arguments, found: &Found, scenario: &Scenario) -> Vec<Release> {
    if arguments.releases.is_empty() {
        return scenario.releases.clone();
    }
    let listed = |release: &Release| found.named || scenario.releases.contains(release);
    let asked = Release::ALL.into_iter().filter(|release| arguments.releases.contains(release));
    asked.filter(listed).collect()
}

/// The flags that a run's schedule needs, if it is not the scripted one.
fn schedule(arguments: &Arguments) -> String {
    match arguments.strategy {
        Schedule::File => String::new(),
        Schedule::Fifo => " --strategy fifo".to_owned(),
        Schedule::Random => format!(" --strategy random --seed {}", arguments.seed),
    }
}

fn strategy(arguments: &Arguments, scenario: &Scenario, release: Release) -> Box<dyn Strategy> {
    match arguments.strategy {
        Schedule::File => Box::new(Replay::of(scenario, release)),
        Schedule::Fifo => Box::new(Fifo),
        Schedule::Random => Box::new(Random::new(arguments.seed)),
    }
}
