//! Guided campaigns: a scenario that reaches something new is kept with its tape, and later scenarios are
//! mutations of it.
//!
//! The corpus is updated only after a round, a fixed number of units. So a unit depends on its number and on earlier
//! rounds, and not on the speed of threads.

use std::collections::BTreeSet;

use super::{Campaign, Origin};
use crate::generate::mutate;
use interleaving::prng::Prng;
use interleaving::tape::Tape;
use sim_harness::coverage::{Coverage, Edge};
use sim_harness::report::{Outcome, Report};
use sim_scenario::Scenario;

/// The number of units of a round, which share no results.
const ROUND: usize = 64;

/// Whether later scenarios are mutations of earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Every scenario is generated; no run influences later ones.
    #[default]
    Blind,
    /// Some are mutations of the corpus; their share grows with their yield.
    Guided,
}

/// A run that reached something new.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The scenario of the run.
    pub scenario: Scenario,
    /// The tape of the run.
    pub tape: Tape,
    edges: BTreeSet<Edge>,
    origin: Origin,
}

/// The corpus, and everything that it has reached.
#[derive(Clone, Debug)]
pub struct Corpus {
    kept: Vec<Kept>,
    reached: BTreeSet<Edge>,
    /// The share of units on mutated scenarios, out of [`WHOLE`].
    share: usize,
    /// The yield of either kind, with recent rounds weighted more.
    worth: Worth,
}

#[derive(Clone, Copy, Debug, Default)]
struct Worth {
    generated: usize,
    mutated: usize,
}

/// The denominator of the share. Neither kind gets less than an eighth, because yields change.
const WHOLE: usize = 16;
const LEAST: usize = 2;

impl Default for Corpus {
    fn default() -> Self {
        Self { kept: Vec::new(), reached: BTreeSet::new(), share: LEAST, worth: Worth::default() }
    }
}

impl Corpus {
    /// Merges the results of a round in the order of its units, without those that earlier units of the round have reached.
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
        // New edges per unit of the kind, in hundredths, so that a kind with few units is not underrated.
        let generated = self.worth.generated / 2 + found.generated * 100 / (WHOLE - self.share);
        let mutated = self.worth.mutated / 2 + found.mutated * 100 / self.share;
        self.worth = Worth { generated, mutated };
        let share = (WHOLE * mutated).checked_div(generated + mutated).unwrap_or(WHOLE / 2);
        self.share = share.clamp(LEAST, WHOLE - LEAST);
    }

    /// Returns the run if it reached something that neither the corpus nor its own unit has.
    pub(super) fn keep(
        &self,
        of_unit: &Coverage,
        scenario: &Scenario,
        origin: Origin,
        report: &Report,
    ) -> Option<Kept> {
        // Runs that panic or do not end are findings, not corpus entries.
        if !matches!(report.outcome, Outcome::Passed | Outcome::Violated) {
            return None;
        }
        let known = |edge: &&Edge| !self.reached.contains(edge) && !of_unit.edges().contains_key(edge);
        let edges: BTreeSet<Edge> = report.coverage.edges().keys().filter(known).cloned().collect();
        (!edges.is_empty()).then(|| Kept { scenario: scenario.clone(), tape: report.tape.clone(), edges, origin })
    }
}

impl Campaign {
    /// The units of the next round, whose results are merged before the round after.
    pub fn rounds<'a>(&self, units: &'a [u64]) -> std::slice::Chunks<'a, u64> {
        match self.mode {
            Mode::Blind => units.chunks(units.len().max(1)),
            Mode::Guided => units.chunks(ROUND),
        }
    }

    /// The corpus entry that a unit mutates, or `None` for a generated scenario.
    pub(super) fn parent<'a>(&self, unit: u64, corpus: &'a Corpus) -> Option<&'a Kept> {
        let mut prng = Prng::stream(self.scenario_seed(unit), "fuzz.parent");
        let is_new = self.mode == Mode::Blind || corpus.kept.is_empty() || !prng.hits(corpus.share, WHOLE);
        (!is_new).then(|| prng.one(&corpus.kept))
    }

    pub(super) fn child(&self, unit: u64, kept: &Kept) -> Scenario {
        self.under_test(mutate(&kept.scenario, self.scenario_seed(unit)))
    }
}
