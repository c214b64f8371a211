//! The end of a run that a file expects, and what it means if the run leaves out a part of the file.

use schemars::JsonSchema;
use serde::Deserialize;

/// The expected end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The run ends with this outcome.
    Outcome(ExpectedOutcome),
    /// The run violates each of these invariants.
    Violates(Vec<String>),
}

/// An outcome that a file can expect. A violation is expected by the invariant's name, with `violates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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

/// What it means if a part of the script has no effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSkip {
    /// The run did not play the story of its file: a `story` failure.
    #[default]
    Fails,
    /// The file says `may_skip = true`.
    Allowed,
}

impl OnSkip {
    /// The meaning of the key `may_skip`.
    pub const fn of(may_skip: bool) -> Self {
        if may_skip { Self::Allowed } else { Self::Fails }
    }
}
