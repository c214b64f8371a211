//! Campaigns that are guided by what they reach: a scenario that took a session somewhere new is kept, with its tape, and
//! later ones are made of it.
//!
//! What is kept is known to all only after a round, a fixed number of units. So what a unit does depends on its number
//! and on the rounds before, and not on who was faster.

use std::collections::BTreeSet;

use super::{Campaign, Origin};
use crate::generate::mutate;
use interleaving::prng::Prng;
use interleaving::tape::Tape;
use sim_harness::coverage::{Coverage, Edge};
use sim_harness::report::{Outcome, Report};
use sim_scenario::Scenario;

/// How many units learn nothing of each other.
const ROUND: usize = 64;

/// Whether later scenarios are made out of earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Each is new.
    #[default]
    Blind,
    /// Some are earlier ones that got somewhere new, with some changes: the more, the more that has been worth.
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
    origin: Origin,
}

/// What was kept so far, and all that was reached with it.
#[derive(Clone, Debug)]
pub struct Corpus {
    kept: Vec<Kept>,
    reached: BTreeSet<Edge>,
    /// Of so many units so many are on mutated scenarios.
    share: usize,
    /// What scenarios of either kind were worth, the last rounds more than those before.
    worth: Worth,
}

#[derive(Clone, Copy, Debug, Default)]
struct Worth {
    generated: usize,
    mutated: usize,
}

/// The whole of a share. Neither kind ever gets less than an eighth: what is worth something changes.
const WHOLE: usize = 16;
const LEAST: usize = 2;

impl Default for Corpus {
    fn default() -> Self {
        Self { kept: Vec::new(), reached: BTreeSet::new(), share: LEAST, worth: Worth::default() }
    }
}

impl Corpus {
    /// Takes what a round has kept, in the order of its units; what others of the round have reached before is left out.
    pub fn absorb(&mut self, round: Vec<Kept>) {
        let mut found = Worth::default();
        for kept in round {
            let new = kept.edges.difference(&self.reached).count();
            if new > 0 {
                match kept.origin {
                    Origin::Generated => found.generated += new,
                    Origin::Mutated => found.mutated += new,
                }
                self.reached.extend(kept.edges.iter().cloned());
                self.kept.push(kept);
            }
        }
        // Edges for each unit of the kind, in hundredths, so that a kind with few units is not taken for worthless.
        let generated = self.worth.generated / 2 + found.generated * 100 / (WHOLE - self.share);
        let mutated = self.worth.mutated / 2 + found.mutated * 100 / self.share;
        self.worth = Worth { generated, mutated };
        let share = (WHOLE * mutated).checked_div(generated + mutated).unwrap_or(WHOLE / 2);
        self.share = share.clamp(LEAST, WHOLE - LEAST);
    }

    /// A run, if it got somewhere that neither the corpus nor its own unit knows.
    pub(super) fn keep(
        &self,
        of_unit: &Coverage,
        scenario: &Scenario,
        origin: Origin,
        report: &Report,
    ) -> Option<Kept> {
        // What panics or goes on for ever is a finding, and nothing to build on.
        if !matches!(report.outcome, Outcome::Passed | Outcome::Violated) {
            return None;
        }
        let known = |edge: &&Edge| !self.reached.contains(edge) && !of_unit.edges().contains_key(edge);
        let edges: BTreeSet<Edge> = report.coverage.edges().keys().filter(known).cloned().collect();
        (!edges.is_empty()).then(|| Kept { scenario: scenario.clone(), tape: report.tape.clone(), edges, origin })
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
        let is_new = self.mode == Mode::Blind || corpus.kept.is_empty() || !prng.hits(corpus.share, WHOLE);
        (!is_new).then(|| prng.one(&corpus.kept))
    }

    pub(super) fn child(&self, unit: u64, kept: &Kept) -> Scenario {
        self.under_test(mutate(&kept.scenario, self.scenario_seed(unit)))
    }
}
