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

    /// At the end of the run: what it did not come to. Only a replay can have something left.
    fn left(&self) -> Option<Divergence> {
        None
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
}
