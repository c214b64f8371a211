//! The gateway as a program: `gateway serve`.
//!
//! In the order a start goes: arguments and files are read, the port is bound, the database opened and locked, then the
//! address is printed and clients are served until a signal. What is wrong before that exits with 2.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a command line is for")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use clap::{Parser, Subcommand};
use gateway::Gateway;
use gateway::agent::script::TurnScript;
use gateway::config::Config;
use gateway::lifecycle::process::Signal;
use gateway::real;
use gateway::real::lock::{Lock, LockError};
use gateway::real::sqlite::SqliteThread;
use gateway::real::websocket::{PATH, WebSocketTransport};
use gateway::release::Release;
use gateway::spawn::TaskName;
use gateway::store::sqlite::{Database, OpenError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{self, SignalKind};
use tokio::task::{LocalSet, unconstrained};

/// A session gateway for AI agents: JSON-RPC over WebSocket, sessions and messages in an SQLite file
#[derive(Parser)]
#[command(name = "gateway", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve clients until SIGINT or SIGTERM, then end their sessions
    Serve(Serve),
}

#[derive(clap::Args)]
struct Serve {
    /// Where to listen, on this machine only; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8645", value_parser = address)]
    listen: SocketAddr,
    /// The database, made if there is none
    #[arg(long, value_name = "FILE", default_value = "gateway.db")]
    db: PathBuf,
    /// What works on prompts: `script:FILE`, a TOML file with `[turns.NAME]` tables, of which a prompt names one.
    /// Without this, or when it names none, a prompt is answered with itself
    #[arg(long, value_name = "AGENT", value_parser = agent)]
    agent: Option<Agent>,
    /// A TOML file with a `[gateway]` table of settings, such as `orphan_grace = "20s"`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Clone)]
enum Agent {
    Script(PathBuf),
}

/// What the file of `--config` holds.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    #[serde(default)]
    gateway: Config,
}

/// What the file of `--agent script:FILE` holds.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptFile {
    turns: BTreeMap<String, TurnScript>,
}

/// Why nobody is served: what is wrong, and what to do about it.
struct NotStarted {
    error: String,
    hint: &'static str,
}

/// What every mistake before the start exits with.
const NOT_STARTED: u8 = 2;

/// What an end exits with that a second signal has cut short.
const CUT_SHORT: u8 = 1;

fn main() -> ExitCode {
    let Command::Serve(arguments) = Arguments::parse().command;
    serve(&arguments).unwrap_or_else(|NotStarted { error, hint }| {
        eprintln!("error: {error}\nhint: {hint}");
        ExitCode::from(NOT_STARTED)
    })
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected an address and a port, such as `127.0.0.1:8645` or `[::1]:0`")
}

fn agent(text: &str) -> Result<Agent, &'static str> {
    match text.split_once(':') {
        Some(("script", file)) if !file.is_empty() => Ok(Agent::Script(file.into())),
        _ => Err("expected `script:FILE`"),
    }
}

fn serve(arguments: &Serve) -> Result<ExitCode, NotStarted> {
    if !arguments.listen.ip().is_loopback() {
        return Err(NotStarted {
            error: format!(
                "{} can be reached from other machines, and clients are not authenticated",
                arguments.listen
            ),
            hint: "listen on 127.0.0.1 or [::1]; who is elsewhere can come through a tunnel, such as `ssh -L`",
        });
    }
    let config = match &arguments.config {
        Some(path) => read::<ConfigFile>("config", path, CONFIG_HINT)?.gateway,
        None => Config::default(),
    };
    let turns = match &arguments.agent {
        Some(Agent::Script(path)) => read::<ScriptFile>("script", path, SCRIPT_HINT)?.turns,
        None => BTreeMap::new(),
    };
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|cause| no_system(&cause))?;
    LocalSet::new().block_on(&runtime, unconstrained(run(arguments, config, turns)))
}

