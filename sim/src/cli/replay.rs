//! `sim replay`: a scenario on the schedule of a tape, once or many times.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gateway_core::release::Release;
use miette::{IntoDiagnostic, WrapErr, miette};

use super::bounds::release;
use super::case::Case;
use super::file::word;
use super::human;
use super::load;
use super::plant::Plants;
use interleaving::tape::Tape;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_harness::verdict::{Reference, Verdict, judge};
use sim_scenario::{Found, Scenario};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The scenario file
    scenario: PathBuf,
    /// File with the tape to replay [default: the tapes of the scenario; without one, fifo]
    #[arg(long, value_name = "FILE")]
    tape: Option<PathBuf>,
    /// Replay only this release [default: the releases with a tape; without one, all that the file lists]
    #[arg(long, value_name = "R", value_parser = release)]
    release: Option<Release>,
    #[command(flatten)]
    plants: Plants,
    /// Number of runs, from 1 to 1000000. All of them must be the same
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    times: u32,
    /// Print every event of the first run
    #[arg(long)]
    trace: bool,
}

/// Replays each release. The exit code is that of the first run that does not meet its expectation or differs from the others.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let mut scenario = load::scenario(&arguments.scenario)?;
    arguments.plants.plant(&mut scenario);
    let found = Found { path: arguments.scenario.clone(), named: true };
    let releases = releases(&scenario, arguments.release);
    if let Some(path) = &arguments.tape {
        let [release] = releases[..] else {
            return Err(miette!(help = "name the release with `--release`", "`--tape` needs exactly one release"));
        };
        scenario.tapes.insert(release, tape(path)?);
    }
    let scenario = Rc::new(scenario);
    let flags = arguments.tape.as_ref().map_or_else(String::new, |tape| format!(" --tape {}", word(tape)));
    let (mut cases, mut sayings, mut code) = (Vec::new(), Vec::new(), 0);
    for release in releases {
        let (report, same) = replay(&scenario, release, arguments.times);
        // Only `sim run` compares rows with snapshots.
        let verdict = judge(report, &scenario, &Reference::OtherSchedule);
        let of_this = if same.all() { verdict.exit_code() } else { Outcome::Nondeterministic.exit_code() };
        code = if code == 0 { of_this } else { code };
        sayings.push(same.say(&scenario, &verdict));
        let (found, scenario) = (found.clone(), Rc::clone(&scenario));
        let (plants, flags) = (arguments.plants.flags(), flags.clone());
        cases.push(Case { found, scenario, verdict, again: "replay", plants, flags });
    }
    human::print(&cases, arguments.trace);
    sayings.iter().for_each(|saying| out!("{saying}"));
    Ok(code)
}

/// Reads a tape from its own file, for `sim replay` and `sim shrink`.
pub(super) fn tape(path: &Path) -> miette::Result<Tape> {
    let text =
        fs::read_to_string(path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))?;
    text.parse().into_diagnostic().wrap_err_with(|| format!("{} is not a tape", path.display()))
}

fn releases(scenario: &Scenario, asked: Option<Release>) -> Vec<Release> {
    match asked {
        Some(release) => vec![release],
        None if scenario.tapes.is_empty() => scenario.releases.clone(),
        None => scenario.tapes.keys().copied().collect(),
    }
}

/// The number of runs that equal the first.
struct Same {
    count: u32,
    times: u32,
    /// The first difference of the first run that differs.
    difference: Option<String>,
}

fn replay(scenario: &Scenario, release: Release, times: u32) -> (Report, Same) {
    let mut simulator = Simulator::new();
    let first = simulator.run(scenario, release);
    let mut same = Same { count: 1, times, difference: None };
    for _ in 1..times {
        let again = simulator.run(scenario, release);
        if (again.trace.digest(), again.outcome) == (first.trace.digest(), first.outcome) {
            same.count += 1;
        } else if same.difference.is_none() {
            same.difference = Some(difference(&first, &again));
        }
    }
    (first, same)
}

/// The first entry at which two traces differ.
fn difference(first: &Report, again: &Report) -> String {
    let entries = |report: &Report| -> Vec<String> { report.trace.entries().iter().map(ToString::to_string).collect() };
    let (first, again) = (entries(first), entries(again));
    let place = (0..first.len().max(again.len())).find(|place| first.get(*place) != again.get(*place));
    let entry = |entries: &[String]| {
        let entry = place.and_then(|place| entries.get(place));
        entry.map_or_else(|| "the end of its trace".to_owned(), Clone::clone)
    };
    format!("first:   {}\n  another: {}", entry(&first), entry(&again))
}

impl Same {
    fn all(&self) -> bool {
        self.count == self.times
    }

    fn say(&self, scenario: &Scenario, verdict: &Verdict) -> String {
        let report = &verdict.report;
        let schedule = match scenario.tapes.get(&report.release) {
            Some(tape) => format!("a tape of {} choices", tape.choices.len()),
            None => "no tape, so the scripted schedule".to_owned(),
        };
        let Self { count, times, .. } = self;
        let mut saying = format!(
            "{}: {schedule}; {count} of {times} {}, digest {}",
            report.release,
            report.outcome,
            report.trace.digest()
        );
        if let Some(difference) = &self.difference {
            saying += &format!("\n  {difference}");
        }
        saying
    }
}
