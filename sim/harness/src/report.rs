//! What came of a run.

use std::fmt;

use gateway_core::clock::Uptime;
use gateway_core::release::Release;
use serde::Serialize;

use crate::claim::Violation;
use crate::coverage::Coverage;
use crate::history::History;
use crate::rows::RowSet;
use crate::trace::Trace;
use interleaving::tape::Tape;
use sim_scenario::ExpectedOutcome;

/// What came of one run of one scenario under one release.
pub struct Report {
    /// The scenario's path as it was given.
    pub scenario: String,
    /// The release.
    pub release: Release,
    /// What came of it, in a word.
    pub outcome: Outcome,
    /// Why, where `violations` do not say it: a panic's message, what is left at rest, which limit.
    pub detail: Option<String>,
    /// The claims that did not hold, in order of time.
    pub violations: Vec<Violation>,
    /// The rows at the end of the script's time, before the heal phase.
    pub rows: RowSet,
    /// What was live at that time.
    pub live: Live,
    /// What happened.
    pub trace: Trace,
    /// What became of sessions and rows meanwhile.
    pub history: History,
    /// The choices that were made.
    pub tape: Tape,
    /// Which transitions sessions made, and which marks were reached.
    pub coverage: Coverage,
    /// How long the run lasted, heal phase included.
    pub uptime: Uptime,
}

/// What came of a run, in a word. A violation outranks *not at rest*, which outranks a row difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All claims held, and nothing was left at rest.
    Passed,
    /// A claim did not hold.
    Violated,
    /// A task panicked.
    Panicked,
    /// After the heal phase something was left that nobody owns.
    NotAtRest,
    /// The run reached a limit.
    Limit,
    /// The run did not follow its tape, or two runs of it differ.
    Nondeterministic,
    /// The rows are not those of the snapshot.
    RowsDiffer,
}

/// What is live in the gateway and around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Live {
    /// Registered records.
    pub sessions: usize,
    /// Armed orphan timers.
    pub timers: usize,
    /// Turns that run, also those whose session is gone.
    pub turns: usize,
    /// Connections that are served.
    pub connections: usize,
}

impl Outcome {
    /// Every outcome, in the order of the exit codes.
    pub const ALL: [Self; 7] = [
        Self::Passed,
        Self::Violated,
        Self::Panicked,
        Self::NotAtRest,
        Self::Limit,
        Self::Nondeterministic,
        Self::RowsDiffer,
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
        }
    }

    /// As reports and expectations write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Violated => "violated",
            Self::Panicked => "panicked",
            Self::NotAtRest => "not_at_rest",
            Self::Limit => "limit",
            Self::Nondeterministic => "nondeterministic",
            Self::RowsDiffer => "rows_differ",
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
