//! `sim import`: a recording's script as a scenario file.

use std::path::PathBuf;

use gateway_core::release::Release;
use miette::IntoDiagnostic;

use super::bounds::release;
use sim_harness::recording::Recording;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The recording, a JSON file
    recording: PathBuf,
    /// Take the times of steps from the log of this release [default: the times of the script, for all recorded releases]
    #[arg(long, value_name = "R", value_parser = release)]
    release: Option<Release>,
}

/// Prints the scenario file on stdout.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let recording = Recording::load(&arguments.recording).into_diagnostic()?;
    out!("{}", recording.import(arguments.release).into_diagnostic()?.to_toml().trim_end());
    Ok(0)
}
