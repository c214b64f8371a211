//! `sim confirm`: a scenario on the real gateway of hermes-agent.

mod campaign;
mod json;

use std::fs;
use std::path::{Path, PathBuf};

use gateway_core::release::Release;
use miette::{IntoDiagnostic, WrapErr, miette};

use super::bounds::{self, Format};
use super::file::{word, write};
use super::human;
use super::load;
use sim_confirm::peer::{self, NoPeer};
use sim_confirm::save::recording;
use sim_confirm::{Confirmation, Options, Pace, Trouble, confirm, prepare, version};
use sim_harness::Simulator;
use sim_harness::report::Outcome;
use sim_scenario::Scenario;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The scenario file
    #[arg(required_unless_present = "random")]
    scenario: Option<PathBuf>,
    /// Release of hermes-agent, which is installed from PyPI: 0.16.0, 0.17.0, 0.18.2 or 0.19.0
    #[arg(long, value_name = "R", value_parser = bounds::release)]
    release: Release,
    /// Keep the files of the package, `state.db` among them, in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Save the play as a recording for `sim parity`
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Play with the times of the file [default: the same events in the same order, in as little time as they need]
    #[arg(long)]
    exact: bool,
    /// The format of the output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Folder of the installed packages, each in a folder named like its version
    #[arg(long, value_name = "FOLDER", default_value = "target/peer")]
    peers: PathBuf,
    /// Play this number of drawn scenarios, and group their differences
    #[arg(long, value_name = "N", conflicts_with_all = ["scenario", "keep", "save", "exact"], value_parser = bounds::runs())]
    random: Option<u64>,
    /// Seed of the first drawn scenario
    #[arg(long, value_name = "N", default_value_t = 0, requires = "random")]
    seed: u64,
    /// Folder for a small scenario of each kind of difference
    #[arg(long, value_name = "FOLDER", requires = "random", default_value = "target/confirm")]
    out: PathBuf,
    /// Largest number of plays in which a scenario is made smaller
    #[arg(long, value_name = "N", requires = "random", default_value_t = 12, value_parser = bounds::tries())]
    tries: u64,
}

/// Plays, and prints whether the package leaves what the simulator leaves. The exit code is 0, 15 where they differ, or 2 where
/// the scenario cannot be played.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let Some(path) = &arguments.scenario else { return campaign::run(arguments) };
    let scenario = load::scenario(path)?;
    let release = arguments.release;
    let mut simulator = Simulator::new();
    let pace = if arguments.exact { Pace::Exact } else { Pace::Shortened };
    let played = prepare(&mut simulator, &scenario, release, pace);
    let played = played.map_err(|why| miette!("cannot be played: {}: {why}", path.display()))?;
    let environment = environment(&arguments.peers, release)?;
    let fresh = tempfile::tempdir().into_diagnostic()?;
    let home = home(arguments, fresh.path())?;
    let mut result = confirm(&mut simulator, &played, release, Options { environment: &environment, home, pace });
    if pace == Pace::Shortened && may_be_late(&result) {
        let pace = Pace::Slow;
        let slower = prepare(&mut simulator, &scenario, release, pace).into_diagnostic()?;
        eprintln!("not as in the simulator, maybe because this machine was late: playing it again in {}", slower.until);
        fs::remove_dir_all(home).into_diagnostic().wrap_err_with(|| home.display().to_string())?;
        result = confirm(&mut simulator, &slower, release, Options { environment: &environment, home, pace });
    }
    let confirmation = result.into_diagnostic()?;
    match arguments.format {
        Format::Human => print(arguments, path, &scenario, &confirmation),
        Format::Json => json::print(&json::Play::of(path, scenario.until, &confirmation, database(arguments))),
    }
    if let Some(file) = &arguments.save {
        save(file, &confirmation)?;
        match arguments.format {
            Format::Human => out!("recording: sim parity {}", word(file)),
            Format::Json => {}
        }
    }
    Ok(if confirmation.differences.is_empty() { 0 } else { Outcome::RowsDiffer.exit_code() })
}

/// The folder for the files of the package: its database, its settings and a log.
fn home<'a>(arguments: &'a Arguments, fresh: &'a Path) -> miette::Result<&'a Path> {
    match &arguments.keep {
        Some(folder) if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) => {
            let help = "choose another folder with `--keep`";
            Err(miette!(help = help, "{} is not empty", folder.display()))
        }
        Some(folder) => Ok(folder),
        None => Ok(fresh),
    }
}

/// Whether the result may be that of a machine which was too busy for a short play. A longer one then decides.
fn may_be_late(result: &Result<Confirmation, Trouble>) -> bool {
    match result {
        Ok(confirmation) => !confirmation.differences.is_empty(),
        Err(Trouble::Skipped(_)) => true,
        Err(_) => false,
    }
}

/// The environment of the release's package, which is installed if it is not there.
pub(super) fn environment(peers: &Path, release: Release) -> miette::Result<PathBuf> {
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

/// Writes the play as a recording.
fn save(file: &Path, confirmation: &Confirmation) -> miette::Result<()> {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let document = recording(&name, confirmation).into_diagnostic()?;
    let text = serde_json::to_string_pretty(&document).into_diagnostic()? + "\n";
    write(file, &text).into_diagnostic().wrap_err_with(|| format!("cannot write {}", file.display()))?;
    Ok(())
}

fn print(arguments: &Arguments, path: &Path, scenario: &Scenario, confirmation: &Confirmation) {
    let release = arguments.release;
    let Confirmation { played, left, differences, .. } = confirmation;
    if *played != *scenario {
        out!("played in {} what takes {} in the file: the same events in the same order", played.until, scenario.until);
    }
    human::print_listed(&left.rows);
    let live = |key: &str| &left.memory[key];
    out!("      live: {} sessions, {} orphan timers, {} turns", live("sessions"), live("timers"), live("turns"));
    if differences.is_empty() {
        out!(
            "confirmed: hermes-agent {release} leaves the rows, live sessions and frames of the simulator, {}",
            path.display()
        );
    } else {
        out!("not confirmed: hermes-agent {release} differs from the simulator, {}", path.display());
        differences.iter().for_each(|line| out!("  {line}"));
        if !arguments.exact {
            out!("with the times of the file: sim confirm {} --release {release} --exact", word(path));
        }
    }
    if let Some(database) = database(arguments) {
        out!("database: sim audit {}", word(&database));
    }
}

/// The package's database, where it is kept.
fn database(arguments: &Arguments) -> Option<PathBuf> {
    arguments.keep.as_ref().map(|folder| folder.join("state.db"))
}
