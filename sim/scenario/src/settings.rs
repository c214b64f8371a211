//! The settings of the simulated world: network, database and agents.

use std::num::NonZeroU32;

use gateway_core::clock::Millis;

use super::fault::{Odds, StoreFault};

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
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self { latency: Latency::default(), buffer: const { NonZeroU32::new(64).expect("it is not zero") } }
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
