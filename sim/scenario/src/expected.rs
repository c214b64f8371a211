//! The end of a run that a file expects.

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
