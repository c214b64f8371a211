//! Uniform random walk: a task is as likely to be next as it has work left.
//!
//! Where one task has ten steps to go and another has one, a fair coin at each choice runs the short one first nearly
//! always. Weighed by what is left, every whole order of the steps is about as likely as any other.

use std::collections::BTreeMap;

use super::{Divergence, Profile, READY, Strategy};
use crate::prng::Prng;

/// Weighs ready tasks by the turns that an earlier run of the scenario gave them.
#[derive(Clone, Debug)]
pub struct Urw {
    prng: Prng,
    /// Turns that are left, by task. A task that the earlier run did not have counts as one.
    left: BTreeMap<String, u64>,
}

impl Urw {
    /// The choices of a seed, with the weights of `profile`.
    pub fn new(seed: u64, profile: &Profile) -> Self {
        Self { prng: Prng::stream(seed, "strategy.urw"), left: profile.turns.clone() }
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

    /// A task with nine turns left is picked about nine times as often as one with a single turn.
    #[test]
    fn who_has_more_to_do_is_picked_more_often() {
        let profile = Profile { choices: 10, turns: [("long".to_owned(), 9), ("short".to_owned(), 1)].into() };
        let first = |seed| Urw::new(seed, &profile).pick(READY, &["short", "long"]).expect("it never diverges");
        let longs: usize = (0..1000).map(first).sum();
        assert!((850..950).contains(&longs), "{longs} of 1000");
    }
}
