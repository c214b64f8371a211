//! Where choices are made and put on the tape.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::footprint::Footprint;
use crate::strategy::{Divergence, Go, Strategy};
use crate::tape::{Choice, Tape};

/// Asks a strategy, and records what it says.
pub(crate) struct Chooser {
    strategy: RefCell<Box<dyn Strategy>>,
    tape: RefCell<Tape>,
    divergence: RefCell<Option<Divergence>>,
    faults: Cell<Faults>,
}

/// Whether choices beyond the ready order are made at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Faults {
    /// The hurt phase: latencies are chosen, faults may strike.
    On,
    /// The heal phase: everything takes its least time.
    Off,
}

impl Chooser {
    pub(crate) fn new(strategy: Box<dyn Strategy>) -> Self {
        Self {
            strategy: RefCell::new(strategy),
            tape: RefCell::default(),
            divergence: RefCell::default(),
            faults: Cell::new(Faults::On),
        }
    }

    /// Whether the strategy wants to know what steps touch.
    pub(crate) fn wants_footprints(&self) -> bool {
        self.strategy.borrow().wants_footprints()
    }

    /// One of these tasks is about to get its turn.
    pub(crate) fn turn(&self, ready: &[Rc<str>]) -> Go {
        self.strategy.borrow_mut().turn(ready)
    }

    /// The turn is over, and this is what it touched.
    pub(crate) fn ran(&self, footprint: Footprint) {
        self.strategy.borrow_mut().ran(footprint);
    }

    /// The place of the pick. One alternative is no choice and is not recorded.
    pub(crate) fn choose(&self, site: &str, among: &[&str]) -> usize {
        self.ask(site, among, |strategy| strategy.pick(site, among))
    }

    /// The same, where some alternatives are rarer than others.
    pub(crate) fn choose_by_weight(&self, site: &str, among: &[&str], weights: &[u64]) -> usize {
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
        let pick = match pick(&mut **self.strategy.borrow_mut()) {
            Ok(pick) => pick,
            Err(divergence) => {
                // The run ends at the next look; until then the first alternative does no harm.
                self.divergence.borrow_mut().get_or_insert(divergence);
                0
            }
        };
        assert!(pick < among.len(), "a strategy picks one of the alternatives");
        let among = among.iter().map(|label| (*label).to_owned()).collect();
        self.tape.borrow_mut().choices.push(Choice { site: site.to_owned(), among, pick });
        pick
    }

    pub(crate) fn faults(&self) -> Faults {
        self.faults.get()
    }

    pub(crate) fn heal(&self) {
        self.faults.set(Faults::Off);
    }

    /// The run is over: whether its strategy had more in mind.
    pub(crate) fn finish(&self) {
        if let Some(left) = self.strategy.borrow().left() {
            self.divergence.borrow_mut().get_or_insert(left);
        }
    }

    pub(crate) fn divergence(&self) -> Option<Divergence> {
        self.divergence.borrow().clone()
    }

    pub(crate) fn take_tape(&self) -> Tape {
        std::mem::take(&mut *self.tape.borrow_mut())
    }
}
