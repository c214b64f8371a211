//! `sim confirm`: a scenario on the real gateway of hermes-agent.

use std::path::PathBuf;

use gateway_core::release::Release;
use miette::{IntoDiagnostic, miette};

use super::bounds;
use super::human;
use super::load;
use sim_confirm::peer::{self, NoPeer};
use sim_confirm::{Confirmation, Options, Pace, confirm, prepare, version};
use sim_harness::Simulator;
use sim_harness::report::Outcome;
use sim_scenario::Scenario;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The scenario file
    scenario: PathBuf,
    /// Release of hermes-agent, which is installed from PyPI: 0.16.0, 0.17.0, 0.18.2 or 0.19.0
    #[arg(long, value_name = "R", value_parser = bounds::release)]
    release: Release,
    /// Keep the files of the package, `state.db` among them, in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Play with the times of the file [default: the same events in the same order, in as little time as they need]
    #[arg(long)]
    exact: bool,
    /// Folder of the installed packages, each in a folder named like its version
    #[arg(long, value_name = "FOLDER", default_value = "target/peer")]
    peers: PathBuf,
}

/// Plays, and prints whether the package leaves what the simulator leaves. The exit code is 0, 15 where they differ, or 2 where
/// the scenario cannot be played.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let scenario = load::scenario(&arguments.scenario)?;
    let release = arguments.release;
    let mut simulator = Simulator::new();
    let pace = if arguments.exact { Pace::Exact } else { Pace::Shortened };
    let played = prepare(&mut simulator, &scenario, release, pace);
    let played = played.map_err(|why| miette!("cannot be played: {}: {why}", arguments.scenario.display()))?;
    let environment = environment(&arguments.peers, release)?;
    let fresh = tempfile::tempdir().into_diagnostic()?;
    let home = match &arguments.keep {
        Some(folder) if folder.join("state.db").exists() => {
            let help = "choose another folder with `--keep`";
            return Err(miette!(help = help, "{} has a state.db already", folder.display()));
        }
        Some(folder) => folder.as_path(),
        None => fresh.path(),
    };
    let options = Options { environment: &environment, home };
    let confirmation = confirm(&mut simulator, &played, release, options).into_diagnostic()?;
    print(arguments, &scenario, &confirmation);
    Ok(if confirmation.differences.is_empty() { 0 } else { Outcome::RowsDiffer.exit_code() })
}

/// The environment of the release's package, which is installed if it is not there.
pub(super) fn environment(peers: &std::path::Path, release: Release) -> miette::Result<PathBuf> {
    let version = version(release).ok_or_else(|| miette!("{release} is no published release of hermes-agent"))?;
    if !peers.join(version).join("installed").exists() {
        eprintln!("installing hermes-agent {version} into {}, which takes a minute", peers.join(version).display());
    }
    peer::install(peers, version).map_err(|error| {
        let help = match &error {
            NoPeer::Python(_) => "install Python 3.11 or newer with its module `venv` (Debian: python3-venv)",
            NoPeer::Pip { .. } => "PyPI has to be reachable, directly or as pip is configured",
            NoPeer::File { .. } | NoPeer::Start(_) => "choose another folder with `--peers`",
        };
        miette!(help = help, "{error}")
    })
}

fn print(arguments: &Arguments, scenario: &Scenario, confirmation: &Confirmation) {
    let (path, release) = (arguments.scenario.display(), arguments.release);
    let Confirmation { played, left, differences, .. } = confirmation;
    if *played != *scenario {
        out!("played in {} what takes {} in the file: the same events in the same order", played.until, scenario.until);
    }
    human::print_listed(&left.rows);
    let live = |key: &str| &left.memory[key];
    out!("      live: {} sessions, {} orphan timers, {} turns", live("sessions"), live("timers"), live("turns"));
    if differences.is_empty() {
        out!("confirmed: hermes-agent {release} leaves the rows, live sessions and frames of the simulator, {path}");
    } else {
        out!("not confirmed: hermes-agent {release} differs from the simulator, {path}");
        differences.iter().for_each(|line| out!("  {line}"));
    }
    if let Some(folder) = &arguments.keep {
        out!("database: {}", folder.join("state.db").display());
    }
}
