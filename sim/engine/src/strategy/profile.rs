//! The profile of a program: measurements of an earlier run, for strategies that need them.

use std::collections::BTreeMap;

use super::READY;
use crate::tape::Tape;

/// The size of a program, measured by an earlier run of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The number of choices among ready tasks in the run.
    pub choices: usize,
    /// The number of times that each task was picked at such a choice, by label.
    pub picks: BTreeMap<String, u64>,
}

impl Profile {
    /// The profile of the run that recorded this tape.
    pub fn of(tape: &Tape) -> Self {
        let mut profile = Self::default();
        for choice in tape.choices.iter().filter(|choice| choice.site == READY) {
            profile.choices += 1;
            *profile.picks.entry(choice.among[choice.pick].clone()).or_default() += 1;
        }
        profile
    }
}
