//! `sim completions` and `sim man`: what a shell and `man` know of the commands, from their definitions.

use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;
use miette::{Context, IntoDiagnostic};

#[derive(clap::Args)]
pub(super) struct CompletionsArguments {
    /// The shell that reads the script
    shell: Shell,
}

#[derive(clap::Args)]
pub(super) struct ManArguments {
    /// Folder for the pages, one for each command
    #[arg(default_value = "man", value_name = "DIR")]
    folder: PathBuf,
}

/// Prints a script that completes the command.
pub(super) fn print(arguments: &CompletionsArguments, command: &mut Command) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "sim", &mut script);
    out!("{}", String::from_utf8_lossy(&script).trim_end());
    0
}

/// Writes the man pages of the command and of its commands.
pub(super) fn write_pages(arguments: &ManArguments, command: Command) -> miette::Result<u8> {
    let folder = &arguments.folder;
    let named = || folder.display().to_string();
    std::fs::create_dir_all(folder).into_diagnostic().wrap_err_with(named)?;
    clap_mangen::generate_to(command, folder).into_diagnostic().wrap_err_with(named)?;
    out!("wrote the pages to {}; read one with `man -l {}`", named(), folder.join("sim-run.1").display());
    Ok(0)
}
