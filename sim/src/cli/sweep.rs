//! `sim sweep`: scenarios with one fault at each store call in turn.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use gateway_core::release::Release;
use miette::{IntoDiagnostic, WrapErr, miette};
use serde::Serialize;

use super::bounds::{jobs, release};
use super::diagnostic::ScenarioDiagnostic;
use super::file::write;
use super::plant::Plants;
use super::spread::{spread, threads};
use super::{excuses, load};
use sim_harness::counts::Counts;
use sim_harness::report::Outcome;
use sim_report::quoted;
use sim_scenario::{Fault, Journal, Scenario};
use sim_search::sweep::{FailedPoint, Kind, Place, Point, Sample, Sweep, Swept};

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("kind").required(true))]
pub(super) struct Arguments {
    /// Scenario files, or folders of them. Their tapes and expectations are ignored
    #[arg(default_value = "scenarios")]
    paths: Vec<PathBuf>,
    /// Kill the process at each store call (before a commit, after it and before its answer, at a read) and between the events of
    /// the run. It starts again after a second, and clients come back after two
    #[arg(long, group = "kind")]
    crash: bool,
    /// Fail each store call: a disk error, and for a write also a failed sync and a lost answer
    #[arg(long, group = "kind")]
    store_error: bool,
    /// Lock the database for five seconds at each write
    #[arg(long, group = "kind")]
    busy: bool,
    /// Lose the power at a change of the disk in a write, with a WAL and with a rollback journal, four times with other survivors
    /// of what was not synced. The process starts again, and clients come back, as with --crash
    #[arg(long, group = "kind")]
    power: bool,
    /// With --crash: kill the process a second time, at each store call of its recovery
    #[arg(long, requires = "crash")]
    twice: bool,
    /// With --crash and --power: try at most so many points between events, or changes of the disk at each journal mode, of a
    /// scenario, spread evenly over its run
    #[arg(long, value_name = "N", default_value_t = 32, conflicts_with_all = ["store_error", "busy"])]
    sample: usize,
    /// The release under test. Files of a folder that do not list it, or that plant a bug, are left out
    #[arg(long, value_name = "R", value_parser = release, default_value_t = Release::Current)]
    release: Release,
    #[command(flatten)]
    plants: Plants,
    /// Number of threads, from 1 to 1024 [default: all cores]
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Folder for a scenario file of the first failure of each claim in each scenario
    #[arg(long, value_name = "DIR", default_value = "scenarios/found")]
    out: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading: a line for each scenario, and the files of the failures
    Human,
    /// One JSON document with the counts and the failures
    Json,
}

/// The result of one scenario, with the files of its failures.
struct Line {
    name: String,
    swept: Swept,
    kept: Vec<Kept>,
}

/// The first point at which a claim fails in a scenario.
#[derive(Serialize)]
struct Kept {
    claim: String,
    point: String,
    file: String,
}

/// Sweeps, and returns the exit code: 0 if no point fails, else that of a violation.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let mut scenarios = Vec::new();
    for found in sim_scenario::find(&arguments.paths).map_err(ScenarioDiagnostic::from)? {
        let mut scenario = load::scenario(&found.path)?;
        // A file that plants a bug fails by it sooner or later, with a fault or without.
        let is_meant = scenario.releases.contains(&arguments.release) && scenario.behavior.is_empty();
        arguments.plants.plant(&mut scenario);
        if found.named || is_meant {
            scenarios.push(scenario);
        }
    }
    if scenarios.is_empty() {
        return Err(miette!(
            help = "name a file to run it under any release",
            "no scenario lists {}",
            arguments.release
        ));
    }
    let sweep = Sweep { release: arguments.release, kind: kind(arguments), sample: arguments.sample };
    let results =
        spread(&scenarios, threads(arguments.jobs), |simulator, scenario| sweep.carry_out(simulator, scenario));
    let mut lines = Vec::new();
    for (scenario, swept) in scenarios.iter().zip(results) {
        let kept = keep(&swept, &scenario.name, &arguments.out)?;
        lines.push(Line { name: scenario.name.clone(), swept, kept });
    }
    match arguments.format {
        Format::Human => print(&lines, arguments),
        Format::Json => print_json(&lines, arguments),
    }
    let is_clean = lines.iter().all(|line| line.swept.failures.is_empty());
    Ok(if is_clean { 0 } else { Outcome::Violated.exit_code() })
}

fn kind(arguments: &Arguments) -> Kind {
    if arguments.power {
        return Kind::Power;
    }
    match (arguments.crash, arguments.store_error) {
        (true, _) if arguments.twice => Kind::CrashTwice,
        (true, _) => Kind::Crash,
        (false, true) => Kind::StoreError,
        (false, false) => Kind::Busy,
    }
}

