//! The gateway as a program: `gateway serve`.
//!
//! In the order of a start: arguments and files are read, the port is bound, the database is locked and opened, the address
//! is printed, and clients are served until a signal. An error before that exits with code 2.

#[path = "main/files.rs"]
mod files;
#[path = "main/options.rs"]
mod options;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Stderr, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use clap::Parser;
use files::{StartError, no_resource};
use gateway::real;
use gateway::real::access::Access;
use gateway::real::served::{Ended, Served};
use gateway::real::stdio::StdioTransport;
use gateway::real::websocket::PATH;
use gateway_core::agent::script::TurnScript;
use gateway_core::config::Config;
use gateway_core::lifecycle::process::Signal;
use gateway_core::release::Release;
use gateway_core::server::Left;
use options::{Arguments, Command, LogFormat, LogLevel, Serve};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tokio::signal::unix::{self, SignalKind};
use tokio::task::{LocalSet, unconstrained};
use tracing::level_filters::LevelFilter;
use tracing::{error, info};

/// The exit code of an error before the start.
const NOT_STARTED: u8 = 2;

/// The exit code of an end that a second signal or the timeout has cut short, or for which something was given up.
const CUT_SHORT: u8 = 1;

/// How long an end that was cut short waits for the store to close its file.
const CLOSE_MAX: Duration = Duration::from_millis(500);

/// The listen backlog: the common upper bound of the system. A client that finds it full retries only after a second, and
/// after a network failure all clients reconnect at once.
const BACKLOG: u32 = 4096;

/// The socket's send buffer in bytes. The system accepts more data only after a good part of the buffer is read, and only
/// that shows progress of the client. With the default of several MiB a slow client would seem to read nothing for longer
/// than the write timeout.
const SEND_BUFFER: u32 = 256 * 1024;

fn main() -> ExitCode {
    let Command::Serve(arguments) = Arguments::parse().command;
    serve(&arguments).unwrap_or_else(|StartError { error, hint }| {
        print_line(io::stderr(), format_args!("error: {error}\nhint: {hint}"));
        ExitCode::from(NOT_STARTED)
    })
}

fn serve(arguments: &Serve) -> Result<ExitCode, StartError> {
    let access = files::access(arguments)?;
    let (config, turns) = (files::settings(arguments)?, files::turns(arguments)?);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|cause| no_resource(&cause))?;
    LocalSet::new().block_on(&runtime, unconstrained(run(arguments, access, config, turns)))
}

async fn run(
    arguments: &Serve,
    access: Access,
    config: Config,
    turns: BTreeMap<String, TurnScript>,
) -> Result<ExitCode, StartError> {
    let mut signals = Signals::catch().map_err(|cause| no_resource(&cause))?;
    let listening = if arguments.stdio { None } else { Some(listen(arguments.listen)?) };
    let behavior = Release::Current.behavior();
    log(arguments.log, arguments.log_format);
    let store = files::open(&arguments.db, behavior.flush.busy_wait(config.busy_timeout))?;
    let env = real::env(Rc::clone(&store) as _, turns);
    let db = arguments.db.display();
    let served = match listening {
        Some((listener, bound)) => {
            let served = Served::on(listener, env, config, behavior, (access, arguments.limits()));
            print_line(io::stdout(), format_args!("listening on ws://{bound}{PATH}"));
            info!(address = %bound, %db, "serving");
            served
        }
        None => {
            let stdio = StdioTransport::start(io::stdin(), io::stdout(), arguments.limits().frame_bytes);
            info!(%db, "serving standard input");
            Served::over(stdio.map_err(|cause| no_resource(&cause))?, env, config, behavior)
        }
    };
    let signal = tokio::select! {
        biased; // the end is the same in either order
        signal = signals.next() => signal,
        () = served.client_gone() => Signal::Term,
    };
    info!(sessions = served.sessions(), "ending every session");
    let is_in_order = tokio::select! {
        biased; // after the end a second signal has no meaning
        ended = served.end_within(signal, arguments.stop_timeout()) => report(&ended),
        _ = signals.next() => {
            let left = served.sessions();
            let cut = "cut short by a second signal; sessions left:";
            print_line(io::stderr(), format_args!("{cut} {left}; the next start ends their rows"));
            false
        }
    };
    if is_in_order {
        store.close();
        info!("ended");
        return Ok(ExitCode::SUCCESS);
    }
    // A write may wait for a disk or for another process. The end of this process is safe for the file at any moment.
    store.close_within(CLOSE_MAX).await;
    Ok(ExitCode::from(CUT_SHORT))
}

/// Says how the gateway has ended; true if nothing is left.
fn report(ended: &Ended) -> bool {
    match ended {
        Ended::Whole => return true,
        Ended::WithLoss => print_line(io::stderr(), format_args!("ended, but messages were given up; see the log")),
        Ended::Late(Left { sessions, rows, messages }) => {
            error!(sessions, rows, messages, "the time to stop is over");
            let cut = "cut short by --stop-timeout; sessions left:";
            let next = "the next start ends open rows";
            let what = format_args!("{cut} {sessions}, rows left open: {rows}, messages lost: {messages}; {next}");
            print_line(io::stderr(), what);
        }
    }
    false
}

/// Prints a line. A closed pipe is no reason to end, so errors are ignored.
fn print_line(mut to: impl Write, line: fmt::Arguments<'_>) {
    let _ = writeln!(to, "{line}").and_then(|()| to.flush());
}

fn listen(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = bind(wanted).and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (bound, listener) = bound.map_err(|cause| StartError {
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

fn bind(wanted: SocketAddr) -> io::Result<TcpListener> {
    let socket = if wanted.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A gateway can be restarted on the same port at once.
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit the size from the listener.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(wanted)?;
    socket.listen(BACKLOG)
}

fn log(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let to: fn() -> Stderr = io::stderr;
    // An error while writing to a closed stderr would be printed to the same stderr, with a panic.
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(to).log_internal_errors(false);
    match format {
        LogFormat::Text => subscriber.with_ansi(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

/// The signals that end the gateway: SIGINT and SIGTERM.
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
