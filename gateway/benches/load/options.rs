//! The options of the benchmark.

use std::path::PathBuf;

use clap::Parser;

/// Loads the gateway, and others beside it, with many clients
#[derive(Parser)]
#[command(name = "load", max_term_width = 100)]
pub(crate) struct Options {
    /// The number of connections
    #[arg(long, default_value_t = 200)]
    pub(crate) connections: usize,
    /// The number of sessions per connection
    #[arg(long, default_value_t = 2)]
    pub(crate) sessions: usize,
    /// The number of concurrent connects and of concurrent prompts
    #[arg(long, default_value_t = 64)]
    pub(crate) at_once: usize,
    /// The rate of prompts per second in the latency phase
    #[arg(long, default_value_t = 50)]
    pub(crate) rate: u32,
    /// The number of connections with a running turn at the drop
    #[arg(long, default_value_t = 50)]
    pub(crate) working: usize,
    /// A virtual environment with `hermes-agent`, whose Python gateway is loaded too
    #[arg(long, value_name = "VENV", requires = "launcher")]
    pub(crate) python: Option<PathBuf>,
    /// The program that serves that gateway with a scripted agent; it accepts `--turns FILE` and `--home FOLDER`
    #[arg(long, value_name = "FILE", requires = "python")]
    pub(crate) launcher: Option<PathBuf>,
    /// Skip the endpoint that only echoes
    #[arg(long)]
    pub(crate) no_trivial: bool,
    /// Run as the endpoint that only echoes (used by the benchmark itself)
    #[arg(long, hide = true)]
    pub(crate) trivial: bool,
    /// Passed by cargo to every benchmark; ignored
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    pub(crate) fn all_sessions(&self) -> usize {
        self.connections * self.sessions
    }

    /// The open files that a process may need: after a drop the new sockets may be open before the old ones are closed.
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
