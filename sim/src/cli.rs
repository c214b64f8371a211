//! The command line, a thin layer on the library. Only this module prints.
#![expect(clippy::print_stderr, reason = "printing is what a command line is for")]

/// Prints a line to stdout. A closed pipe (`sim … | head`) is no error.
macro_rules! out {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout().lock(), $($text)*);
    }};
}

mod audit;
mod behavior;
mod bench;
mod bounds;
mod case;
mod completions;
mod confirm;
mod coverage;
mod database;
mod diagnostic;
mod drive;
mod excuses;
mod explore;
mod failure;
mod file;
mod find;
mod fuzz;
mod github;
mod html;
mod human;
mod import;
mod json;
mod junit;
mod load;
mod marks;
mod new;
mod parity;
mod plant;
mod real;
mod record;
mod replay;
mod report;
mod run;
mod schema;
mod shrink;
mod snapshots;
mod spread;
mod sweep;
mod tidy;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use sim_harness::Outcome;

/// Finds and reproduces lifecycle bugs of a session gateway, and keeps them fixed: bugs between its clients, timers, turns and rows
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
    /// Replay a scenario on its recorded schedule, and check that every run is the same
    Replay(replay::Arguments),
    /// Shrink a failing scenario to a small file that expects the same failure
    Shrink(shrink::Arguments),
    /// Run random scenarios on chosen schedules, and write each kind of failure as a scenario file
    Fuzz(fuzz::Arguments),
    /// Find the smallest scenario that ends in given rows, and the field of behaviour that explains them
    Find(find::Arguments),
    /// Run every schedule of a scenario, up to bounds: prove that none fails, or find the first that does
    Explore(explore::Arguments),
    /// Run scenarios with a fault at each store call in turn: a crash, a disk error or a lock
    Sweep(sweep::Arguments),
    /// Print the state transitions of sessions in random runs, as a table or a graph
    Coverage(coverage::Arguments),
    /// Measure how soon each strategy finds planted bugs
    Bench(bench::Arguments),
    /// Play a scenario over real sockets against a running gateway, and compare its rows
    Drive(drive::Arguments),
    /// Record what passes between clients and a running gateway as a scenario
    Record(record::Arguments),
    /// Round the times of a scenario, and drop what does not matter for its rows
    Tidy(tidy::Arguments),
    /// Play a scenario on the real gateway of hermes-agent, and compare what it leaves with the simulator
    Confirm(confirm::Arguments),
    /// List the fields of behaviour, their alternatives, and the releases that have each
    Behavior(behavior::Arguments),
    /// Compare recordings of the real gateway with runs of the simulator
    Parity(parity::Arguments),
    /// Print the script of a recording as a scenario file
    Import(import::Arguments),
    /// Judge the rows of a gateway's database, and name the defects that leave them so
    Audit(audit::Arguments),
    /// Write a page about runs of a scenario: lanes, events, rows and memory at each of them
    Report(report::Arguments),
    /// Write a commented scenario file to start from
    New(new::Arguments),
    /// Print the JSON Schema of scenario files, for editors
    Schema,
    /// Print a script that completes the commands in a shell
    Completions(completions::CompletionsArguments),
    /// Write the man pages
    Man(completions::ManArguments),
}

/// The exit code of usage errors and bad files.
const USAGE: u8 = 2;

/// The commands, their arguments and their help: the reference in `docs/` is generated from them.
pub fn command() -> clap::Command {
    let mut command = Arguments::command();
    command.build();
    command
}

/// Every exit code, in ascending order: the code, the outcome, and its meaning.
pub fn exit_codes() -> Vec<(u8, Option<&'static str>, &'static str)> {
    let mut codes: Vec<_> =
        Outcome::ALL.iter().map(|outcome| (outcome.exit_code(), Some(outcome.word()), outcome.about())).collect();
    codes.push((USAGE, None, "wrong usage, or a bad file; nothing was run"));
    codes.push((
        fuzz::MARKS_MISSED,
        None,
        "a campaign of 20,000 runs or more missed a mark or hardly judged a claim, and found nothing",
    ));
    codes.sort_unstable_by_key(|(code, ..)| *code);
    codes
}

/// Runs the command line.
pub fn main() -> ExitCode {
    // A panic of a simulated task is an outcome in the report. The default hook would print it a second time.
    std::panic::set_hook(Box::new(|_| {}));
    // A position that is broken over two lines cannot be searched for or opened in an editor.
    miette::set_hook(Box::new(|_| Box::new(miette::MietteHandlerOpts::new().wrap_lines(false).build())))
        .expect("it is set once, here");
    match std::panic::catch_unwind(|| match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Shrink(arguments) => shrink::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Find(arguments) => find::run(&arguments),
        Command::Explore(arguments) => explore::run(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Coverage(arguments) => coverage::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Drive(arguments) => drive::run(&arguments),
        Command::Record(arguments) => record::run(&arguments),
        Command::Tidy(arguments) => tidy::run(&arguments),
        Command::Confirm(arguments) => confirm::run(&arguments),
        Command::Behavior(arguments) => behavior::run(&arguments),
        Command::Parity(arguments) => parity::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::New(arguments) => new::run(&arguments),
        Command::Schema => Ok(schema::run()),
        Command::Completions(arguments) => Ok(completions::print(&arguments, &mut command())),
        Command::Man(arguments) => completions::write_pages(&arguments, command()),
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
