//! `sim import`: a recording's script as a scenario file.

use std::path::{Path, PathBuf};

use gateway_core::release::Release;
use miette::{Context, IntoDiagnostic};

use super::bounds::{BAD_FILE, release};
use sim_harness::recording::Recording;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Recording, or folder of recordings
    #[arg(value_name = "RECORDING")]
    path: PathBuf,
    /// Take the times of steps from the log of this release [default: the times of the script, for all recorded releases]
    #[arg(long, value_name = "R", value_parser = release)]
    release: Option<Release>,
    /// Write `NAME.toml` for each `NAME.json` to this folder instead of stdout
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints or writes the scenario files. A file that cannot become a scenario is reported on stderr, and the others go on.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder).into_diagnostic().wrap_err_with(|| folder.display().to_string())?;
    }
    let loaded = Recording::load_all(&arguments.path).into_diagnostic()?;
    let is_folder = arguments.path.is_dir();
    let mut code = 0;
    for loaded in loaded {
        let imported = loaded.and_then(|recording| Ok((recording.import(arguments.release)?, recording.path)));
        match imported {
            Ok((timed, path)) => deliver(timed.scenario.to_toml().trim_end(), &path, arguments, is_folder)?,
            Err(error) => {
                eprintln!("error: {error}");
                code = BAD_FILE;
            }
        }
    }
    Ok(code)
}

/// Writes a file to the folder that was asked for, or prints it. Several files have a line with their name before each.
fn deliver(text: &str, recording: &Path, arguments: &Arguments, is_folder: bool) -> miette::Result<()> {
    match &arguments.out {
        Some(folder) => {
            let file = folder.join(recording.with_extension("toml").file_name().unwrap_or_default());
            std::fs::write(&file, format!("{text}\n")).into_diagnostic().wrap_err_with(|| file.display().to_string())
        }
        None => {
            if is_folder {
                out!("# {}\n", recording.display());
            }
            out!("{text}");
            if is_folder {
                out!();
            }
            Ok(())
        }
    }
}
