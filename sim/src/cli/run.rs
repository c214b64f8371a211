//! `sim run`: scenarios against their expectations and snapshots.

use std::path::PathBuf;
use std::rc::Rc;

use clap::ValueEnum;
use gateway_core::release::Release;
use miette::{IntoDiagnostic, miette};

use super::case::Case;
use super::diagnostic::ScenarioDiagnostic;
use super::plant::Plants;
use super::snapshots::Snapshots;
use super::{bounds, database, github, html, human, json, junit, load, real};
use interleaving::strategy::Plan;
use sim_harness::report::Report;
use sim_harness::simulation::Simulator;
use sim_harness::verdict::{self, Reference, judge};
use sim_scenario::{Found, OnSkip, Scenario};
use sim_search::drive::Scale;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Scenario files, or folders of them
    #[arg(default_value = "scenarios")]
    paths: Vec<PathBuf>,
    /// Run only under this release. Repeatable; a file that is named directly runs under it even if it does not list it
    /// [default: the releases that each file lists]
    #[arg(long = "release", value_name = "R", value_parser = bounds::release)]
    releases: Vec<Release>,
    #[command(flatten)]
    plants: Plants,
    /// How to print the report
    #[arg(long, value_enum, default_value_t = RunFormat::Human)]
    format: RunFormat,
    /// Print every event of each run. Only with `--format human` and `json`
    #[arg(long)]
    trace: bool,
    /// Write a page about the runs to this file
    #[arg(long, value_name = "FILE", conflicts_with = "real")]
    html: Option<PathBuf>,
    /// How to choose among tasks that are ready at one instant: fifo, random, urw, pct[:DEPTH], delay[:BOUND] or
    /// portfolio. Rows are compared with snapshots only on the file's own schedule [default: the file's tape; without one, fifo]
    #[arg(long, value_name = "S", value_parser = bounds::strategy)]
    strategy: Option<Plan>,
    /// Seed of the strategy
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Compare rows with the snapshots in this folder, in place of those of a folder `scenarios`. The path of a snapshot is that
    /// of its scenario below the given folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["strategy", "real"])]
    snapshots: Option<PathBuf>,
    /// With --snapshots: write the snapshots that are missing or differ
    #[arg(long, requires = "snapshots")]
    update: bool,
    /// Write the rows at the end of the only run to this new database, for `sim audit`
    #[arg(long, value_name = "FILE", conflicts_with = "real")]
    rows: Option<PathBuf>,
    /// Play each scenario over real sockets against a served gateway, and compare its rows with the simulator's.
    /// Scenarios that depend on exact timing are listed and not played. Runs under `current`, or under one `--release`
    #[arg(long, conflicts_with_all = ["format", "trace", "strategy", "seed"])]
    real: bool,
    /// With --real: real seconds for each second of the script, from 0.001 to 100
    #[arg(long, value_name = "S", default_value = "0.02", requires = "real")]
    scale: Scale,
}

/// The output formats of runs.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RunFormat {
    /// For reading: a line for each run, with violations, a picture and rows where it is not as expected
    Human,
    /// One JSON document with all runs
    Json,
    /// JUnit XML: a suite for each scenario, a case for each of its releases
    Junit,
    /// As `human`, with a line for each unexpected run that GitHub shows as an annotation
    Github,
}

