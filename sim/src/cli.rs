//! The command line, a thin layer on the library. Only this module prints.
#![expect(clippy::print_stderr, reason = "printing is what a command line is for")]

/// Prints a line to stdout. Whoever reads may have seen enough (`sim … | head`): that is no error of ours.
macro_rules! out {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout().lock(), $($text)*);
    }};
}

mod behavior;
mod bench;
mod bounds;
mod coverage;
mod diagnostic;
mod drive;
mod explore;
mod failure;
mod fuzz;
mod github;
mod human;
mod import;
mod json;
mod junit;
mod parity;
mod plant;
mod real;
mod replay;
mod run;
mod shrink;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use diagnostic::ScenarioDiagnostic;
use sim_harness::invariant::NAMES;
use sim_scenario::Scenario;

/// Finds, reproduces and keeps fixed the bugs that live between a session's clients, timers, turns and rows
#[derive(Parser)]
#[command(name = "sim", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios and compare them with their expectations and snapshots
    Run(run::Arguments),
    /// Run a scenario on a recorded schedule, and say whether it is the same every time
    Replay(replay::Arguments),
    /// Make the scenario of a failing run as small as it can be, and write it as a file that expects the failure
    Shrink(shrink::Arguments),
    /// Run random scenarios under chosen schedules, and keep what fails as scenario files
    Fuzz(fuzz::Arguments),
    /// Run every schedule of a scenario, up to bounds: a proof, or the first failure
    Explore(explore::Arguments),
    /// Print which transitions sessions make in random runs, as a table or as a graph
    Coverage(coverage::Arguments),
    /// Measure how soon strategies find planted bugs
    Bench(bench::Arguments),
    /// Play a scenario over real sockets against a gateway that is already running, and compare its rows
    Drive(drive::Arguments),
    /// Print what releases do differently, from the code
    Behavior(behavior::Arguments),
    /// Run recordings of the real gateway and compare what they left behind
    Parity(parity::Arguments),
    /// Print a recording's script as a scenario file
    Import(import::Arguments),
}

/// What every usage error and every bad file exits with.
const USAGE: u8 = 2;

/// Reads a scenario file. Words that a later version will not accept are named on stderr, so that stdout stays as it is.
fn load(path: &Path) -> Result<Scenario, ScenarioDiagnostic> {
    let (scenario, warnings) = Scenario::load_with_warnings(path, &NAMES)?;
    warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    Ok(scenario)
}

/// Runs the command line.
pub fn main() -> ExitCode {
    // A panic of a simulated task is an outcome that the report tells; the hook would tell it a second time.
    std::panic::set_hook(Box::new(|_| {}));
    // A place that is broken over two lines is found neither by an editor nor by a search.
    miette::set_hook(Box::new(|_| Box::new(miette::MietteHandlerOpts::new().wrap_lines(false).build())))
        .expect("it is set once, here");
    match std::panic::catch_unwind(|| match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Shrink(arguments) => shrink::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Explore(arguments) => explore::run(&arguments),
        Command::Coverage(arguments) => coverage::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Drive(arguments) => drive::run(&arguments),
        Command::Behavior(arguments) => behavior::run(&arguments),
        Command::Parity(arguments) => parity::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
    }) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(error)) => {
            eprintln!("{error:?}");
            ExitCode::from(USAGE)
        }
        Err(panic) => {
            let text =
                panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            eprintln!(
                "error: the simulator itself panicked, please report it: {}",
                text.unwrap_or("without a message")
            );
            ExitCode::from(sim_harness::Outcome::Panicked.exit_code())
        }
    }
}
