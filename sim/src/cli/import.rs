//! `sim import`: a recording's script as a scenario file.

use std::path::PathBuf;

use gateway_core::release::Release;
use miette::IntoDiagnostic;

use super::run::release;
use sim_harness::recording::Recording;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The recording
    recording: PathBuf,
    /// Drive each step when this release's log says it was; default: when the script says, under all its releases
    #[arg(long, value_name = "R", value_parser = release)]
    release: Option<Release>,
}

/// Prints the scenario.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let recording = Recording::load(&arguments.recording).into_diagnostic()?;
    out!("{}", recording.import(arguments.release).into_diagnostic()?.to_toml().trim_end());
    Ok(0)
}
