//! What can be asked for.

use std::path::PathBuf;

use clap::Parser;

/// Loads the gateway, and others beside it, with many clients
#[derive(Parser)]
#[command(name = "load", max_term_width = 100)]
pub(crate) struct Options {
    /// How many connections are open at once
    #[arg(long, default_value_t = 200)]
    pub(crate) connections: usize,
    /// How many sessions each of them has
    #[arg(long, default_value_t = 2)]
    pub(crate) sessions: usize,
    /// How many are at work at a time, of connections being opened and of prompts being answered
    #[arg(long, default_value_t = 64)]
    pub(crate) at_once: usize,
    /// How many prompts are sent in a second where a prompt's latency without a queue is asked for
    #[arg(long, default_value_t = 50)]
    pub(crate) rate: u32,
    /// How many connections have a turn at work when all of them drop
    #[arg(long, default_value_t = 50)]
    pub(crate) working: usize,
    /// A virtual environment with `hermes-agent`, whose Python gateway is loaded too
    #[arg(long, value_name = "VENV", requires = "launcher")]
    pub(crate) python: Option<PathBuf>,
    /// The program that serves that gateway with a scripted agent; it takes `--turns FILE` and `--home FOLDER`
    #[arg(long, value_name = "FILE", requires = "python")]
    pub(crate) launcher: Option<PathBuf>,
    /// Leave the endpoint out that only answers
    #[arg(long)]
    pub(crate) no_trivial: bool,
    /// Be the endpoint that only answers; the benchmark starts itself so
    #[arg(long, hide = true)]
    pub(crate) trivial: bool,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    pub(crate) fn all_sessions(&self) -> usize {
        self.connections * self.sessions
    }

    /// How many files a process may need: those of a storm may be open before those of the drop are closed.
    pub(crate) fn files(&self) -> u64 {
        2 * self.connections as u64 + 256
    }

    pub(crate) fn headline(&self) -> String {
        let Self { connections, sessions, at_once, rate, working, .. } = self;
        format!(
            "{connections} connections of {sessions} sessions; {at_once} at once; steady: {rate} prompts/s; \
             {working} turns at work when all drop"
        )
    }
}
