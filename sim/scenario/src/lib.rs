//! A scenario: one file, one story, the input of a run and the form in which a found failure is kept.
//!
//! In the order a file goes through them: [`find()`] lists the files, `parse` reads TOML into values that remember
//! where they stood, `step` turns the flat table of a step into an [`Action`], `check` looks across steps, and
//! `print` writes a scenario as the file it would be read from. What is wrong with a file is a [`ScenarioError`].
//!
//! ```
//! use std::path::Path;
//! use sim_scenario::{ConnectionStep, InvariantNames, Scenario};
//!
//! let names = InvariantNames { known: &[], renamed: &[], renamed_until: "" };
//! let text = r#"
//! about = "A client comes and goes."
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
pub use self::fault::{Call, CallSide, Fault, NoRatio, Odds, Ratio, StoreFault, Weights};
pub use self::find::{Found, find};
pub use self::invariant::{InvariantNames, Warning};
pub use self::step::table::{self, Word};
pub use self::step::{
    Action, ConnectionStep, Jump, Mentions, OnDisconnect, PROCESS, Presence, ProcessStep, Prompt, RequestStep,
    ResumeTarget, ResumeWish, SocketStep, Start, Step,
};

/// What happens in a run, and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The file's stem; also the stem of its snapshot.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// One sentence: what the scenario shows.
    pub about: String,
    /// What it belongs to: public issues as `project#number`, defects of the catalogue as `S1`.
    pub issues: Vec<String>,
    /// The releases it runs against, in the order of the file. Left out: `current` alone.
    pub releases: Vec<Release>,
    /// Where the ids come from; the strategy has a seed of its own. Left out: 0.
    pub seed: u64,
    /// The end of the script's time. Left out: [`Scenario::default_until`].
    pub until: Millis,
    /// The gateway's settings.
    pub gateway: Config,
    /// Single fields of the release's behaviour that are set otherwise: `group.field` and alternative.
    pub behavior: Vec<(String, String)>,
    /// Between the clients and the gateway.
    pub network: Network,
    /// Between the gateway and its database.
    pub store: StoreSettings,
    /// How long the race windows of old releases stay open. Left out: only for who is ready at that instant.
    pub windows: BTreeMap<Window, Latency>,
    /// How the agent comes to be.
    pub agent: AgentSettings,
    /// What the agent does, by the name that a prompt gives.
    pub turns: BTreeMap<String, TurnScript>,
    /// The script, in order of time; steps of the same instant stay in the order of the file.
    pub steps: Vec<Step>,
    /// How a run is to end, for the releases where the file says so.
    pub expect: BTreeMap<Release, Expected>,
    /// The choices of the run that the file means, for the releases where they are not the first ones.
    pub tapes: BTreeMap<Release, Tape>,
}

/// How long something takes: drawn between two bounds, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// At least.
    pub min: Millis,
    /// At most.
    pub max: Millis,
}

/// The `[network]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// How long a frame is on its way, in either direction. Left out: no time.
    pub latency: Latency,
    /// How many frames a connection holds that its client has not taken. Left out: 64.
    pub buffer: NonZeroU32,
}

impl Default for Network {
    fn default() -> Self {
        Self { latency: Latency::default(), buffer: const { NonZeroU32::new(64).expect("it is not zero") } }
    }
}

/// The `[store]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreSettings {
    /// From the call to the commit. Left out: no time.
    pub before_commit: Latency,
    /// From the commit to the answer. Left out: no time.
    pub after_commit: Latency,
    /// From the look at the rows to the answer, which is old by then. Left out: no time.
    pub after_lookup: Latency,
    /// Which calls fail. Of those that hit one call, the first in the file counts.
    pub faults: Vec<StoreFault>,
    /// How often any other call fails.
    pub odds: Odds,
}

/// The `[agent]` table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentSettings {
    /// How long an agent takes to build. Left out: no time.
    pub build: Millis,
    /// How long the first agent of the run takes to build. Left out: as the others.
    pub first_build: Option<Millis>,
    /// How many of the first builds fail. Left out: none.
    pub failures: u32,
    /// How long a summary takes that a client asks for with `session.compress`. Left out: no time.
    pub summary: Millis,
}

/// How a run is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// With this outcome.
    Outcome(ExpectedOutcome),
    /// With a violation of each of these invariants.
    Violates(Vec<String>),
}

/// An outcome that a file can expect. A violation is expected by the invariant's name, with `violates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedOutcome {
    /// Nothing was found.
    Passed,
    /// The gateway panicked.
    Panicked,
    /// Something was left at the end.
    NotAtRest,
    /// The run reached a limit.
    Limit,
}

impl Scenario {
    /// The schedule that the file means for a release: its tape, or the first of all alternatives.
    pub fn schedule(&self, release: Release) -> Replay {
        Replay::new(self.tapes.get(&release).cloned().unwrap_or_default())
    }

    /// Reads the text of a scenario file, which may expect violations of the invariants in `names`.
    pub fn parse(path: &Path, text: &str, names: &InvariantNames) -> Result<Self, ScenarioError> {
        let (scenario, _) = check::scenario(&error::Source { path, text }, names)?;
        Ok(scenario)
    }

    /// Reads a scenario file, which may expect violations of the invariants in `names`.
    pub fn load(path: &Path, names: &InvariantNames) -> Result<Self, ScenarioError> {
        let (scenario, _) = Self::load_with_warnings(path, names)?;
        Ok(scenario)
    }

    /// Reads a scenario file, and lists the words in it that a later version will not accept: one warning for each
    /// word, at the first place where it stands.
    pub fn load_with_warnings(path: &Path, names: &InvariantNames) -> Result<(Self, Vec<Warning>), ScenarioError> {
        let bytes = fs::read(path).map_err(|error| ScenarioError::unreadable(path, &error))?;
        match str::from_utf8(&bytes) {
            Ok(text) => check::scenario(&error::Source { path, text }, names),
            Err(error) => Err(ScenarioError::not_text(path, &bytes, error.valid_up_to())),
        }
    }

    /// Those who act, beside what happens to the gateway itself.
    pub fn clients(&self) -> BTreeSet<&str> {
        self.steps.iter().map(|step| step.client.as_str()).filter(|client| *client != PROCESS).collect()
    }

    /// The end of the script's time when the file gives none: the last step, and then the length of every turn that
    /// a prompt names, one after the other, and three times the grace.
    pub fn default_until(&self) -> Millis {
        let last_step = self.steps.iter().map(|step| step.at).max().unwrap_or_default();
        let turns = self.steps.iter().filter_map(|step| self.turns.get(step.action.turn()?));
        turns.fold(last_step + self.gateway.orphan_grace.times(3), |sum, turn| sum + turn.length())
    }
}

impl ExpectedOutcome {
    /// How `outcome` calls it.
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
    /// Always the same.
    pub const fn fixed(length: Millis) -> Self {
        Self { min: length, max: length }
    }
}
