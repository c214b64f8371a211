//! The command line.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use gateway::real::limits::Limits;
use gateway_core::clock::{BadLength, Millis};
use gateway_core::config::{BusyInput, Compression, Config};
use serde::de::value::{Error as NoWord, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

/// A session gateway for AI agents: JSON-RPC over WebSocket, sessions and messages in an SQLite file
#[derive(Parser)]
#[command(name = "gateway", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve clients until SIGINT or SIGTERM, then end their sessions
    Serve(Box<Serve>),
}

#[derive(clap::Args)]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 picks a free one. An address that other machines can reach needs a token
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8645", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Serve one client on standard input and output instead, one frame per line, until the input ends
    #[arg(long, conflicts_with_all = ["listen", "token_file", "allow_origin", "max_connections", "max_requests_per_second", "ping_interval"])]
    pub(crate) stdio: bool,
    /// The database file; created if it does not exist
    #[arg(long, value_name = "FILE", default_value = "gateway.db")]
    pub(crate) db: PathBuf,
    /// The agent: `script:FILE`, a TOML file with `[turns.NAME]` tables. A prompt that is the name of a turn runs it; any
    /// other prompt, and every prompt without this flag, is echoed
    #[arg(long, value_name = "AGENT", value_parser = agent)]
    pub(crate) agent: Option<Agent>,
    /// A TOML file with a `[gateway]` table of the settings below, such as `orphan_grace = "20s"`; flags override it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A file with the token that clients must send, as `Authorization: Bearer TOKEN` or `?token=TOKEN`
    /// [default: the environment variable GATEWAY_TOKEN, if set]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// An origin whose pages may connect, such as `https://chat.example`, besides the gateway's own; may be repeated
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub(crate) allow_origin: Vec<String>,
    /// The most connections at one time
    #[arg(long, value_name = "N", value_parser = connections, default_value_t = Limits::default().connections)]
    max_connections: usize,
    /// The longest frame in bytes
    #[arg(long, value_name = "BYTES", value_parser = frame_bytes, default_value_t = Limits::default().frame_bytes)]
    max_frame_bytes: usize,
    /// The most requests of a connection that are read per second; the others wait in its socket
    #[arg(long, value_name = "N", default_value_t = Limits::default().requests_per_second)]
    max_requests_per_second: NonZeroU32,
    /// A client that has sent nothing for this long gets a ping, and is disconnected if it sends nothing for as long again;
    /// 0s for no pings
    #[arg(long, value_name = "TIME", value_parser = length, default_value = "20s")]
    ping_interval: Millis,
    /// How long the end may take after SIGINT or SIGTERM. Then the rows of the sessions that are left are ended as far as possible, and
    /// the exit code is 1; 0s for no limit
    #[arg(long, value_name = "TIME", value_parser = length, default_value = "8s")]
    stop_timeout: Millis,
    /// The lowest level that is logged to standard error
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = LogLevel::Info)]
    pub(crate) log: LogLevel,
    /// The form of the log
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    #[command(flatten, next_help_heading = "Settings, also keys of the config file")]
    settings: Settings,
}

