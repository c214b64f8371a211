//! `sim explore`: every schedule of one scenario, ending in a proof or a failure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;
use gateway_core::release::Release;
use miette::{IntoDiagnostic, WrapErr};
use serde::Serialize;

use super::bounds::{choices, claim, release, runs};
use super::file::{word, write};
use super::load;
use super::plant::Plants;
use super::shrink::place_of;
use super::{excuses, failure, html, report};
use sim_harness::counts::ListedCount;
use sim_harness::invariant::Violation;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_harness::verdict::{Reference, Verdict, judge};
use sim_report::run::Searched;
use sim_scenario::Scenario;
use sim_search::explore::{Bounds, Exploration, Explored, Reduction};
use sim_search::shrink::as_shown;
use sim_search::signature::FailureSignature;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The scenario file. Its tape is ignored
    scenario: PathBuf,
    /// The release under test
    #[arg(long, value_name = "R", value_parser = release, default_value_t = Release::Current)]
    release: Release,
    #[command(flatten)]
    plants: Plants,
    /// Count only this failure: an invariant, or `panicked`, `not_at_rest` or `limit`. Repeatable
    /// [default: every failure]
    #[arg(long, value_name = "INVARIANT", value_parser = claim)]
    only: Vec<String>,
    /// Largest number of schedules to start
    #[arg(long, value_name = "N", default_value_t = Bounds::default().schedules, value_parser = runs())]
    max_schedules: u64,
    /// Number of choices, from the first of a schedule, at which other alternatives are tried
    #[arg(long, value_name = "N", default_value_t = Bounds::default().choices.end, value_parser = choices())]
    max_depth: usize,
    /// Also explore orders of independent steps, which have the same result
    #[arg(long)]
    no_reduction: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Write a page about the result to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// File for the scenario of a failure and its tape [default: scenarios/found/INVARIANT_DIGEST.toml]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading: the counts of schedules, then the proof or the failing run
    Human,
    /// One JSON document with the counts and the failure
    Json,
}

/// A failure, and the file that shows it.
struct Kept {
    scenario: Scenario,
    verdict: Verdict,
    file: PathBuf,
}

/// Explores, and returns the exit code: 0 for a proof or an expected failure, the failure's code for any other failure, and
/// the code of a limit if no failure was found but schedules were left out.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let mut scenario = load::scenario(&arguments.scenario)?;
    arguments.plants.plant(&mut scenario);
    let exploration = Exploration {
        release: arguments.release,
        only: arguments.only.clone(),
        bounds: Bounds { schedules: arguments.max_schedules, choices: 0..arguments.max_depth },
        reduction: if arguments.no_reduction { Reduction::Off } else { Reduction::SleepSets },
    };
    let mut explored = exploration.carry_out(&mut Simulator::new(), &scenario);
    let kept = explored.failure.take().map(|report| keep(arguments, &scenario, report)).transpose()?;
    match arguments.format {
        Format::Human => print(arguments, &scenario.behavior, &explored, kept.as_ref()),
        Format::Json => print_json(arguments, &scenario.behavior, &explored, kept.as_ref()),
    }
    if let Some(file) = &arguments.html {
        html::keep(file, &page(arguments, &explored, kept.as_ref())?)?;
    }
    Ok(match kept {
        Some(Kept { verdict, .. }) => verdict.exit_code(),
        None if explored.is_proof() => 0,
        None => Outcome::Limit.exit_code(),
    })
}

/// The page: the numbers and the claims, and the run of the file that shows the failure.
fn page(arguments: &Arguments, explored: &Explored, kept: Option<&Kept>) -> miette::Result<String> {
    let verdict = match kept {
        Some(kept) => format!("{} on one schedule, under {}", kept.verdict.report.outcome, arguments.release),
        None if explored.is_proof() => {
            format!("proof: no violation on any schedule of this file under {}", arguments.release)
        }
        None => format!("no violation so far under {}; this is no proof", arguments.release),
    };
    let numbers = [
        ("complete schedules", explored.whole),
        ("stopped early, as equivalent", explored.left_off),
        ("alternatives pruned", explored.pruned),
        ("alternatives cut", explored.cut.by_choices),
    ];
    let searched = Searched {
        verdict,
        numbers: numbers.map(|(name, number)| (name.to_owned(), number.to_string())).to_vec(),
        claims: html::claims(&explored.counts, explored.runs()),
    };
    let shown = kept.map_or(&arguments.scenario, |kept| &kept.file);
    let cases = report::cases(std::slice::from_ref(shown), &[arguments.release], &arguments.plants)?;
    Ok(html::runs(&cases, Some(&searched)))
}

