//! How choices are made: which of the ready tasks runs, which latency a frame has, whether a fault strikes.
//!
//! One trait, [`Strategy`], used by every command. A [`Plan`] is a strategy that a user can name; given a seed and the
//! [`Profile`] of an earlier run of the scenario it becomes one. The strategies, the plain ones first:
//!
//! | name | what it does | where from |
//! | --- | --- | --- |
//! | `fifo` | the first alternative: the scripted schedule | |
//! | `random` | each alternative as likely as any other | |
//! | `urw` | each task as likely as it has work left, which samples whole orders evenly | selectively uniform walks |
//! | `pct` | random priorities that change at `depth - 1` places: finds any bug of that depth with a known chance | Burckhardt et al. 2010 |
//! | `delay` | the scripted schedule, but a few times the task whose turn it is has to wait | Emmi et al. 2011 |
//! | `portfolio` | one of these, by the seed | |

mod delay;
mod follow;
mod pct;
mod plan;
mod replay;
mod urw;

pub use delay::Delay;
pub use follow::Follow;
pub use pct::Pct;
pub use plan::{Plan, Profile};
pub use replay::{Divergence, Replay};
pub use urw::Urw;

use std::rc::Rc;

use crate::footprint::Footprint;
use crate::prng::Prng;

/// The site of a choice among tasks that are ready. Every other site chooses a latency or a fault.
pub const READY: &str = "ready";

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

    /// Whether it wants [`turn`](Self::turn) and [`ran`](Self::ran) to be called.
    fn wants_footprints(&self) -> bool {
        false
    }

    /// One of the `ready` tasks is about to get its turn, also if there is only one: whether the run is to go on.
    fn turn(&mut self, ready: &[Rc<str>]) -> Go {
        let _ = ready;
        Go::On
    }

    /// That turn is over, and this is what it touched.
    fn ran(&mut self, footprint: Footprint) {
        let _ = footprint;
    }

    /// The same as [`pick`](Self::pick) where the alternatives are not equally likely: `weights` has a number for each, and their sum is not
    /// zero. A strategy that does not go by chance need not care.
    fn pick_by_weight(&mut self, site: &str, among: &[&str], weights: &[u64]) -> Result<usize, Divergence> {
        let _ = weights;
        self.pick(site, among)
    }
}

/// Whether a run is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// It is.
    On,
    /// What follows is of no interest.
    LeaveOff,
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
        Ok(self.0.by_weight(weights))
    }
}
