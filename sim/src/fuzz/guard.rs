//! The guard of determinism: some runs are run twice, and must be the same to the byte.

use super::Run;
use crate::report::Report;

/// Which runs of a campaign are run twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// One in twenty.
    #[default]
    Sample,
    /// All.
    All,
    /// None: for measuring.
    Off,
}

/// Two runs of one scenario with the same strategy that were not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The run.
    pub run: Run,
    /// The place of the first entry of the traces that differs, from 1.
    pub entry: usize,
    /// That entry the first time; nothing when the trace was over.
    pub first: Option<String>,
    /// That entry the second time.
    pub second: Option<String>,
}

impl Guard {
    /// Whether this run is run twice.
    pub fn repeats(self, run: u64) -> bool {
        match self {
            Self::Sample => run.is_multiple_of(20),
            Self::All => true,
            Self::Off => false,
        }
    }
}

impl Difference {
    /// The first difference of two runs, if there is one.
    pub(super) fn between(run: Run, first: &Report, second: &Report) -> Option<Self> {
        if first.trace.digest() == second.trace.digest() && first.tape == second.tape {
            return None;
        }
        let (left, right) = (first.trace.entries(), second.trace.entries());
        let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
        let text = |entries: &[crate::trace::Entry]| entries.get(same).map(ToString::to_string);
        Some(Self { run, entry: same + 1, first: text(left), second: text(right) })
    }
}
