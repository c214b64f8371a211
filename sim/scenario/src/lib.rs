//! A scenario: one file, one story, the input of a run and the form in which a found failure is kept.
//!
//! In the order a file goes through them: [`find()`] lists the files, `parse` reads TOML into values that remember
//! where they stood, `step` turns the flat table of a step into an [`Action`], `check` looks across steps, and
//! `print` writes a scenario as the file it would be read from. What is wrong with a file is a [`ScenarioError`].
//!
//! ```
//! use std::path::Path;
//! use sim_scenario::InvariantNames;
//! use sim_scenario::{Action, Scenario};
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
//! assert_eq!(scenario.steps[0].action, Action::Connect);
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
mod step;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use gateway_core::agent::script::TurnScript;
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::lifecycle::process::Signal;
use gateway_core::release::Release;
use gateway_core::spawn::Window;
use serde::Deserialize;

use interleaving::strategy::Replay;
use interleaving::tape::Tape;

pub use self::error::ScenarioError;
pub use self::fault::{Call, CallSide, Fault, NoRatio, Odds, Ratio, StoreFault, Weights};
pub use self::find::{Found, find};
pub use self::invariant::{InvariantNames, Warning};

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

/// One line of the script.
#[derive(Clone, Debug, Eq)]
pub struct Step {
    /// When, from the start of the run.
    pub at: Millis,
    /// Who acts; [`PROCESS`] for a step that happens to the gateway itself.
    pub client: String,
    /// What is done.
    pub action: Action,
    /// The line of the file on which the step begins; 0 for a step that stands in no file.
    pub line: usize,
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `connect`: opens a connection.
    Connect,
    /// `close`: ends the connection in order.
    Close,
    /// `drop`: the connection dies without a close frame.
    Drop,
    /// `stall`: the client takes nothing more of what is sent to it.
    Stall,
    /// `unstall`: it takes what is sent to it again, beginning with what has waited.
    Unstall,
    /// `lag`: from here on each frame of this connection takes so long, in either direction.
    Lag {
        /// Key `takes`: how long.
        takes: Millis,
    },
    /// `cut`: nothing gets through in either direction, and neither end is told.
    Cut,
    /// `mend`: what has waited gets through.
    Mend,
    /// `vanish`: the client is gone, and the gateway is not told.
    Vanish {
        /// Key `takes`: how long it takes the gateway's machine to find out. Left out: until the script is over.
        takes: Option<Millis>,
    },
    /// `resend`: the requests again that had no answer when the connection before this one ended.
    Resend,
    /// `session.create`
    Create {
        /// Key `as`: what the script calls the session from here on.
        name: String,
        /// The title to ask for.
        title: Option<String>,
        /// What becomes of it when its connection ends.
        on_disconnect: OnDisconnect,
        /// Keys `source`, `parent` and `seed`: what it starts with.
        start: Start,
    },
    /// `prompt.submit`
    Prompt {
        /// To which session.
        session: String,
        /// What is asked.
        prompt: Prompt,
        /// Key `truncate`: the number of the user's message that it replaces, with all that followed it.
        truncate: Option<i64>,
    },
    /// `session.resume`
    Resume {
        /// Which session.
        session: String,
        /// Key `id`: by which of its ids.
        target: ResumeTarget,
        /// Key `as`: a name of its own for the session that answers.
        name: Option<String>,
        /// Keys `lazy` and `eager_build`: what the client wants with it.
        wish: ResumeWish,
    },
    /// `session.activate`
    Activate {
        /// Which session.
        session: String,
    },
    /// `session.close`
    CloseSession {
        /// Which session.
        session: String,
    },
    /// `session.interrupt`
    Interrupt {
        /// Which session.
        session: String,
    },
    /// `session.title`: asks for the title, or gives one.
    Title {
        /// Which session.
        session: String,
        /// The title to give.
        title: Option<String>,
    },
    /// `session.history`
    History {
        /// Which session.
        session: String,
    },
    /// `session.undo`
    Undo {
        /// Which session.
        session: String,
    },
    /// `session.steer`
    Steer {
        /// Which session.
        session: String,
        /// What its turn is told.
        text: String,
    },
    /// `session.compress`
    Compress {
        /// Which session.
        session: String,
    },
    /// `session.branch`
    Branch {
        /// Which session.
        session: String,
        /// Key `as`: what the script calls the branch.
        name: String,
    },
    /// `session.delete`
    Delete {
        /// Which session.
        session: String,
        /// Key `id`: by which of its ids.
        target: ResumeTarget,
    },
    /// `session.most_recent`
    MostRecent,
    /// `session.active_list`
    ActiveList,
    /// `session.list`
    List,
    /// `gateway.kill`: memory, timers and writes under way are gone; what was committed stays.
    Kill,
    /// `gateway.signal`: the gateway is asked to end.
    Signal {
        /// Which signal.
        signal: Signal,
    },
    /// `gateway.restart`: a new process on the same database.
    Restart,
    /// `cli.new`: another program on the same database leaves the session for a new one, says something there, and ends
    /// it.
    CliNew {
        /// Which session.
        session: String,
    },
    /// `gateway.scan_idle`: the idle reaper scans now.
    ScanIdle,
    /// `machine.suspend`: the machine sleeps, and wakes at once as far as uptime knows; wall time has moved on.
    Suspend {
        /// How far wall time moves.
        length: Millis,
    },
    /// `machine.set_clock`: wall time jumps, uptime goes on.
    SetClock {
        /// How far.
        jump: Jump,
    },
    /// `answer`: the question that the client has last heard from the session.
    Answer {
        /// Of which session.
        session: String,
        /// The answer.
        text: String,
    },
    /// `session.events.since`: what the client has missed since the last event that it saw.
    EventsSince {
        /// Of which session.
        session: String,
    },
}

