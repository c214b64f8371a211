//! The settings of the simulated world: network, database and agents.

use std::num::NonZeroU32;

use gateway_core::clock::Millis;
use gateway_core::config::Config;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::fault::{Fault, Odds, StoreFault};

/// A range of durations, both bounds included and at most an hour. The strategy chooses within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// The lower bound of the range.
    pub min: Millis,
    /// The upper bound; not below `min`.
    pub max: Millis,
}

impl Latency {
    /// A range with one value.
    pub const fn fixed(length: Millis) -> Self {
        Self { min: length, max: length }
    }
}

/// The `[network]` table: connections between clients and the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkSettings {
    /// The latency of a frame, in either direction. Left out: none.
    pub latency: Latency,
    /// The number of frames that a connection buffers for its client. Left out: 64.
    pub buffer: NonZeroU32,
    /// The silence of a client after which it gets a ping, and after which it counts as gone if it does not answer that. A
    /// client whose network is cut and one that has vanished do not answer. Left out: no pings.
    pub ping: Millis,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        let buffer = const { NonZeroU32::new(64).expect("it is not zero") };
        Self { latency: Latency::default(), buffer, ping: Millis::ZERO }
    }
}

/// The `[store]` table: latencies and faults of the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreSettings {
    /// The time from a write call to its commit. Left out: none.
    pub before_commit: Latency,
    /// The time from a commit to the answer. Left out: none.
    pub after_commit: Latency,
    /// The time from reading the rows to the answer, which is stale by then. Left out: none.
    pub after_lookup: Latency,
    /// The calls that fail. If several entries match a call, the first in the file applies.
    pub faults: Vec<StoreFault>,
    /// The probability that any other call fails.
    pub odds: Odds,
    /// When SQLite waits for the disk, which matters where the power is lost. Left out: as the served gateway has it.
    pub synchronous: Synchronous,
    /// Where SQLite keeps a transaction that is not in the file yet. Left out: as the served gateway has it.
    pub journal: Journal,
}

/// SQLite's `journal_mode`: key `journal` of `[store]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Journal {
    /// New pages are appended to a log beside the file.
    #[default]
    Wal,
    /// Old pages are saved in a journal, which is removed at the commit. SQLite does so where a WAL is impossible.
    Delete,
}

impl Journal {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Wal, Self::Delete];

    /// As it is written in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wal => "wal",
            Self::Delete => "delete",
        }
    }
}

/// SQLite's setting of this name: key `synchronous` of `[store]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Synchronous {
    /// Never.
    Off,
    /// Only before the pages of the WAL are moved to the file.
    Normal,
    /// At each commit.
    Full,
    /// At each commit, and in the folder after a journal is removed.
    #[default]
    Extra,
}

impl Synchronous {
    /// As it is written in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Normal => "normal",
            Self::Full => "full",
            Self::Extra => "extra",
        }
    }
}

impl StoreSettings {
    /// Whether some call loses the power, so that the database has to be on a disk.
    pub fn loses_power(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault.fault, Fault::Power { .. }))
    }
}

/// The `[agent]` table: how agents are built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentSettings {
    /// The duration of a build. Left out: none.
    pub build: Millis,
    /// The duration of the first build of the run, or a list with those of the first ones in their order. Left out:
    /// `build`.
    pub first_build: Vec<Millis>,
    /// The number of builds that fail, from the first on. Left out: 0.
    pub failures: u32,
    /// The duration of a summary that a client requests with `session.compress`. Left out: none.
    pub summary: Millis,
}

impl AgentSettings {
    /// The longest duration of a build.
    pub fn longest_build(&self) -> Millis {
        self.first_build.iter().copied().fold(self.build, Millis::max)
    }
}

/// The settings of the gateway that a restart changes: key `gateway` of the step. The others stay as they were before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingChanges(Map<String, Value>);

impl SettingChanges {
    /// Adds a change of one setting. The error says why the gateway has no such setting, or not this value.
    ///
    /// # Errors
    /// The setting is unknown, or has values of another type.
    pub fn set(&mut self, setting: &str, value: Value) -> Result<(), serde_json::Error> {
        serde_json::from_value::<Config>(Value::Object(Map::from_iter([(setting.to_owned(), value.clone())])))?;
        self.0.insert(setting.to_owned(), value);
        Ok(())
    }

    /// The settings after the restart of a gateway that had the settings `before`.
    ///
    /// # Panics
    /// Never: [`set`](Self::set) takes only values that the gateway has.
    pub fn apply(&self, before: &Config) -> Config {
        let mut settings = serde_json::to_value(before).expect("settings are text, numbers and flags");
        for (setting, value) in &self.0 {
            settings[setting] = value.clone();
        }
        serde_json::from_value(settings).expect("each change was read before")
    }

    /// The settings that change, with their new values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(setting, value)| (setting.as_str(), value))
    }

    /// Whether the restart changes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