/// Runs the scenarios. The exit code is that of the first run that does not meet its expectation.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    if arguments.trace && !matches!(arguments.format, RunFormat::Human | RunFormat::Json) {
        return Err(miette!(help = "leave out `--trace` or `--format`", "`--trace` needs `--format human` or `json`"));
    }
    let scenarios = load(arguments)?;
    if arguments.real {
        let [release] = arguments.releases[..] else {
            if arguments.releases.is_empty() {
                return real::run(&scenarios, Release::Current, arguments.scale);
            }
            return Err(miette!("`--real` takes one `--release`"));
        };
        return real::run(&scenarios, release, arguments.scale);
    }
    let mut simulator = Simulator::new();
    let mut cases: Vec<Case> = Vec::new();
    let mut snapshots =
        arguments.snapshots.clone().map(|folder| Snapshots::new(folder, arguments.update, arguments.paths.clone()));
    for (found, scenario) in scenarios {
        let scenario = Rc::new(scenario);
        let reference = match (&mut snapshots, arguments.strategy) {
            (Some(snapshots), _) => snapshots.reference(&found.path)?,
            (None, None) => Reference::find(&scenario).into_diagnostic()?,
            (None, Some(Plan::Fifo)) if scenario.tapes.is_empty() => Reference::find(&scenario).into_diagnostic()?,
            (None, Some(_)) => Reference::OtherSchedule,
        };
        let releases = releases(arguments, &found, &scenario);
        let run = |release: &Release| match arguments.strategy {
            None => simulator.run(&scenario, *release),
            Some(plan) => simulator.run_planned(&scenario, *release, plan, arguments.seed),
        };
        let mut reports: Vec<Report> = releases.iter().map(run).collect();
        allow_differences(&mut simulator, &scenario, &mut reports);
        for report in reports {
            if let Some(snapshots) = &mut snapshots {
                snapshots.record(&found.path, &report);
            }
            let verdict = judge(report, &scenario, &reference);
            let (found, scenario) = (found.clone(), Rc::clone(&scenario));
            let (plants, flags) = (arguments.plants.flags(), schedule(arguments));
            cases.push(Case { found, scenario, verdict, again: "run", plants, flags });
        }
    }
    if cases.is_empty() {
        return Err(miette!(
            help = "leave `--release` out to run each file's own releases",
            "no scenario lists any of the releases asked for"
        ));
    }
    if let Some(path) = &arguments.rows {
        database::write(&cases, path)?;
    }
    match arguments.format {
        RunFormat::Human => human::print(&cases, arguments.trace),
        RunFormat::Json => json::print(&cases, arguments.trace),
        RunFormat::Junit => junit::print(&cases),
        RunFormat::Github => {
            human::print(&cases, false);
            github::print(&cases);
        }
    }
    if let Some(file) = &arguments.html {
        html::keep(file, &html::runs(&cases, None))?;
    }
    if let Some(snapshots) = &snapshots {
        snapshots.finish(&cases)?;
    }
    let first = cases.iter().find(|case| !case.verdict.expected);
    Ok(first.map_or(0, |case| case.verdict.exit_code()))
}

/// Reads every file before the first run, so that a bad file stops the command before any output.
fn load(arguments: &Arguments) -> miette::Result<Vec<(Found, Scenario)>> {
    if arguments.paths == [PathBuf::from("scenarios")] && !arguments.paths[0].exists() {
        return Err(miette!(
            help = "name a file or a folder; `sim new` writes a file to start from",
            "scenarios: no such file or directory"
        ));
    }
    let mut scenarios = Vec::new();
    for found in sim_scenario::find(&arguments.paths).map_err(ScenarioDiagnostic::from)? {
        let mut scenario = load::scenario(&found.path)?;
        arguments.plants.plant(&mut scenario);
        scenarios.push((found, scenario));
    }
    Ok(scenarios)
}

/// Allows the skips of parts that have an effect under another release of the file, whether or not that release was asked for.
pub(super) fn allow_differences(simulator: &mut Simulator, scenario: &Scenario, reports: &mut Vec<Report>) {
    let fails = |report: &Report| report.skipped.iter().any(|part| part.on_skip == OnSkip::Fails);
    if !reports.iter().any(fails) {
        return;
    }
    let asked = reports.len();
    let others: Vec<Release> = scenario
        .releases
        .iter()
        .copied()
        .filter(|release| reports.iter().all(|report| report.release != *release))
        .collect();
    reports.extend(others.into_iter().map(|release| simulator.run(scenario, release)));
    verdict::allow_differences(reports);
    reports.truncate(asked);
}

fn releases(arguments: &Arguments, found: &Found, scenario: &Scenario) -> Vec<Release> {
    if arguments.releases.is_empty() {
        return scenario.releases.clone();
    }
    let listed = |release: &Release| found.named || scenario.releases.contains(release);
    let asked = Release::ALL.into_iter().filter(|release| arguments.releases.contains(release));
    asked.filter(listed).collect()
}

/// The flags of a run's schedule; empty for the scripted schedule.
fn schedule(arguments: &Arguments) -> String {
    match arguments.strategy {
        None => String::new(),
        Some(Plan::Fifo) => " --strategy fifo".to_owned(),
        Some(plan) => format!(" --strategy {plan} --seed {}", arguments.seed),
    }
}
