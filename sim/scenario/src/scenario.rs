//! A scenario: the value that a file holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gateway_core::agent::script::TurnScript;
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::release::Release;
use gateway_core::spawn::Window;
use interleaving::strategy::Replay;
use interleaving::tape::Tape;

use super::expected::Expected;
use super::fact::ExpectedFact;
use super::rows::InitialSession;
use super::settings::{AgentSettings, Latency, NetworkSettings, StoreSettings};
use super::step::{OnSkip, PROCESS, Step};

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
    /// The rows that the database holds before the gateway starts, parents before their children.
    pub rows: Vec<InitialSession>,
    /// The turns of the scripted agent, by the text of the prompt that starts them.
    pub turns: BTreeMap<String, TurnScript>,
    /// The script, sorted by time. Steps of the same instant keep the order of the file.
    pub steps: Vec<Step>,
    /// The expected end of a run, for the releases for which the file states one.
    pub expect: BTreeMap<Release, Expected>,
    /// The facts that the author expects of rows, frames and memory, in the order of the file.
    pub facts: Vec<ExpectedFact>,
    /// What it means if a step, a fault or a window of the file has no effect: key `may_skip` at the top of the file.
    pub on_skip: OnSkip,
    /// The recorded choices of the run, for the releases for which they are not all the first alternative.
    pub tapes: BTreeMap<Release, Tape>,
}

impl Scenario {
    /// The strategy that replays the file's tape for a release, or takes every first alternative if there is no tape.
    pub fn schedule(&self, release: Release) -> Replay {
        Replay::new(self.tapes.get(&release).cloned().unwrap_or_default())
    }

    /// The facts that are expected of runs under a release.
    pub fn facts_of(&self, release: Release) -> impl Iterator<Item = &ExpectedFact> {
        self.facts.iter().filter(move |fact| fact.is_of(release))
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