/// How far wall time jumps, and which way: keys `forward` and `back`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// It is later at once.
    Forward(Millis),
    /// It is earlier again.
    Back(Millis),
}

/// The name under which steps stand that happen to the gateway itself. No client can have it.
pub const PROCESS: &str = "gateway";

/// What becomes of a session when its connection ends: key `close_on_disconnect`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDisconnect {
    /// It is kept for a grace.
    #[default]
    Keep,
    /// It is closed.
    Close,
}

/// What a session starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Which kind of client it belongs to. Left out: what the gateway's setting says.
    pub source: Option<String>,
    /// The session that it is a branch of.
    pub parent: Option<String>,
    /// What was said before: the user's word, the answer, and so on.
    pub seed: Vec<String>,
}

/// What a prompt asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A turn of the file's `[turns]`.
    Turn(String),
    /// Any other text, which the scripted agent answers with itself.
    Text(String),
}

/// The id by which a client resumes or deletes a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResumeTarget {
    /// The id that the client knows.
    #[default]
    Stored,
    /// The id at the tip of the session's lineage, which another client may have moved.
    Tip,
    /// The title of its row. Only a resume looks for titles.
    Title,
}

/// What a client wants that resumes a session: keys `lazy` and `eager_build`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResumeWish {
    /// To go on with it.
    #[default]
    GoOn,
    /// To go on with it, and its agent to be there with the answer.
    GoOnAtOnce,
    /// To look at it.
    Look,
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
        let turns = self.steps.iter().filter_map(|step| match &step.action {
            Action::Prompt { prompt: Prompt::Turn(turn), .. } => self.turns.get(turn),
            _ => None,
        });
        turns.fold(last_step + self.gateway.orphan_grace.times(3), |sum, turn| sum + turn.length())
    }
}

/// Every word that `do` can be.
pub fn words() -> impl Iterator<Item = &'static str> {
    step::Word::ALL.into_iter().map(step::Word::name)
}

/// Two steps are equal when they do the same; where they stand does not count.
impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.client == other.client && self.action == other.action
    }
}

impl Action {
    /// Whether it happens to the gateway itself, and not through a client.
    pub fn is_of_process(&self) -> bool {
        matches!(
            self,
            Self::Kill
                | Self::Signal { .. }
                | Self::Restart
                | Self::CliNew { .. }
                | Self::ScanIdle
                | Self::Suspend { .. }
                | Self::SetClock { .. }
        )
    }

    /// Whether it ends the client's connection.
    pub fn leaves(&self) -> bool {
        matches!(self, Self::Close | Self::Drop | Self::Vanish { .. })
    }

    /// The length of time that it is about.
    pub fn takes(&self) -> Option<Millis> {
        match self {
            Self::Vanish { takes } => *takes,
            Self::Lag { takes: length } | Self::Suspend { length } => Some(*length),
            Self::SetClock { jump: Jump::Forward(length) | Jump::Back(length) } => Some(*length),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn takes_mut(&mut self) -> Option<&mut Millis> {
        match self {
            Self::Vanish { takes } => takes.as_mut(),
            Self::Lag { takes: length } | Self::Suspend { length } => Some(length),
            Self::SetClock { jump: Jump::Forward(length) | Jump::Back(length) } => Some(length),
            _ => None,
        }
    }

    /// The session that the action is about, by its name in the script.
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Prompt { session, .. }
            | Self::Resume { session, .. }
            | Self::Activate { session }
            | Self::CloseSession { session }
            | Self::Interrupt { session }
            | Self::Title { session, .. }
            | Self::History { session }
            | Self::Undo { session }
            | Self::Steer { session, .. }
            | Self::Answer { session, .. }
            | Self::EventsSince { session }
            | Self::Compress { session }
            | Self::Branch { session, .. }
            | Self::CliNew { session }
            | Self::Delete { session, .. } => Some(session),
            _ => None,
        }
    }

    /// Another session that the action has to do with.
    pub fn parent(&self) -> Option<&str> {
        match self {
            Self::Create { start, .. } => start.parent.as_deref(),
            _ => None,
        }
    }

    /// The name that the action gives to a session.
    pub fn names(&self) -> Option<&str> {
        match self {
            Self::Create { name, .. } | Self::Branch { name, .. } => Some(name),
            Self::Resume { name, .. } => name.as_deref(),
            _ => None,
        }
    }

    /// How `do` calls it.
    pub fn word(&self) -> &'static str {
        step::Word::of(self).name()
    }
}

impl Prompt {
    /// What is sent: the scripted agent knows a turn by its name.
    pub fn text(&self) -> &str {
        match self {
            Self::Turn(text) | Self::Text(text) => text,
        }
    }
}

impl ResumeTarget {
    /// How `id` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Tip => "tip",
            Self::Title => "title",
        }
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
