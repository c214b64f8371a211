//! `sim tidy`: rounds the times of a scenario, and drops what does not matter for its rows.

use std::fs;
use std::path::PathBuf;

use miette::{IntoDiagnostic, WrapErr, miette};

use super::bounds;
use super::file::write;
use super::load;
use sim_harness::simulation::Simulator;
use sim_record::tidy::tidy;
use sim_search::shrink::Size;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The scenario file
    scenario: PathBuf,
    /// File for the result [default: the scenario file itself]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Largest number of runs
    #[arg(long, default_value_t = 5000, value_name = "N", value_parser = bounds::runs())]
    tries: u64,
}

/// Tidies, and prints the sizes before and after.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let scenario = load::scenario(&arguments.scenario)?;
    if !scenario.tapes.is_empty() {
        let help = "`sim shrink` makes such a file smaller";
        return Err(miette!(help = help, "{} has a tape, which fits no other script", arguments.scenario.display()));
    }
    // What a recorder has noted about the file stands above it.
    let text = fs::read_to_string(&arguments.scenario).into_diagnostic()?;
    let notes = text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n"));
    let notes: String = notes.collect();
    let tidied = tidy(&mut Simulator::new(), &scenario, arguments.tries);
    let out = arguments.out.as_ref().unwrap_or(&arguments.scenario);
    write(out, &(notes + &tidied.scenario.to_toml()))
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot write {}", out.display()))?;
    let (before, after) = (Size::of(&scenario), Size::of(&tidied.scenario));
    for (what, before, after) in [
        ("clients", before.clients, after.clients),
        ("sessions", before.sessions, after.sessions),
        ("steps", before.steps, after.steps),
        ("steps of turns", before.turn_steps, after.turn_steps),
        ("lines", before.lines, after.lines),
    ] {
        out!("  {what:<22} {before:>5} → {after}");
    }
    for fact in &tidied.dropped {
        out!("dropped, because it is about what is gone or about a time: {fact}");
    }
    out!("{} scenarios tried; written to {}", tidied.tries, out.display());
    Ok(0)
}
