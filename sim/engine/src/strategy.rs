//! How choices are made: which ready task runs next, which latency a message has, whether a fault is injected.
//!
//! [`Strategy`] is the whole interface. A [`Plan`] names a strategy; a seed and the [`Profile`] of an earlier run of the
//! same program turn the plan into a strategy. The plans:
//!
//! | name | picks | source |
//! | --- | --- | --- |
//! | `fifo` | the first alternative: tasks in the order in which they became ready | |
//! | `random` | each alternative with the same probability | |
//! | `urw` | each task with a probability proportional to its remaining steps, which samples whole orders evenly | selectively uniform walks |
//! | `pct` | the task with the highest random priority; priorities change at `depth - 1` places. Finds a bug of that depth with a known probability | Burckhardt et al. 2010 |
//! | `delay` | the first alternative, except that a few times the task that would go first has to wait | Emmi et al. 2011 |
//! | `portfolio` | as one of the others, by the seed | |
//!
//! Two more need a tape: [`Replay`] follows it strictly, [`Follow`] where it still fits. [`Search`](crate::Search) goes
//! through all schedules.

mod delay;
mod follow;
mod pct;
mod plan;
mod profile;
mod replay;
mod urw;

pub use delay::Delay;
pub use follow::Follow;
pub use pct::Pct;
pub use plan::{Plan, UnknownPlan};
pub use profile::Profile;
pub use replay::{Divergence, Replay};
pub use urw::Urw;

use std::rc::Rc;

use crate::footprint::Footprint;
use crate::prng::Prng;

/// The site of a choice among ready tasks. Every other site is the program's own: a latency, a fault, a value.
pub const READY: &str = "ready";

/// Picks one of several alternatives, for the length of one run.
///
/// # Contract
/// * A strategy is asked only when there are at least two alternatives, so `among` is never empty and never has one label.
/// * It is asked in the order in which the run makes its choices, once for each. With the same answers a deterministic
///   program asks the same questions.
/// * The answer is an index into `among`; anything else panics in the [`Chooser`](crate::Chooser).
/// * The labels at [`READY`] are those of the ready tasks, each once, in the order in which they became ready. At other
///   sites the first label is the one that a run without surprises takes (the shortest latency, no fault).
/// * A strategy that draws random numbers takes them from a stream of its own, so that one draw more in the program does
///   not change the schedule.
pub trait Strategy {
    /// Returns the index of the pick in `among`.
    ///
    /// An error ends the run as diverged. Only a replaying strategy returns an error.
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence>;

    /// As [`pick`](Self::pick), with unequal probabilities: `weights` has a number for each alternative,
    /// and their sum is not zero. The default ignores the weights.
    fn pick_by_weight(&mut self, site: &str, among: &[&str], weights: &[u64]) -> Result<usize, Divergence> {
        let _ = weights;
        self.pick(site, among)
    }

    /// Called at the end of a run: the choice that the strategy still expected. `None` means that the run is complete.
    ///
    /// Only a replaying strategy expects choices.
    fn left(&self) -> Option<Divergence> {
        None
    }
}

/// A strategy that also receives each step of the run with its footprint, including steps without a choice.
///
/// For each step the calls are: [`before_step`](Self::before_step), then [`pick`](Strategy::pick) at [`READY`] if more than
/// one task is ready, then a `pick` for each choice that is made in the step, then [`after_step`](Self::after_step). A step
/// that panics, or after which the run is dropped, has no `after_step`.
pub trait StepStrategy<R>: Strategy {
    /// Called before one of the `ready` tasks is polled. There is at least one, in the order in which they became ready.
    ///
    /// [`Go::LeaveOff`] ends the run before the step.
    fn before_step(&mut self, ready: &[ReadyTask]) -> Go;

    /// Called after the step, with its accesses.
    fn after_step(&mut self, footprint: Footprint<R>);
}

/// A task that can be polled now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyTask {
    /// The task's label, as at [`READY`].
    pub label: Rc<str>,
    /// Whether a search tries it [before other tasks](crate::Task::early).
    pub is_early: bool,
}

/// Whether the run continues with its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// The run continues with its next step.
    On,
    /// The run ends here: other runs cover every continuation.
    LeaveOff,
}

/// Picks the first alternative: tasks in the order in which they became ready, the shortest latency, no fault.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifo;

/// Picks each alternative with the same probability.
#[derive(Clone, Debug)]
pub struct Random(Prng);

impl Random {
    /// The strategy of a seed: equal seeds give equal picks.
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

impl Strategy for Box<dyn Strategy> {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        (**self).pick(site, among)
    }

    fn pick_by_weight(&mut self, site: &str, among: &[&str], weights: &[u64]) -> Result<usize, Divergence> {
        (**self).pick_by_weight(site, among, weights)
    }

    fn left(&self) -> Option<Divergence> {
        (**self).left()
    }
}
