//! Probabilistic concurrency testing: random priorities that are strictly obeyed and change at a few random places.
//!
//! One run finds a bug that needs `d` events in a certain order with a probability of at least `1 / (n k^(d-1))`, for `n`
//! tasks and `k` choices (Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic
//! Guarantees of Finding Bugs, 2010).

use std::collections::{BTreeMap, BTreeSet};

use super::{Divergence, Profile, READY, Strategy};
use crate::prng::Prng;

/// Picks the ready task with the highest priority.
#[derive(Clone, Debug)]
pub struct Pct {
    prng: Prng,
    /// The priority of each task, by label; the highest runs. Drawn at the first choice that offers the task.
    priorities: BTreeMap<String, u64>,
    /// The choices among ready tasks, counted from 0, after which the picked task gets the lowest priority.
    changes: BTreeSet<usize>,
    /// The number of choices among ready tasks so far.
    seen: usize,
    /// The next lowest priority: below any drawn priority, and decreasing with each change.
    lowest: u64,
}

impl Pct {
    /// The strategy of a seed, with `depth - 1` changes of priority among the first `profile.choices` choices. A depth of 0
    /// is treated as 1: no change.
    pub fn new(seed: u64, depth: usize, profile: &Profile) -> Self {
        let mut prng = Prng::stream(seed, "strategy.pct");
        let changes = (1..depth).map(|_| prng.below(profile.choices.max(1))).collect();
        Self { prng, priorities: BTreeMap::new(), changes, seen: 0, lowest: u64::from(u32::MAX) }
    }

    fn priority(&mut self, label: &str) -> u64 {
        if let Some(priority) = self.priorities.get(label) {
            return *priority;
        }
        let drawn = self.prng.draw() | 1 << 63;
        self.priorities.insert(label.to_owned(), drawn);
        drawn
    }
}

impl Strategy for Pct {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        if site != READY {
            return Ok(self.prng.below(among.len()));
        }
        let priorities: Vec<u64> = among.iter().map(|label| self.priority(label)).collect();
        let highest = priorities.iter().max().expect("a choice has alternatives");
        let pick = priorities.iter().position(|priority| priority == highest).expect("the highest is one of them");
        if self.changes.contains(&self.seen) {
            self.lowest -= 1;
            self.priorities.insert(among[pick].to_owned(), self.lowest);
        }
        self.seen += 1;
        Ok(pick)
    }

    fn pick_by_weight(&mut self, _site: &str, _among: &[&str], weights: &[u64]) -> Result<usize, Divergence> {
        Ok(self.prng.by_weight(weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a change of priority the same task is picked each time; at a change it gets the lowest priority.
    #[test]
    fn priorities_hold_until_a_change() {
        let profile = Profile { choices: 4, picks: BTreeMap::new() };
        for seed in 0..20 {
            let mut steady = Pct::new(seed, 1, &profile);
            let picks: BTreeSet<usize> =
                (0..8).map(|_| steady.pick(READY, &["a", "b", "c"]).expect("a pick")).collect();
            assert_eq!(picks.len(), 1, "seed {seed}");
            let mut changing = Pct::new(seed, 2, &profile);
            let picks: Vec<usize> = (0..8).map(|_| changing.pick(READY, &["a", "b"]).expect("a pick")).collect();
            assert_ne!(picks[0], picks[7], "seed {seed}: {picks:?}");
        }
    }
}