/// A flag for each key of [`Config`].
#[derive(clap::Args)]
struct Settings {
    /// How long a session is kept after its last client has left; 0s for ever [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = length)]
    orphan_grace: Option<Millis>,
    /// A turn without a client is interrupted when its agent has reported nothing for this long; 0s for never [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = length)]
    orphan_silence: Option<Millis>,
    /// The same while a tool runs; 0s for never [default: 1day]
    #[arg(long, value_name = "TIME", value_parser = length)]
    orphan_tool_silence: Option<Millis>,
    /// The delay from `session.create` to the build of its agent [default: 50ms]
    #[arg(long, value_name = "TIME", value_parser = length)]
    build_delay: Option<Millis>,
    /// How long a prompt waits for its agent's build [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = length)]
    agent_wait: Option<Millis>,
    /// The timeout of a question for a text or a secret [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = length)]
    clarify_timeout: Option<Millis>,
    /// The timeout of a question for a password [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = length)]
    sudo_timeout: Option<Millis>,
    /// The timeout of an approval request [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = length)]
    approval_timeout: Option<Millis>,
    /// A client that reads none of its frames for this long is disconnected; 0s for never [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = length)]
    write_timeout: Option<Millis>,
    /// What a prompt does while a turn runs: interrupt, queue or steer [default: interrupt]
    #[arg(long, value_name = "MODE", value_parser = word::<BusyInput>)]
    busy_input_mode: Option<BusyInput>,
    /// An idle session without a client is ended after this long [default: 6h]
    #[arg(long, value_name = "TIME", value_parser = length)]
    session_ttl: Option<Millis>,
    /// The most live sessions; 0 for no limit [default: 16]
    #[arg(long, value_name = "N")]
    max_live_sessions: Option<u32>,
    /// Whether several clients may have one session at once, each of which hears every event [default: false]
    #[arg(long, value_name = "BOOL")]
    fan_out: Option<bool>,
    /// The most live sessions of one connection; 0 for no limit [default: 64]
    #[arg(long, value_name = "N")]
    max_sessions_per_connection: Option<u32>,
    /// The most queued prompts of a session, and the most steers of its turn; 0 for no limit [default: 64]
    #[arg(long, value_name = "N")]
    max_waiting_prompts: Option<u32>,
    /// The most events of a session that are kept for a client that has missed some; 0 for no limit [default: 512]
    #[arg(long, value_name = "N")]
    max_kept_events: Option<u32>,
    /// How long a write waits for another process that holds the database, before it fails [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = length)]
    busy_timeout: Option<Millis>,
    /// The mode of a compression that names none: release_default, rotate or in_place [default: release_default]
    #[arg(long, value_name = "MODE", value_parser = word::<Compression>)]
    compression: Option<Compression>,
    /// A turn of a conversation with more messages begins with a compression; 0 for never [default: 0]
    #[arg(long, value_name = "N")]
    compress_above: Option<u32>,
    /// The `source` column of new rows [default: tui]
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// The `model` column of new rows [default: scripted]
    #[arg(long, value_name = "TEXT")]
    model: Option<String>,
}

#[derive(Clone)]
pub(crate) enum Agent {
    Script(PathBuf),
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogLevel {
    /// Log nothing
    Off,
    /// Log errors: a database file that is gone, and what was accepted and is lost
    Error,
    /// Also log refused clients and failed calls of the database
    Warn,
    /// Also log the start and the end, connections, and each row that begins or ends
    Info,
    /// Also log each WebSocket handshake
    Debug,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line of `key=value` pairs for each event
    Text,
    /// A JSON object on a line for each event
    Json,
}

impl Serve {
    /// The limits on connections and frames, from the flags.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            connections: self.max_connections,
            frame_bytes: self.max_frame_bytes,
            requests_per_second: self.max_requests_per_second,
            ping_interval: Duration::from_millis(self.ping_interval.0),
            ..Limits::default()
        }
    }

    /// How long the end may take; `None` for no limit.
    pub(crate) fn stop_timeout(&self) -> Option<Millis> {
        (self.stop_timeout > Millis::ZERO).then_some(self.stop_timeout)
    }

    /// The settings of the config file, overridden by the flags.
    pub(crate) fn settings(&self, file: Config) -> Config {
        let flags = &self.settings;
        Config {
            orphan_grace: flags.orphan_grace.unwrap_or(file.orphan_grace),
            orphan_silence: flags.orphan_silence.unwrap_or(file.orphan_silence),
            orphan_tool_silence: flags.orphan_tool_silence.unwrap_or(file.orphan_tool_silence),
            build_delay: flags.build_delay.unwrap_or(file.build_delay),
            agent_wait: flags.agent_wait.unwrap_or(file.agent_wait),
            clarify_timeout: flags.clarify_timeout.unwrap_or(file.clarify_timeout),
            sudo_timeout: flags.sudo_timeout.unwrap_or(file.sudo_timeout),
            approval_timeout: flags.approval_timeout.or(file.approval_timeout),
            write_timeout: flags.write_timeout.unwrap_or(file.write_timeout),
            busy_input_mode: flags.busy_input_mode.unwrap_or(file.busy_input_mode),
            session_ttl: flags.session_ttl.unwrap_or(file.session_ttl),
            max_live_sessions: flags.max_live_sessions.or(file.max_live_sessions),
            fan_out: flags.fan_out.unwrap_or(file.fan_out),
            max_sessions_per_connection: flags.max_sessions_per_connection.unwrap_or(file.max_sessions_per_connection),
            max_waiting_prompts: flags.max_waiting_prompts.unwrap_or(file.max_waiting_prompts),
            max_kept_events: flags.max_kept_events.unwrap_or(file.max_kept_events),
            busy_timeout: flags.busy_timeout.or(file.busy_timeout),
            compression: flags.compression.unwrap_or(file.compression),
            compress_above: flags.compress_above.unwrap_or(file.compress_above),
            source: flags.source.clone().unwrap_or(file.source),
            model: flags.model.clone().unwrap_or(file.model),
        }
    }
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