/// Writes a file for the first failure of each claim.
fn keep(swept: &Swept, name: &str, folder: &Path) -> miette::Result<Vec<Kept>> {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut kept = Vec::new();
    for FailedPoint { points, scenario, failed } in &swept.failures {
        let Some(claim) = failed.iter().find(|claim| !known.contains(claim.as_str())) else { continue };
        known.extend(failed.iter().map(String::as_str));
        let point = points.iter().map(|point| words(point, scenario)).collect::<Vec<_>>().join(", then ");
        let stems = points.iter().map(|point| stem(point, scenario)).collect::<Vec<_>>().join("_");
        let file = folder.join(format!("{claim}_{name}_{stems}.toml"));
        let wrong = || format!("cannot write {}", file.display());
        write(&file, &scenario.to_toml()).into_diagnostic().wrap_err_with(wrong)?;
        kept.push(Kept { claim: claim.clone(), point, file: file.display().to_string() });
    }
    Ok(kept)
}

/// A point in words: `crash at write 3, 10.000s`.
fn words(Point { at, place }: &Point, scenario: &Scenario) -> String {
    match place {
        Place::Call { side, nth, fault: Fault::Power { change } } => {
            format!("power at change {change} of {} {nth}, journal {}, {at}", side.key(), scenario.store.journal.name())
        }
        Place::Call { side, nth, fault } => format!("{} at {} {nth}, {at}", fault.name(), side.key()),
        Place::Event { nth } => format!("kill before event {nth} of {at}"),
    }
}

/// A point as part of a file name: `crash_write3`.
fn stem(Point { at, place }: &Point, scenario: &Scenario) -> String {
    match place {
        Place::Call { side, nth, fault: Fault::Power { change } } => {
            let journal = match scenario.store.journal {
                Journal::Wal => "",
                Journal::Delete => "_delete",
            };
            format!("power_{}{nth}_{change}{journal}", side.key())
        }
        Place::Call { side, nth, fault } => format!("{}_{}{nth}", fault.name(), side.key()),
        Place::Event { nth } => format!("kill_{}ms_event{nth}", at.0),
    }
}

fn print(lines: &[Line], arguments: &Arguments) {
    let wide = lines.iter().map(|line| line.name.len()).max().unwrap_or_default();
    for Line { name, swept, kept } in lines {
        out!("{name:wide$}  {} of {} points failed", swept.failures.len(), swept.points);
        for Kept { claim, point, file } in kept {
            out!("    {claim}: {point}");
            out!("      replay   sim replay {} --release {}", quoted(file), arguments.release);
        }
    }
    let (points, failed) = totals(lines);
    let counts = counts(lines);
    let excused = excuses::summary(&counts).map_or(String::new(), |excused| format!("; {excused}"));
    let plants = excuses::plants(&arguments.plants.list());
    let sampled = sampled(lines, arguments);
    out!(
        "\n{} scenarios under {}{plants}: {failed} of {points} points failed{sampled}{excused}",
        lines.len(),
        arguments.release
    );
}

/// How many of the places were tried of which only a sample is.
fn sampled(lines: &[Line], arguments: &Arguments) -> String {
    let what = match kind(arguments) {
        Kind::Crash | Kind::CrashTwice => "points between events",
        Kind::Power => "changes of the disk",
        Kind::StoreError | Kind::Busy => return String::new(),
    };
    let Sample { tried, of } = sample(lines);
    format!("; {tried} of {of} {what} tried")
}

fn sample(lines: &[Line]) -> Sample {
    let mut sample = Sample::default();
    lines.iter().for_each(|line| sample.add(line.swept.sample));
    sample
}

fn totals(lines: &[Line]) -> (u64, usize) {
    let points = lines.iter().map(|line| line.swept.points).sum();
    (points, lines.iter().map(|line| line.swept.failures.len()).sum())
}

fn counts(lines: &[Line]) -> Counts {
    let mut counts = Counts::default();
    lines.iter().for_each(|line| counts.add(&line.swept.counts));
    counts
}

fn print_json(lines: &[Line], arguments: &Arguments) {
    let (points, failed) = totals(lines);
    let scenario = |line: &Line| {
        serde_json::json!({
            "scenario": line.name,
            "points": line.swept.points,
            "failed": line.swept.failures.len(),
            "first": line.kept,
        })
    };
    let document = serde_json::json!({
        "release": arguments.release.name(),
        "behavior": arguments.plants.list().iter().map(|(field, value)| format!("{field}={value}")).collect::<Vec<_>>(),
        "points": points,
        "failed": failed,
        "sampled": { "tried": sample(lines).tried, "of": sample(lines).of },
        "claims": counts(lines).listed(),
        "scenarios": lines.iter().map(scenario).collect::<Vec<_>>(),
    });
    out!("{}", serde_json::to_string_pretty(&document).expect("a report is plain data"));
}
