//! Tasks of this repository: `cargo xtask mutants`.

mod mutants;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of this repository that are no part of the product
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Change the gateway's core in many small ways, and count the changes that no scenario and no campaign notices.
    /// Needs `cargo install cargo-mutants --locked`
    Mutants(mutants::Arguments),
}

#[expect(clippy::print_stderr, reason = "printing is what a command line is for")]
fn main() -> ExitCode {
    let Arguments { task: Task::Mutants(arguments) } = Arguments::parse();
    mutants::run(&arguments).unwrap_or_else(|error| {
        eprintln!("{error:?}");
        ExitCode::from(2)
    })
}
