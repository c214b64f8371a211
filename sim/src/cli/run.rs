//! `sim run`: scenarios against their expectations and snapshots.

use std::path::PathBuf;

use clap::ValueEnum;
use gateway::release::Release;
use miette::{IntoDiagnostic, miette};

use super::{human, json};
use crate::scenario::{self, Found, Scenario};
use crate::simulation::Simulator;
use crate::strategy::Plan;
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
    /// How to choose among tasks that are ready at one instant: fifo, random, urw, pct[:DEPTH], delay[:BOUND] or
    /// portfolio; rows are compared on the file's own schedule only [default: the file's tape; without one, fifo]
    #[arg(long, value_name = "S")]
    strategy: Option<Plan>,
    /// The seed of a strategy that draws
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Human,
    Json,
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
            None => Reference::find(&scenario).into_diagnostic()?,
            Some(Plan::Fifo) if scenario.tapes.is_empty() => Reference::find(&scenario).into_diagnostic()?,
            Some(_) => Reference::OtherSchedule,
        };
        for release in releases(arguments, &found, &scenario) {
            let report = match arguments.strategy {
                None => simulator.run(&scenario, release),
                Some(plan) => simulator.run_planned(&scenario, release, plan, arguments.seed),
            };
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
        None => String::new(),
        Some(Plan::Fifo) => " --strategy fifo".to_owned(),
        Some(plan) => format!(" --strategy {plan} --seed {}", arguments.seed),
    }
}
