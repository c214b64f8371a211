//! Uniform random walk: the probability of a task is proportional to its remaining steps.
//!
//! Where one task has ten steps left and another has one, a fair coin at each choice nearly always runs the short one
//! first. Weights by remaining steps make every order of all steps about equally likely.

use std::collections::BTreeMap;

use super::{Divergence, Profile, READY, Strategy};
use crate::prng::Prng;

/// Weights each ready task by the picks of an earlier run minus the picks of this run.
#[derive(Clone, Debug)]
pub struct Urw {
    prng: Prng,
    /// The remaining picks, by label. A task that the earlier run did not have weighs 1.
    left: BTreeMap<String, u64>,
}

impl Urw {
    /// The strategy of a seed, with the weights of `profile`.
    pub fn new(seed: u64, profile: &Profile) -> Self {
        Self { prng: Prng::stream(seed, "strategy.urw"), left: profile.picks.clone() }
    }

    fn weight(&self, label: &str) -> u64 {
        self.left.get(label).copied().unwrap_or(1).max(1)
    }
}

impl Strategy for Urw {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        if site != READY {
            return Ok(self.prng.below(among.len()));
        }
        let weights: Vec<u64> = among.iter().map(|label| self.weight(label)).collect();
        let pick = self.prng.by_weight(&weights);
        if let Some(left) = self.left.get_mut(among[pick]) {
            *left = left.saturating_sub(1);
        }
        Ok(pick)
    }

    fn pick_by_weight(&mut self, _site: &str, _among: &[&str], weights: &[u64]) -> Result<usize, Divergence> {
        Ok(self.prng.by_weight(weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task with nine picks left is picked about nine times as often as a task with one.
    #[test]
    fn longer_tasks_are_picked_more_often() {
        let profile = Profile { choices: 10, picks: [("long".to_owned(), 9), ("short".to_owned(), 1)].into() };
        let first = |seed| Urw::new(seed, &profile).pick(READY, &["short", "long"]).expect("it never diverges");
        let longs: usize = (0..1000).map(first).sum();
        assert!((850..950).contains(&longs), "{longs} of 1000");
    }
}
