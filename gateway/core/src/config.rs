//! The settings and their defaults. A scenario's `[gateway]` table has the same keys.

use serde::{Deserialize, Serialize};

use crate::agent::CompressionMode;
use crate::clock::Millis;

/// A gateway's settings (spec §6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a session without a client is kept for its return. Zero switches the orphan timer off.
    pub orphan_grace: Millis,
    /// How long the agent of a session without a client may report nothing; then the next end of a grace interrupts its
    /// turn. Zero for any length.
    pub orphan_silence: Millis,
    /// The same while a tool runs, which may be quiet for longer than an agent that waits for its model. Zero for any
    /// length; no less than `orphan_silence`.
    pub orphan_tool_silence: Millis,
    /// How long after `session.create` its agent is built.
    pub build_delay: Millis,
    /// How long a prompt waits for its agent.
    pub agent_wait: Millis,
    /// How long a question waits for a text or a secret.
    pub clarify_timeout: Millis,
    /// How long a question waits for a password.
    pub sudo_timeout: Millis,
    /// How long a question waits for leave to run a command. Without it the default of the release applies.
    pub approval_timeout: Option<Millis>,
    /// How long a client may read nothing while frames wait for it, before it is disconnected. Zero for ever.
    pub write_timeout: Millis,
    /// What a prompt does to a session whose turn runs: `interrupt` the turn and be next, `queue` behind it, or `steer`,
    /// which passes its text to the turn.
    pub busy_input_mode: BusyInput,
    /// How long a session without a client may be idle before it is ended. Counted in whole scans.
    pub session_ttl: Millis,
    /// How many live sessions there may be; zero for any number. Without it the default of the release applies.
    pub max_live_sessions: Option<u32>,
    /// Whether several clients may have one session at once. Each of them hears every event; without it, the one that asked
    /// last.
    pub fan_out: bool,
    /// How many live sessions one connection may have; zero for any number.
    pub max_sessions_per_connection: u32,
    /// How many prompts may wait in a session, and how many words to its turn; zero for any number.
    pub max_waiting_prompts: u32,
    /// How many events of a session are kept for a client that has missed some; zero for any number.
    pub max_kept_events: u32,
    /// How long a write waits for another process that holds the database, before it fails. Without it the default of the
    /// release applies.
    pub busy_timeout: Option<Millis>,
    /// What a compression that names no mode does: `release_default`, `rotate` or `in_place`.
    pub compression: Compression,
    /// How many messages a conversation may have when a turn begins, its prompt included: a turn of a longer one begins with a
    /// compression. Zero for any number.
    pub compress_above: u32,
    /// The `source` column of new rows.
    pub source: String,
    /// The `model` column of new rows.
    pub model: String,
}

/// What a prompt does to a session whose turn runs (spec §4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BusyInput {
    /// It interrupts the turn that runs, and is next.
    #[default]
    Interrupt,
    /// It waits for the turn that runs.
    Queue,
    /// It is passed to the turn that runs, which reads it with its next tool result.
    Steer,
}

/// The setting behind [`CompressionMode::Default`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// The default of the release.
    #[default]
    ReleaseDefault,
    /// The session continues under a new id.
    Rotate,
    /// The messages are replaced, the id stays.
    InPlace,
}

impl Config {
    /// How long a turn without a client may report nothing while a tool runs; zero for any length.
    pub fn longest_tool_silence(&self) -> Millis {
        match (self.orphan_silence, self.orphan_tool_silence) {
            (Millis::ZERO, _) | (_, Millis::ZERO) => Millis::ZERO,
            (agent, tool) => agent.max(tool),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            orphan_grace: Millis::from_secs(20),
            orphan_silence: Millis::from_secs(600),
            orphan_tool_silence: Millis::from_secs(24 * 3600),
            build_delay: Millis(50),
            agent_wait: Millis::from_secs(30),
            clarify_timeout: Millis::from_secs(300),
            sudo_timeout: Millis::from_secs(120),
            approval_timeout: None,
            write_timeout: Millis::from_secs(10),
            busy_input_mode: BusyInput::default(),
            session_ttl: Millis::from_secs(6 * 3600),
            max_live_sessions: None,
            fan_out: false,
            max_sessions_per_connection: 64,
            max_waiting_prompts: 64,
            max_kept_events: 512,
            busy_timeout: None,
            compression: Compression::default(),
            compress_above: 0,
            source: "tui".to_owned(),
            model: "scripted".to_owned(),
        }
    }
}

impl Compression {
    /// The mode this setting asks for.
    pub fn mode(self) -> CompressionMode {
        match self {
            Self::ReleaseDefault => CompressionMode::Default,
            Self::Rotate => CompressionMode::Rotate,
            Self::InPlace => CompressionMode::InPlace,
        }
    }
}