fn origin(text: &str) -> Result<String, &'static str> {
    let host = text.split_once("://").map(|(_, host)| host).filter(|host| !host.is_empty() && !host.contains('/'));
    host.map(|_| text.to_owned())
        .ok_or("expected a scheme and a host, such as `https://chat.example` or `http://[::1]:80`")
}

fn length(text: &str) -> Result<Millis, BadLength> {
    Millis::try_from(text.to_owned())
}

/// Parses a number of connections. A gateway without one would answer no client, and a system has fewer sockets than the bound.
fn connections(text: &str) -> Result<usize, String> {
    within(text, 1..=1_000_000, "connections")
}

/// Parses the longest frame. The smallest requests have some hundred bytes; a client can make the gateway hold a frame in memory.
fn frame_bytes(text: &str) -> Result<usize, String> {
    within(text, 256..=1 << 30, "bytes")
}

fn within(text: &str, range: RangeInclusive<usize>, unit: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("expected a number of {unit} from {} to {}", range.start(), range.end()))
}

/// Parses a word with the names that the config file uses.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, NoWord> {
    let text: StrDeserializer<'_, NoWord> = text.into_deserializer();
    T::deserialize(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(flags: &[&str], file: Config) -> Config {
        let arguments = Arguments::try_parse_from(["gateway", "serve"].into_iter().chain(flags.iter().copied()));
        let Command::Serve(serve) = arguments.unwrap_or_else(|error| panic!("{error}")).command;
        serve.settings(file)
    }

    /// A flag overrides the file, and the file overrides the default.
    #[test]
    fn flags_override_the_file() {
        assert_eq!(settings(&[], Config::default()), Config::default());
        let file = Config { orphan_grace: Millis(7), source: "file".to_owned(), ..Config::default() };
        assert_eq!(settings(&[], file.clone()), file);
        let flags = ["--orphan-grace", "3s", "--busy-input-mode", "queue", "--max-live-sessions", "0"];
        let expected = Config {
            orphan_grace: Millis(3000),
            busy_input_mode: BusyInput::Queue,
            max_live_sessions: Some(0),
            ..file.clone()
        };
        assert_eq!(settings(&flags, file), expected);
    }

    /// Every key of the file has a flag, and its help names the real default.
    #[test]
    fn every_setting_has_a_flag_that_names_its_default() {
        use clap::CommandFactory;
        let command = Arguments::command();
        let serve = command.find_subcommand("serve").expect("there is one");
        let defaults = toml::Table::try_from(Config::default()).expect("a table");
        for (key, default) in defaults {
            let flag = key.replace('_', "-");
            let argument = serve.get_arguments().find(|argument| argument.get_long() == Some(&flag));
            let help = argument.and_then(clap::Arg::get_help).unwrap_or_else(|| panic!("no flag --{flag}")).to_string();
            let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
            assert!(help.ends_with(&format!("[default: {default}]")), "--{flag}: {default}, but {help}");
        }
    }
}
