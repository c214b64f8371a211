//! What a strategy can know of a program before its run.

use std::collections::BTreeMap;

use super::READY;
use crate::tape::Tape;

/// The size of a program, measured by an earlier run of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// How many choices among ready tasks the run had.
    pub choices: usize,
    /// How often each task was picked at such a choice, by label.
    pub turns: BTreeMap<String, u64>,
}

impl Profile {
    /// The profile of the run that recorded this tape.
    pub fn of(tape: &Tape) -> Self {
        let mut profile = Self::default();
        for choice in tape.choices.iter().filter(|choice| choice.site == READY) {
            profile.choices += 1;
            *profile.turns.entry(choice.among[choice.pick].clone()).or_default() += 1;
        }
        profile
    }
}
