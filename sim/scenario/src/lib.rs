//! Scenario files: the input of a run, and the form in which a found failure is kept.
//!
//! In the order in which a file is processed: [`find()`] lists the files, `parse` reads TOML into values with their
//! positions, [`step`] turns the table of a step into an [`Action`], `check` checks what depends on other parts of the
//! file, and `print` writes a scenario as TOML. Every mistake in a file is a [`ScenarioError`]. The words of the language
//! are the [`table`].
//!
//! ```
//! use std::path::Path;
//! use sim_scenario::{ConnectionStep, InvariantNames, Scenario};
//!
//! let names = InvariantNames { known: &[], renamed: &[], renamed_until: "" };
//! let text = r#"
//! about = "A client connects."
//!
//! [[steps]]
//! at = "0s"
//! client = "desktop"
//! do = "connect"
//! "#;
//! let scenario = Scenario::parse(Path::new("scenarios/visit.toml"), text, &names)?;
//! assert_eq!(scenario.name, "visit");
//! assert_eq!(scenario.steps[0].action, ConnectionStep::Connect.into());
//! assert_eq!(Scenario::parse(&scenario.path, &scenario.to_toml(), &names)?, scenario);
//! # Ok::<(), sim_scenario::ScenarioError>(())
//! ```

mod check;
mod error;
mod fault;
mod find;
mod invariant;
mod nearest;
mod parse;
mod print;
pub mod step;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use gateway_core::agent::script::TurnScript;
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::release::Release;
use gateway_core::spawn::Window;
use serde::Deserialize;

use interleaving::strategy::Replay;
use interleaving::tape::Tape;

pub use self::error::ScenarioError;
pub use self::fault::{Call, CallSide, Fault, InvalidRatio, Odds, Ratio, StoreFault, Weights};
pub use self::find::{Found, find};
pub use self::invariant::{InvariantNames, Warning};
pub use self::step::table::{self, Word};
pub use self::step::{
    Action, ConnectionStep, Jump, Mentions, OnDisconnect, PROCESS, Presence, ProcessStep, Prompt, RequestStep,
    ResumeMode, ResumeTarget, SocketStep, Start, Step,
};

/// A script, the settings of a run, and the expected outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The file's stem; also the stem of its snapshot.
    pub name: String,
    /// The path of the file, as it was given.
    pub path: PathBuf,
    /// One sentence: what the scenario shows.
    pub about: String,
    /// Related public issues as `project#number`, and defects of the catalogue as `S1`. Left out: none.
    pub issues: Vec<String>,
    /// The releases it runs against, in the order of the file. Left out: `current` alone.
    pub releases: Vec<Release>,
    /// The seed of the ids. The strategy has a seed of its own. Left out: 0.
    pub seed: u64,
    /// The end of the script's time. Left out: the last step, the length of every prompted turn, and three graces
    /// ([`Scenario::default_until`]).
    pub until: Millis,
    /// The settings of the gateway: the `[gateway]` table.
    pub gateway: Config,
    /// Fields of the release's behaviour that are overridden: `group.field` and the alternative.
    pub behavior: Vec<(String, String)>,
    /// The simulated network between the clients and the gateway.
    pub network: NetworkSettings,
    /// The simulated latencies and faults of the database.
    pub store: StoreSettings,
    /// The duration for which race windows of old releases stay open. Left out: only tasks that are ready at that instant
    /// run in the window.
    pub windows: BTreeMap<Window, Latency>,
    /// How long agents take to build, and which builds fail.
    pub agent: AgentSettings,
    /// The turns of the scripted agent, by the text of the prompt that starts them.
    pub turns: BTreeMap<String, TurnScript>,
    /// The script, sorted by time. Steps of the same instant keep the order of the file.
    pub steps: Vec<Step>,
    /// The expected end of a run, for the releases for which the file states one.
    pub expect: BTreeMap<Release, Expected>,
    /// The recorded choices of the run, for the releases for which they are not all the first alternative.
    pub tapes: BTreeMap<Release, Tape>,
}

/// A range of durations, both bounds included. The strategy chooses within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// The lower bound of the range.
    pub min: Millis,
    /// The upper bound; not below `min`.
    pub max: Millis,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentSettings {
    /// The duration of a build. Left out: none.
    pub build: Millis,
    /// The duration of the first build of the run. Left out: `build`.
    pub first_build: Option<Millis>,
    /// The number of builds that fail, from the first on. Left out: 0.
    pub failures: u32,
    /// The duration of a summary that a client requests with `session.compress`. Left out: none.
    pub summary: Millis,
}

/// The expected end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The run ends with this outcome.
    Outcome(ExpectedOutcome),
    /// The run violates each of these invariants.
    Violates(Vec<String>),
}

/// An outcome that a file can expect. A violation is expected by the invariant's name, with `violates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedOutcome {
    /// The run found no failure.
    Passed,
    /// A task of the gateway panicked.
    Panicked,
    /// A task, timer or connection was left after the heal phase.
    NotAtRest,
    /// The run exceeded its limit of events or of virtual time.
    Limit,
}

impl Scenario {
    /// The strategy that replays the file's tape for a release, or takes every first alternative if there is no tape.
    pub fn schedule(&self, release: Release) -> Replay {
        Replay::new(self.tapes.get(&release).cloned().unwrap_or_default())
    }

    /// Parses the text of a scenario file. `expect` may name the invariants in `names`; `path` only stands in errors.
    pub fn parse(path: &Path, text: &str, names: &InvariantNames) -> Result<Self, ScenarioError> {
        let (scenario, _) = check::scenario(&error::Source { path, text }, names)?;
        Ok(scenario)
    }

    /// Reads and parses a scenario file. `expect` may name the invariants in `names`.
    pub fn load(path: &Path, names: &InvariantNames) -> Result<Self, ScenarioError> {
        let (scenario, _) = Self::load_with_warnings(path, names)?;
        Ok(scenario)
    }

    /// Reads and parses a scenario file, with a warning for each deprecated word, at its first place in the file.
    pub fn load_with_warnings(path: &Path, names: &InvariantNames) -> Result<(Self, Vec<Warning>), ScenarioError> {
        let bytes = fs::read(path).map_err(|error| ScenarioError::unreadable(path, &error))?;
        match str::from_utf8(&bytes) {
            Ok(text) => check::scenario(&error::Source { path, text }, names),
            Err(error) => Err(ScenarioError::not_text(path, &bytes, error.valid_up_to())),
        }
    }

    /// The names of the clients.
    pub fn clients(&self) -> BTreeSet<&str> {
        self.steps.iter().map(|step| step.client.as_str()).filter(|client| *client != PROCESS).collect()
    }

    /// The end of the script's time if the file gives none: the time of the last step, plus the duration of every turn
    /// that a prompt starts, plus three times the grace.
    pub fn default_until(&self) -> Millis {
        let last_step = self.steps.iter().map(|step| step.at).max().unwrap_or_default();
        let turns = self.steps.iter().filter_map(|step| self.turns.get(step.action.turn()?));
        turns.fold(last_step + self.gateway.orphan_grace.times(3), |sum, turn| sum + turn.length())
    }
}

impl ExpectedOutcome {
    /// The value of `outcome`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Panicked => "panicked",
            Self::NotAtRest => "not_at_rest",
            Self::Limit => "limit",
        }
    }
}

impl Latency {
    /// A range with one value.
    pub const fn fixed(length: Millis) -> Self {
        Self { min: length, max: length }
    }
}
