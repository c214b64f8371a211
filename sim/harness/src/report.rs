//! The result of a run.

use std::fmt;

use gateway_core::clock::Uptime;
use gateway_core::release::Release;
use serde::Serialize;

use crate::claim::Violation;
use crate::counts::Counts;
use crate::coverage::Coverage;
use crate::fact::UnmetFact;
use crate::history::History;
use crate::rows::RowSet;
use crate::story::Skipped;
use crate::trace::Trace;
pub use crate::trace::{Instant, NotedLoss, PlayedStep, StepEffect, StoreCall};
use interleaving::tape::Tape;
use sim_scenario::ExpectedOutcome;

/// The result of one run of one scenario under one release.
pub struct Report {
    /// The scenario's path as it was given.
    pub scenario: String,
    /// The release that ran.
    pub release: Release,
    /// The outcome as one word; `violations` and `detail` explain it.
    pub outcome: Outcome,
    /// The cause where it is not a violation: a panic's message, the leftovers at rest, or the limit.
    pub detail: Option<String>,
    /// The violated claims, in order of time.
    pub violations: Vec<Violation>,
    /// The parts of the file that had no effect: those that its author allows, too.
    pub skipped: Vec<Skipped>,
    /// The facts of the file that do not hold.
    pub unmet: Vec<UnmetFact>,
    /// The rows at the end of the script's time, before the heal phase.
    pub rows: RowSet,
    /// What was live at the end of the script's time.
    pub live: Live,
    /// Frames, store calls, connections and steps, in order of time.
    pub trace: Trace,
    /// The changes of sessions and rows, and the violations, in order of time.
    pub history: History,
    /// The steps of the script that were carried out or skipped, in order of time.
    pub played: Vec<PlayedStep>,
    /// The calls of the store that a fault could hit, in their order: all before the heal phase.
    pub calls: Vec<StoreCall>,
    /// The instants at which tasks ran before the heal phase, in order.
    pub instants: Vec<Instant>,
    /// The losses of power, oldest first.
    pub power_losses: Vec<NotedLoss>,
    /// The choices of the run, which replay it.
    pub tape: Tape,
    /// The transitions of sessions and the marks that were reached.
    pub coverage: Coverage,
    /// How often each claim was judged and excused.
    pub counts: Counts,
    /// The duration of the run, heal phase included.
    pub uptime: Uptime,
}

/// The outcome of a run as one word. A violation outranks `NotAtRest`, which outranks a
/// skipped part, a fact that does not hold and a row difference, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All claims held, and the gateway was at rest at the end.
    Passed,
    /// At least one claim did not hold.
    Violated,
    /// A task of the run panicked.
    Panicked,
    /// A task, an armed timer, a session or a turn is left after the heal phase.
    NotAtRest,
    /// The run reached a million events, or the strategy stopped it.
    Limit,
    /// The run did not follow its tape, or two runs of it differ.
    Nondeterministic,
    /// The rows differ from the snapshot.
    RowsDiffer,
    /// A fact that the file expects does not hold.
    FactsDiffer,
    /// A part of the file had no effect, and the file does not allow that.
    Story,
}

/// The numbers of live objects in the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Live {
    /// The number of registered records.
    pub sessions: usize,
    /// The number of armed orphan timers.
    pub timers: usize,
    /// The number of running turns, including those whose record is not registered.
    pub turns: usize,
    /// The number of served connections.
    pub connections: usize,
}

impl Outcome {
    /// Every outcome, in the order of the exit codes.
    pub const ALL: [Self; 9] = [
        Self::Passed,
        Self::Violated,
        Self::Panicked,
        Self::NotAtRest,
        Self::Limit,
        Self::Nondeterministic,
        Self::RowsDiffer,
        Self::FactsDiffer,
        Self::Story,
    ];

    /// What it means for a run whose file does not expect it, in one sentence without a full stop.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Passed => "every run is as its file expects",
            Self::Violated => "an invariant does not hold, or a violation that the file expects does not occur",
            Self::Panicked => "a task panicked",
            Self::NotAtRest => "after the heal phase a task, an armed timer, a session or a turn is left",
            Self::Limit => "the run reached a million events, or the search its bounds",
            Self::Nondeterministic => "a run did not follow its tape, or two runs of it differ",
            Self::RowsDiffer => "the rows differ from the snapshot, or a file below `scenarios/` has no snapshot",
            Self::FactsDiffer => "a fact that the file expects of rows, frames or memory does not hold",
            Self::Story => {
                "a step, a fault or a window of the file had no effect, and it does not say `may_skip = true`"
            }
        }
    }

    /// The word that reports and `expect` of a scenario file use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Violated => "violated",
            Self::Panicked => "panicked",
            Self::NotAtRest => "not_at_rest",
            Self::Limit => "limit",
            Self::Nondeterministic => "nondeterministic",
            Self::RowsDiffer => "rows_differ",
            Self::FactsDiffer => "facts_differ",
            Self::Story => "story",
        }
    }

    /// The exit code of a command whose first unexpected outcome this is.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Violated => 10,
            Self::Panicked => 11,
            Self::NotAtRest => 12,
            Self::Limit => 13,
            Self::Nondeterministic => 14,
            Self::RowsDiffer => 15,
            Self::FactsDiffer => 17,
            Self::Story => 18,
        }
    }
}

impl From<ExpectedOutcome> for Outcome {
    fn from(expected: ExpectedOutcome) -> Self {
        match expected {
            ExpectedOutcome::Passed => Self::Passed,
            ExpectedOutcome::Panicked => Self::Panicked,
            ExpectedOutcome::NotAtRest => Self::NotAtRest,
            ExpectedOutcome::Limit => Self::Limit,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
