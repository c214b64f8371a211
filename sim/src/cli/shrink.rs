//! `sim shrink`: reduces a failing run to a small file with the same failure.

use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use gateway_core::release::Release;
use miette::{IntoDiagnostic, WrapErr, miette};
use siphasher::sip::SipHasher13;

use super::bounds::{self, claim, release};
use super::file::{word, write};
use super::load;
use super::plant::Plants;
use super::replay::tape;
use interleaving::strategy::{Plan, Replay};
use interleaving::tape::Tape;
use sim_harness::invariant::NAMES;
use sim_harness::report::Report;
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;
use sim_search::shrink::{Departures, Limits, Shrunk, Size, shrink};
use sim_search::signature::FailureSignature;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The scenario file
    scenario: PathBuf,
    /// The release that fails [default: the first of the file that does]
    #[arg(long, value_name = "R", value_parser = release)]
    release: Option<Release>,
    #[command(flatten)]
    plants: Plants,
    /// The failure to keep: an invariant, or `panicked`, `not_at_rest` or `limit` [default: the first failure]
    #[arg(long, value_name = "INVARIANT", value_parser = claim)]
    only: Option<String>,
    /// File for the smaller scenario [default: scenarios/found/INVARIANT_DIGEST.toml]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Largest number of runs
    #[arg(long, default_value_t = Limits::default().tries, value_name = "N", value_parser = bounds::runs())]
    tries: u64,
    /// File with the tape of the failing run [default: the tape of the scenario]
    #[arg(long, value_name = "FILE")]
    tape: Option<PathBuf>,
    /// Strategy of the failing run, as in `sim run`. Other schedules are searched with it too [default: the file's tape;
    /// without one, fifo]
    #[arg(long, value_name = "S", conflicts_with = "tape", value_parser = bounds::strategy)]
    strategy: Option<Plan>,
    /// Seed of the strategy
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
}

/// A run that fails in the way to be kept, and the failure.
struct Failure {
    release: Release,
    signature: FailureSignature,
    tape: Tape,
}

/// Shrinks the first failure that fits the arguments, and writes each smaller file as soon as it exists.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let mut scenario = load::scenario(&arguments.scenario)?;
    arguments.plants.plant(&mut scenario);
    let mut simulator = Simulator::new();
    let failure = failure(&mut simulator, arguments, &scenario)?;
    let out = arguments.out.clone().unwrap_or_else(|| place(&scenario, &failure));
    let (start, tape) = match fs::exists(&out).into_diagnostic()? {
        true => resume(&mut simulator, &out, &failure)?.unwrap_or_else(|| (scenario.clone(), failure.tape.clone())),
        false => (scenario.clone(), failure.tape.clone()),
    };
    let limits = Limits { tries: arguments.tries, plan: arguments.strategy.unwrap_or_default(), ..Limits::default() };
    let mut trouble = Ok(());
    let mut on_progress = |shrunk: &Shrunk| {
        if trouble.is_ok() {
            trouble = write(&out, &shrunk.scenario.to_toml());
        }
    };
    let shrunk = shrink(&mut simulator, &start, failure.release, &tape, &failure.signature, limits, &mut on_progress);
    let shrunk = shrunk.into_diagnostic()?;
    trouble.into_diagnostic().wrap_err_with(|| format!("cannot write {}", out.display()))?;
    tell(&scenario, &failure, &shrunk, &out);
    Ok(0)
}

