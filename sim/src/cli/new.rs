//! `sim new`: a scenario file to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use miette::{Context, IntoDiagnostic, miette};

use super::file::word;

/// The file that is written.
const START: &str = include_str!("new/start.toml");

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The file to write; its folder must exist
    #[arg(default_value = "scenario.toml")]
    file: PathBuf,
}

/// Writes the file, unless there is one of this name.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let name = arguments.file.display();
    let named = || format!("cannot write `{name}`");
    let mut file = match OpenOptions::new().write(true).create_new(true).open(&arguments.file) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(miette!(help = "give another name: `sim new other.toml`", "`{name}` is there already"));
        }
        Err(error) => return Err(error).into_diagnostic().wrap_err_with(named),
    };
    file.write_all(START.as_bytes()).into_diagnostic().wrap_err_with(named)?;
    out!("wrote {name}");
    let file = word(&arguments.file);
    out!("run:    sim run {file}");
    out!("as of:  sim run {file} --release 0.19.0");
    Ok(0)
}
