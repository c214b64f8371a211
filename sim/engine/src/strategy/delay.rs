//! Bounded delays: the first alternative, except that a few times the task that would go first has to let others go first.
//!
//! Most ordering bugs need one or two such delays (Emmi, Qadeer, Rakamarić: Delay-Bounded Scheduling, 2011), and the
//! schedule of a failure that is found in this way departs little from the first alternatives.

use std::collections::{BTreeMap, BTreeSet};

use super::{Divergence, Profile, READY, Strategy};
use crate::prng::Prng;

/// Picks the first task that is not delayed. At a few random choices that task is delayed and the next one is picked.
#[derive(Clone, Debug)]
pub struct Delay {
    prng: Prng,
    /// The choices among ready tasks, counted from 0, at which a task is delayed.
    places: BTreeSet<usize>,
    /// The number of choices among ready tasks so far.
    seen: usize,
    /// The number of further choices for which each delayed task waits, by label.
    delayed: BTreeMap<String, usize>,
}

/// The longest delay, in choices: long enough for another task to complete a whole request.
const LONGEST: usize = 12;

impl Delay {
    /// The strategy of a seed, with at most `bound` delays among the first `profile.choices` choices.
    pub fn new(seed: u64, bound: usize, profile: &Profile) -> Self {
        let mut prng = Prng::stream(seed, "strategy.delay");
        let places = (0..bound).map(|_| prng.below(profile.choices.max(1))).collect();
        Self { prng, places, seen: 0, delayed: BTreeMap::new() }
    }
}

impl Strategy for Delay {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        if site != READY {
            return Ok(self.prng.below(among.len()));
        }
        self.delayed.retain(|_, left| {
            *left -= 1;
            *left > 0
        });
        let free = |delayed: &BTreeMap<String, usize>| among.iter().position(|label| !delayed.contains_key(*label));
        let first = free(&self.delayed).unwrap_or(0);
        let delays = self.places.contains(&self.seen);
        self.seen += 1;
        if !delays {
            return Ok(first);
        }
        self.delayed.insert(among[first].to_owned(), 1 + self.prng.below(LONGEST));
        Ok(free(&self.delayed).unwrap_or(0))
    }

    fn pick_by_weight(&mut self, _site: &str, _among: &[&str], weights: &[u64]) -> Result<usize, Divergence> {
        Ok(self.prng.by_weight(weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a bound of 0 every pick is the first; with a bound of 1 some pick is not.
    #[test]
    fn delays_are_bounded() {
        let profile = Profile { choices: 6, picks: BTreeMap::new() };
        let picks = |bound, seed| {
            let mut delay = Delay::new(seed, bound, &profile);
            (0..40).map(|_| delay.pick(READY, &["a", "b", "c"]).expect("a pick")).collect::<Vec<_>>()
        };
        for seed in 0..20 {
            assert!(picks(0, seed).iter().all(|pick| *pick == 0), "seed {seed}");
            let delayed = picks(1, seed).iter().filter(|pick| **pick != 0).count();
            assert!((1..=LONGEST).contains(&delayed), "seed {seed}: {delayed}");
        }
    }
}
