//! How choices are made: which of the ready tasks runs, which latency a frame has, whether a fault strikes.

mod replay;

pub use replay::{Divergence, Replay};

use crate::prng::Prng;

/// Picks one of several alternatives.
pub trait Strategy {
    /// The place of the pick in `among`, which has at least two labels in their canonical order.
    ///
    /// An error ends the run: only a replay that no longer fits gives one.
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence>;

    /// The same where the alternatives are not equally likely: `weights` has a number for each, and their sum is not
    /// zero. A strategy that does not go by chance need not care.
    fn pick_by_weight(&mut self, site: &str, among: &[&str], weights: &[u64]) -> Result<usize, Divergence> {
        let _ = weights;
        self.pick(site, among)
    }
}

/// Always the first: tasks in the order in which they became ready, the shortest latency, no fault.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifo;

/// Each alternative as likely as any other.
#[derive(Clone, Debug)]
pub struct Random(Prng);

impl Random {
    /// The choices of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Prng::stream(seed, "strategy.random"))
    }
}

impl Strategy for Fifo {
    fn pick(&mut self, _site: &str, _among: &[&str]) -> Result<usize, Divergence> {
        Ok(0)
    }
}

impl Strategy for Random {
    fn pick(&mut self, _site: &str, among: &[&str]) -> Result<usize, Divergence> {
        Ok(self.0.below(among.len()))
    }

    fn pick_by_weight(&mut self, _site: &str, _among: &[&str], weights: &[u64]) -> Result<usize, Divergence> {
        let mut drawn = self.0.below(weights.iter().sum::<u64>() as usize) as u64;
        let picked = weights.iter().position(|weight| {
            let picked = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            picked
        });
        Ok(picked.expect("what is drawn is less than the sum"))
    }
}