/// The first failing run that fits the arguments.
fn failure(simulator: &mut Simulator, arguments: &Arguments, scenario: &Scenario) -> miette::Result<Failure> {
    let given = arguments.tape.as_deref().map(tape).transpose()?;
    let releases = arguments.release.map_or_else(|| scenario.releases.clone(), |release| vec![release]);
    for release in releases {
        let report = match (&given, arguments.strategy) {
            (Some(tape), _) => simulator.run_with(scenario, release, Box::new(Replay::new(tape.clone()))),
            (None, Some(plan)) => simulator.run_planned(scenario, release, plan, arguments.seed),
            (None, None) => simulator.run(scenario, release),
        };
        if let Some(signature) = asked_for(arguments, scenario, &report) {
            return Ok(Failure { release, signature, tape: report.tape });
        }
    }
    let what = arguments.only.as_ref().map_or_else(String::new, |only| format!(" `{only}`"));
    Err(miette!(
        help = "give the schedule of the failing run with `--tape`, or with `--strategy` and `--seed`",
        "{} shows no failure{what} on this schedule",
        scenario.path.display()
    ))
}

fn asked_for(arguments: &Arguments, scenario: &Scenario, report: &Report) -> Option<FailureSignature> {
    // A run that diverges from its tape, or differs from its snapshot, has no failure to shrink.
    let signatures =
        FailureSignature::all(scenario, report).into_iter().filter(|signature| claim(&signature.claim).is_ok());
    signatures.into_iter().find(|signature| arguments.only.as_ref().is_none_or(|only| *only == signature.claim))
}

/// The same failure always has the same file, so a second call continues the first.
fn place(scenario: &Scenario, failure: &Failure) -> PathBuf {
    place_of(scenario, failure.release, &failure.tape, &failure.signature)
}

/// The default file of a failing schedule.
pub(super) fn place_of(scenario: &Scenario, release: Release, tape: &Tape, signature: &FailureSignature) -> PathBuf {
    let mut hasher = SipHasher13::new();
    let parts = [scenario.to_toml(), tape.to_string(), release.to_string(), signature.to_string()];
    parts.iter().for_each(|part| hasher.write(part.as_bytes()));
    let digest = format!("{:016x}", hasher.finish());
    PathBuf::from(format!("scenarios/found/{}_{}.toml", signature.claim, &digest[..8]))
}

/// The earlier result to continue from. Fails on any other file, which is not replaced.
fn resume(simulator: &mut Simulator, out: &Path, failure: &Failure) -> miette::Result<Option<(Scenario, Tape)>> {
    let earlier = Scenario::load(out, &NAMES);
    if let Ok(earlier) = earlier {
        let report = simulator.run(&earlier, failure.release);
        if FailureSignature::all(&earlier, &report).contains(&failure.signature) {
            eprintln!("continuing from {}", out.display());
            return Ok(Some((earlier, report.tape)));
        }
    }
    Err(miette!(
        help = "choose another file with `--out`, or remove this one",
        "{} exists and does not show `{}`",
        out.display(),
        failure.signature
    ))
}

/// Prints the sizes before and after, and the next commands.
fn tell(scenario: &Scenario, failure: &Failure, shrunk: &Shrunk, out: &Path) {
    let (before, after) = (Size::of(scenario), Size::of(&shrunk.scenario));
    let choices = |tape: &Tape| (tape.choices.len(), Departures::count(tape));
    let ((choices_before, departures_before), (choices_after, departures_after)) =
        (choices(&failure.tape), choices(&shrunk.tape));
    out!("{} under {}: {}", failure.signature.claim, failure.release, failure.signature.detail);
    for (what, before, after) in [
        ("clients", before.clients, after.clients),
        ("sessions", before.sessions, after.sessions),
        ("steps", before.steps, after.steps),
        ("steps of turns", before.turn_steps, after.turn_steps),
        ("choices", choices_before, choices_after),
        ("departures from fifo", departures_before, departures_after),
    ] {
        out!("  {what:<22} {before:>5} → {after}");
    }
    out!("{} runs; written to {}", shrunk.tries, out.display());
    out!("replay: sim replay {} --times 100", word(out));
    out!("run:    sim run {}", word(out));
    let inside =
        sim_harness::snapshot::Snapshot::path(&out.canonicalize().unwrap_or_else(|_| out.to_owned())).is_some();
    if inside {
        out!("keep:   INSTA_UPDATE=always cargo test -p sim --test scenarios --test planted   (writes its snapshot)");
    }
}
