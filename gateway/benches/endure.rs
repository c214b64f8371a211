//! Long runs on the real process: `kills` and `neighbours`, each of which prints one line.
//!
//! `cargo bench -p gateway --bench endure -- kills --rounds 500`. The same, short, is a test: `tests/serve/endure.rs`.
#![expect(clippy::print_stdout, reason = "a program prints its result")]

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/serve/bench.rs"]
mod bench;
#[path = "../tests/serve/endure.rs"]
mod endure;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

/// Runs the real gateway for long
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    run: Option<Run>,
    /// Passed by cargo
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Run {
    /// Kill the gateway at random moments, restart it, and check the rows
    Kills(Bounds),
    /// Use the gateway while another program writes to its file
    Neighbours(Bounds),
}

#[derive(clap::Args)]
struct Bounds {
    /// How many rounds
    #[arg(long, value_name = "N", default_value_t = 20)]
    rounds: u64,
    /// The seed of all choices
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (line, is_sound) = runtime.block_on(async {
        match Options::parse().run.unwrap_or(Run::Kills(Bounds { rounds: 5, seed: 1 })) {
            Run::Kills(Bounds { rounds, seed }) => {
                let tally = endure::kills::run(rounds, seed).await;
                (tally.to_string(), tally.lost.is_empty())
            }
            Run::Neighbours(Bounds { rounds, seed }) => {
                let tally = endure::neighbours::run(rounds, seed).await;
                (tally.to_string(), tally.wrong.is_empty())
            }
        }
    });
    println!("{line}");
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
