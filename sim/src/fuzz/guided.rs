//! Campaigns that are guided by what they reach: a scenario that took a session somewhere new is kept, with its tape, and
//! later ones are made of it.
//!
//! What is kept is known to all only after a round, a fixed number of units. So what a unit does depends on its number
//! and on the rounds before, and not on who was faster.

use std::collections::BTreeSet;

use super::Campaign;
use crate::coverage::{Coverage, Edge};
use crate::generate::mutate;
use crate::prng::Prng;
use crate::report::{Outcome, Report};
use crate::scenario::Scenario;
use crate::tape::Tape;

/// How many units learn nothing of each other.
const ROUND: usize = 64;

/// Whether later scenarios are made out of earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Each is new.
    #[default]
    Blind,
    /// Half of them are earlier ones that got somewhere new, with some changes.
    Guided,
}

/// A run that got somewhere new.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What was run.
    pub scenario: Scenario,
    /// Its choices.
    pub tape: Tape,
    edges: BTreeSet<Edge>,
}

/// What was kept so far, and all that was reached with it.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    kept: Vec<Kept>,
    reached: BTreeSet<Edge>,
}

impl Corpus {
    /// Takes what a round has kept, in the order of its units; what others of the round have reached before is left out.
    pub fn absorb(&mut self, round: Vec<Kept>) {
        for kept in round {
            if !kept.edges.is_subset(&self.reached) {
                self.reached.extend(kept.edges.iter().cloned());
                self.kept.push(kept);
            }
        }
    }

    /// A run, if it got somewhere that neither the corpus nor its own unit knows.
    pub(super) fn keep(&self, of_unit: &Coverage, scenario: &Scenario, report: &Report) -> Option<Kept> {
        // What panics or goes on for ever is a finding, and nothing to build on.
        if !matches!(report.outcome, Outcome::Passed | Outcome::Violated) {
            return None;
        }
        let known = |edge: &&Edge| !self.reached.contains(edge) && !of_unit.edges().contains_key(edge);
        let edges: BTreeSet<Edge> = report.coverage.edges().keys().filter(known).cloned().collect();
        (!edges.is_empty()).then(|| Kept { scenario: scenario.clone(), tape: report.tape.clone(), edges })
    }
}

impl Campaign {
    /// The units whose results are put together before the next ones begin.
    pub fn rounds<'a>(&self, units: &'a [u64]) -> std::slice::Chunks<'a, u64> {
        match self.mode {
            Mode::Blind => units.chunks(units.len().max(1)),
            Mode::Guided => units.chunks(ROUND),
        }
    }

    /// What the scenario of a unit is made of, if it is not a new one.
    pub(super) fn parent<'a>(&self, unit: u64, corpus: &'a Corpus) -> Option<&'a Kept> {
        let mut prng = Prng::stream(self.scenario_seed(unit), "fuzz.parent");
        let is_new = self.mode == Mode::Blind || corpus.kept.is_empty() || prng.hits(1, 2);
        (!is_new).then(|| prng.one(&corpus.kept))
    }

    pub(super) fn child(&self, unit: u64, kept: &Kept) -> Scenario {
        self.under_test(mutate(&kept.scenario, self.scenario_seed(unit)))
    }
}