/// Writes the failing schedule as a scenario that expects it.
fn keep(arguments: &Arguments, scenario: &Scenario, report: Report) -> miette::Result<Kept> {
    let shown = as_shown(scenario, &report);
    let signature = FailureSignature::all(scenario, &report).into_iter().next().expect("a failure has a signature");
    let file = arguments.out.clone().unwrap_or_else(|| place_of(&shown, report.release, &report.tape, &signature));
    write(&file, &shown.to_toml()).into_diagnostic().wrap_err_with(|| format!("cannot write {}", file.display()))?;
    Ok(Kept { scenario: shown, verdict: judge(report, scenario, &Reference::OtherSchedule), file })
}

fn print(arguments: &Arguments, behavior: &[(String, String)], explored: &Explored, kept: Option<&Kept>) {
    out!("{} under {}{}", arguments.scenario.display(), arguments.release, excuses::plants(behavior));
    out!(
        "  schedules: {} complete, {} stopped early as equivalent to others; alternatives: {} pruned, {} cut",
        explored.whole,
        explored.left_off,
        explored.pruned,
        explored.cut.by_choices
    );
    if explored.cut.by_schedules {
        out!("  stopped after {} schedules; `--max-schedules` sets the limit", explored.runs());
    }
    if explored.cut.by_choices > 0 {
        out!("  no alternatives beyond choice {}; `--max-depth` sets the limit", arguments.max_depth);
    }
    match kept {
        Some(kept) => print_failure(kept),
        None if explored.is_proof() => {
            let excused = excuses::summary(&explored.counts).map_or(String::new(), |excused| format!("; {excused}"));
            out!("  proof: no violation on any schedule of this file at these latencies and faults{excused}")
        }
        None => out!("  no violation so far; this is no proof"),
    }
}

fn print_failure(kept: &Kept) {
    let report = &kept.verdict.report;
    let judged = if kept.verdict.expected { "as expected" } else { "NOT as expected" };
    out!("  {} {judged}, after {} choices", report.outcome, report.tape.choices.len());
    failure::claims(report).lines().for_each(|line| out!("{line}"));
    failure::picture(&kept.scenario, report).lines().for_each(|line| out!("{line}"));
    let run = format!("{} --release {}", word(&kept.file), report.release);
    out!("      replay   sim replay {run}");
    out!("      shrink   sim shrink {run}");
}

#[derive(Serialize)]
struct Document<'a> {
    scenario: String,
    release: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    behavior: Vec<String>,
    schedules: Schedules,
    alternatives: Alternatives,
    proof: bool,
    claims: BTreeMap<&'static str, ListedCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure<'a>>,
}

#[derive(Serialize)]
struct Schedules {
    whole: u64,
    left_off: u64,
    stopped: bool,
}

#[derive(Serialize)]
struct Alternatives {
    pruned: u64,
    cut: u64,
}

#[derive(Serialize)]
struct Failure<'a> {
    outcome: Outcome,
    expected: bool,
    detail: Option<&'a str>,
    violations: &'a [Violation],
    tape: String,
    file: String,
}

fn print_json(arguments: &Arguments, behavior: &[(String, String)], explored: &Explored, kept: Option<&Kept>) {
    let failure = kept.map(|kept| Failure {
        outcome: kept.verdict.report.outcome,
        expected: kept.verdict.expected,
        detail: kept.verdict.report.detail.as_deref(),
        violations: &kept.verdict.report.violations,
        tape: kept.verdict.report.tape.to_string(),
        file: kept.file.display().to_string(),
    });
    let document = Document {
        scenario: arguments.scenario.display().to_string(),
        release: arguments.release.name(),
        behavior: behavior.iter().map(|(field, value)| format!("{field}={value}")).collect(),
        schedules: Schedules { whole: explored.whole, left_off: explored.left_off, stopped: explored.cut.by_schedules },
        alternatives: Alternatives { pruned: explored.pruned, cut: explored.cut.by_choices },
        proof: failure.is_none() && explored.is_proof(),
        claims: explored.counts.listed(),
        failure,
    };
    out!("{}", serde_json::to_string_pretty(&document).expect("a report is plain data"));
}
