//! Endpoints: processes that speak the gateway's protocol.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::options::Options;
use crate::rows::Rows;

/// The scripted turns; any other prompt is echoed.
const SCRIPT: &str = "[turns.work]\nsteps = [{ sleep = \"5s\" }, { reply = \"done\" }]\n";

/// The timeout of an endpoint's end after a signal.
const END: Duration = Duration::from_secs(120);

/// The kinds of endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Answers without sessions, agents or a database.
    Trivial,
    /// The gateway of this crate.
    Gateway,
    /// The Python gateway of `hermes-agent`.
    Python {
        /// The virtual environment of its installation.
        environment: PathBuf,
        /// The program that serves it with a scripted agent.
        launcher: PathBuf,
    },
}

/// A running endpoint in a folder of its own.
pub(crate) struct Running {
    endpoint: Endpoint,
    process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    folder: TempDir,
}

/// The result of an endpoint's end.
pub(crate) struct Left {
    pub(crate) code: Option<i32>,
    pub(crate) rows: Option<Rows>,
    pub(crate) end: Duration,
}

/// Kills the process when the benchmark ends, also by a panic.
struct Process(Child);

/// The endpoints that the options select.
pub(crate) fn all(options: &Options) -> Vec<Endpoint> {
    let mut all = Vec::new();
    if !options.no_trivial {
        all.push(Endpoint::Trivial);
    }
    all.push(Endpoint::Gateway);
    let python = options.python.clone().zip(options.launcher.clone());
    all.extend(python.map(|(environment, launcher)| Endpoint::Python { environment, launcher }));
    all
}

impl Endpoint {
    /// Starts the endpoint and waits until it listens.
    pub(crate) fn start(&self) -> Result<Running, String> {
        let failed = |error: std::io::Error| format!("{self} does not start: {error}");
        let folder = tempfile::tempdir().map_err(failed)?;
        std::fs::write(folder.path().join("script.toml"), SCRIPT).map_err(failed)?;
        let mut child = self.command(&folder).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let stdout = child.stdout.take().expect("it is piped");
        let process = Process(child);
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let said = lines.filter_map(|line| line.strip_prefix("listening on ws://").map(str::to_owned)).next();
        let said = said.ok_or_else(|| format!("{self} ends before it says where it listens"))?;
        let (address, path) = said.split_once('/').ok_or_else(|| format!("{self} listens at no path: {said}"))?;
        let address = address.parse().map_err(|error| format!("{self} listens nowhere: {error}: {said}"))?;
        Ok(Running { endpoint: self.clone(), process, address, path: format!("/{path}"), folder })
    }

    fn command(&self, folder: &TempDir) -> Command {
        match self {
            Self::Trivial => {
                let mut command = Command::new(std::env::current_exe().expect("this program"));
                command.arg("--trivial");
                command
            }
            Self::Gateway => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
                command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--max-live-sessions", "0"]);
                command.args(["--max-connections", "20000", "--max-sessions-per-connection", "0"]);
                command.arg("--db").arg(folder.path().join("state.db"));
                command.arg("--agent").arg(format!("script:{}", folder.path().join("script.toml").display()));
                command.env_remove("GATEWAY_TOKEN");
                command
            }
            Self::Python { environment, launcher } => {
                let mut command = Command::new(environment.join("bin/python"));
                command.arg(launcher);
                // Its agent does as little as ours: what is loaded is the gateway.
                command.args(["--agent", "light"]);
                command.arg("--turns").arg(folder.path().join("script.toml")).arg("--home").arg(folder.path());
                let log = std::fs::File::create(folder.path().join("log")).expect("a file in a new folder");
                command.stderr(log);
                command
            }
        }
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Sends SIGTERM and waits for the exit.
    pub(crate) async fn stop(mut self) -> Result<Left, String> {
        let asked = std::time::Instant::now();
        let pid = rustix::process::Pid::from_child(&self.process.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(|error| error.to_string())?;
        let status = self.ended().await;
        let end = asked.elapsed();
        let db = self.folder.path().join("state.db");
        let rows = match self.endpoint {
            Endpoint::Trivial => None,
            Endpoint::Gateway | Endpoint::Python { .. } => Some(Rows::count(&db).map_err(|error| error.to_string())?),
        };
        Ok(Left { code: status.and_then(|status| status.code()), rows, end })
    }

    /// The exit status, or `None` after the timeout.
    async fn ended(&mut self) -> Option<ExitStatus> {
        let ended = async {
            loop {
                if let Some(status) = self.process.0.try_wait().expect("our child") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(END, ended).await.ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trivial => "only answers",
            Self::Gateway => "gateway",
            Self::Python { .. } => "hermes-agent",
        })
    }
}
