//! The chooser: makes and records every choice of a run.

use std::cell::RefCell;

use crate::footprint::Footprint;
use crate::strategy::{Divergence, Go, ReadyTask, StepStrategy, Strategy};
use crate::tape::{Choice, Tape};

/// Asks a strategy for each choice of a run, and records the answers on a [`Tape`].
///
/// One chooser serves one run. The [pool](crate::Pool) asks it which ready task runs next; the program asks it for
/// every other choice: a latency, a fault, a drawn message.
pub struct Chooser<R> {
    driver: RefCell<Driver<R>>,
    tape: RefCell<Tape>,
    divergence: RefCell<Option<Divergence>>,
}

/// The strategy that decides, by the interface that it implements.
enum Driver<R> {
    Choices(Box<dyn Strategy>),
    Steps(Box<dyn StepStrategy<R>>),
}

impl<R> Chooser<R> {
    /// A chooser whose strategy receives choices only.
    pub fn new(strategy: Box<dyn Strategy>) -> Self {
        Self::by(Driver::Choices(strategy))
    }

    /// A chooser whose strategy also receives each step and its footprint.
    pub fn with_steps(strategy: Box<dyn StepStrategy<R>>) -> Self {
        Self::by(Driver::Steps(strategy))
    }

    fn by(driver: Driver<R>) -> Self {
        Self { driver: RefCell::new(driver), tape: RefCell::default(), divergence: RefCell::default() }
    }

    /// Whether the strategy asks for footprints; the run's [`Footprints`](crate::Footprints) are enabled accordingly.
    pub fn wants_footprints(&self) -> bool {
        matches!(&*self.driver.borrow(), Driver::Steps(_))
    }

    /// Picks one of the alternatives and returns its index. The order of `among` is part of the tape: it must be a function
    /// of the run alone.
    ///
    /// With fewer than two alternatives nothing is asked or recorded, and the result is 0. After a
    /// [divergence](Self::divergence) the result is a valid index without meaning.
    ///
    /// # Panics
    /// When the strategy returns an index that is out of range.
    pub fn choose(&self, site: &str, among: &[&str]) -> usize {
        self.ask(site, among, |strategy| strategy.pick(site, among))
    }

    /// As [`choose`](Self::choose), with unequal probabilities: `weights` has a number for each
    /// alternative, and their sum is not zero.
    ///
    /// # Panics
    /// When the strategy returns an index that is out of range.
    pub fn choose_by_weight(&self, site: &str, among: &[&str], weights: &[u64]) -> usize {
        self.ask(site, among, |strategy| strategy.pick_by_weight(site, among, weights))
    }

    fn ask(
        &self,
        site: &str,
        among: &[&str],
        pick: impl FnOnce(&mut dyn Strategy) -> Result<usize, Divergence>,
    ) -> usize {
        if among.len() < 2 {
            return 0;
        }
        let pick = match pick(self.driver.borrow_mut().strategy()) {
            Ok(pick) => pick,
            Err(divergence) => {
                // The driver of the run checks for a divergence after each step. Until then the first alternative is harmless.
                self.divergence.borrow_mut().get_or_insert(divergence);
                0
            }
        };
        assert!(pick < among.len(), "a strategy picks one of the alternatives");
        let among = among.iter().map(|label| (*label).to_owned()).collect();
        self.tape.borrow_mut().choices.push(Choice { site: site.to_owned(), among, pick });
        pick
    }

    /// Ends the run. A strategy with unused choices diverges. Call it once, when no task is ready and no sleep is armed.
    pub fn finish(&self) {
        if let Some(left) = self.driver.borrow_mut().strategy().left() {
            self.divergence.borrow_mut().get_or_insert(left);
        }
    }

    /// The first choice at which the strategy could not follow the run; `None` while it can.
    pub fn divergence(&self) -> Option<Divergence> {
        self.divergence.borrow().clone()
    }

    /// The number of choices so far.
    pub fn choices(&self) -> usize {
        self.tape.borrow().choices.len()
    }

    /// Takes the choices so far and leaves an empty tape.
    pub fn take_tape(&self) -> Tape {
        std::mem::take(&mut *self.tape.borrow_mut())
    }

    /// Called before one of these tasks is polled. `ready` is evaluated only for a strategy that receives steps.
    pub(crate) fn before_step(&self, ready: impl FnOnce() -> Vec<ReadyTask>) -> Go {
        match &mut *self.driver.borrow_mut() {
            Driver::Choices(_) => Go::On,
            Driver::Steps(strategy) => strategy.before_step(&ready()),
        }
    }

    /// Called after a step, with its footprint.
    pub(crate) fn after_step(&self, footprint: Footprint<R>) {
        if let Driver::Steps(strategy) = &mut *self.driver.borrow_mut() {
            strategy.after_step(footprint);
        }
    }
}

impl<R> Driver<R> {
    fn strategy(&mut self) -> &mut dyn Strategy {
        match self {
            Self::Choices(strategy) => &mut **strategy,
            Self::Steps(strategy) => &mut **strategy,
        }
    }
}
