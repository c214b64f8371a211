//! `sim import`: a recording's script as a scenario file.

use std::path::PathBuf;

use gateway_core::release::Release;

use super::run::release;
use crate::recording::Recording;

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
    let recording = Recording::load(&arguments.recording)?;
    out!("{}", recording.import(arguments.release)?.to_toml().trim_end());
    Ok(0)
}