async fn run(arguments: &Serve, config: Config, turns: BTreeMap<String, TurnScript>) -> Result<ExitCode, NotStarted> {
    let mut signals = Signals::catch().map_err(|cause| no_system(&cause))?;
    let (listener, bound) = listen(arguments.listen).await?;
    let (store, _lock) = open(&arguments.db)?;
    let env = real::env(Rc::clone(&store) as _, turns);
    let gateway = Gateway::new(env.clone(), config, Release::Current.behavior());
    let transport = Rc::new(WebSocketTransport::start(listener));
    env.spawn(TaskName::gateway("acceptor"), Rc::clone(&gateway).serve(Rc::clone(&transport) as _));
    println!("listening on ws://{bound}{PATH}");

    let signal = signals.next().await;
    let code = tokio::select! {
        biased; // what has ended needs no second signal
        () = end(&gateway, &transport, signal) => ExitCode::SUCCESS,
        _ = signals.next() => {
            let left = gateway.sessions.all().len();
            eprintln!("cut short by a second signal; sessions left: {left}; the next start ends their rows");
            ExitCode::from(CUT_SHORT)
        }
    };
    store.close();
    Ok(code)
}

/// Takes no more clients, ends every session, then says goodbye to those who are connected.
async fn end(gateway: &Gateway, transport: &WebSocketTransport, signal: Signal) {
    transport.stop();
    gateway.shutdown(signal).await;
    for link in gateway.sessions.links() {
        link.connection.close();
    }
    // Until just now a client could still make or resume a session.
    gateway.shutdown(signal).await;
    transport.drained().await;
}

async fn listen(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), NotStarted> {
    let bound = TcpListener::bind(wanted).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (bound, listener) = bound.map_err(|cause| NotStarted {
        error: format!("cannot listen on {wanted}: {cause}"),
        hint: match cause.kind() {
            io::ErrorKind::AddrInUse => {
                "another program has this port, maybe another gateway; choose one with --listen"
            }
            _ => "choose another address or port with --listen; port 0 takes any that is free",
        },
    })?;
    Ok((listener, bound))
}

/// Opened before it is locked: so nothing is left beside a file that is refused.
fn open(path: &Path) -> Result<(Rc<SqliteThread>, Lock), NotStarted> {
    let database = Database::open(path).map_err(|error| NotStarted { error: error.to_string(), hint: hint(&error) })?;
    let lock = Lock::take(path).map_err(|error| NotStarted {
        error: error.to_string(),
        hint: match error {
            LockError::InUse { .. } => "stop the other gateway, or choose another file with --db",
            LockError::CannotLock { .. } => {
                "a gateway needs to write to the folder of its database; choose one with --db"
            }
        },
    })?;
    let store = SqliteThread::start(database).map_err(|cause| no_system(&cause))?;
    Ok((Rc::new(store), lock))
}

fn hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::CannotOpen { .. } => {
            "the folder must be there, and its files must be writable; choose one with --db"
        }
        OpenError::NotADatabase { .. } | OpenError::NotOurs { .. } => {
            "the file was left as it is; choose another with --db"
        }
        OpenError::NewerSchema { .. } | OpenError::OlderSchema { .. } => {
            "the file was left as it is; a new one is made where --db names none"
        }
    }
}

const CONFIG_HINT: &str = "a config file has one table, `[gateway]`, with keys such as `orphan_grace = \"20s\"`";

const SCRIPT_HINT: &str = "a script file has tables such as `[turns.hello]` with `steps = [{ reply = \"hi\" }]`";

fn read<T: DeserializeOwned>(kind: &str, path: &Path, hint: &'static str) -> Result<T, NotStarted> {
    let failed = |cause: String| NotStarted { error: format!("{kind} file `{}`: {cause}", path.display()), hint };
    let text = fs::read_to_string(path).map_err(|cause| failed(cause.to_string()))?;
    toml::from_str(&text).map_err(|cause| failed(cause.to_string().trim_end().to_owned()))
}

fn no_system(cause: &io::Error) -> NotStarted {
    NotStarted { error: format!("the system does not give what a gateway needs: {cause}"), hint: "look at its limits" }
}

/// The signals that ask for the end.
struct Signals {
    int: unix::Signal,
    term: unix::Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self { int: unix::signal(SignalKind::interrupt())?, term: unix::signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            biased; // both end the gateway in the same way
            _ = self.int.recv() => Signal::Int,
            _ = self.term.recv() => Signal::Term,
        }
    }
}
