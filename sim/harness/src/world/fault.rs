//! The faults of the store: which calls fail, by the tables of the scenario or by chance.
//!
//! What strikes is said here; `store` carries it out. In the heal phase nothing strikes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gateway_core::clock::{Millis, Uptime};
use gateway_core::store::{Read, Write};

use super::Stage;
use crate::footprint::Resource;
use crate::world;
use sim_scenario::{Call, Fault, Odds, StoreFault, StoreSettings, Weights};

/// How long another process holds the database when chance says so: longer than a write waits for it.
const HELD: Millis = Millis::from_secs(2);

/// The faults of a run.
pub(crate) struct Faults {
    stage: Rc<Stage>,
    scripted: Vec<StoreFault>,
    /// How many calls each of them has counted.
    counted: RefCell<Vec<u32>>,
    odds: Odds,
    /// Until when another process holds the database.
    held_until: Cell<Uptime>,
    strikes: Cell<u64>,
}

impl Faults {
    pub(crate) fn new(stage: Rc<Stage>, settings: &StoreSettings) -> Self {
        let (scripted, odds) = (settings.faults.clone(), settings.odds);
        let counted = RefCell::new(vec![0; scripted.len()]);
        Self { stage, scripted, counted, odds, held_until: Cell::new(Uptime(0)), strikes: Cell::new(0) }
    }

    /// What befalls a write that is about to be committed. If it is busy, the database is held from now on.
    pub(crate) fn on_write(&self, write: &Write) -> Option<Fault> {
        let Weights { none, busy, error, lost } = self.odds.weights().expect("the odds of a scenario are checked");
        let chances = [
            (None, none),
            (Some(Fault::Busy { lasts: HELD }), busy),
            (Some(Fault::Error), error),
            (Some(Fault::Lost), lost),
        ];
        let fault = self.struck(|call| call.is_write(write), &chances);
        if let Some(Fault::Busy { lasts }) = fault {
            self.held_until.set(self.held_until.get().max(self.stage.now() + lasts));
        }
        fault
    }

    /// Whether a read fails.
    pub(crate) fn on_read(&self, read: &Read) -> Option<Fault> {
        let whole = u64::from(self.odds.error.whole());
        let error = u64::from(self.odds.error.part());
        self.struck(|call| call.is_read(read), &[(None, whole - error), (Some(Fault::Error), error)])
    }

    /// How long a write that comes now has to wait for another process.
    pub(crate) fn held_for(&self) -> Millis {
        let held = self.held_until.get() - self.stage.now();
        if held > Millis::ZERO && self.stage.faults() == world::Faults::On { held } else { Millis::ZERO }
    }

    /// A call was refused, delayed, or lost its answer.
    pub(crate) fn count_strike(&self) {
        self.strikes.set(self.strikes.get() + 1);
    }

    /// How many calls were.
    pub(crate) fn strikes(&self) -> u64 {
        self.strikes.get()
    }

    fn struck(&self, hits: impl Fn(Call) -> bool, chances: &[(Option<Fault>, u64)]) -> Option<Fault> {
        if self.stage.faults() == world::Faults::Off {
            return None;
        }
        if !self.scripted.is_empty() || chances.iter().any(|(fault, weight)| fault.is_some() && *weight > 0) {
            self.stage.footprints.write(|| Resource::Faults);
        }
        self.scripted(hits).or_else(|| self.drawn(chances))
    }

    /// Every table counts the call, also when another strikes.
    fn scripted(&self, hits: impl Fn(Call) -> bool) -> Option<Fault> {
        let mut struck = None;
        for (fault, counted) in self.scripted.iter().zip(self.counted.borrow_mut().iter_mut()) {
            if hits(fault.call) && fault.counts_at(self.stage.now()) {
                *counted += 1;
                if fault.nth.is_none_or(|nth| nth == *counted) {
                    struck = struck.or(Some(fault.fault));
                }
            }
        }
        struck
    }

    /// One choice on the tape; the scripted schedule takes the first, which is none.
    fn drawn(&self, chances: &[(Option<Fault>, u64)]) -> Option<Fault> {
        let possible: Vec<_> = chances.iter().filter(|(fault, weight)| fault.is_none() || *weight > 0).collect();
        let labels: Vec<&str> = possible.iter().map(|(fault, _)| fault.map_or("none", Fault::name)).collect();
        let weights: Vec<u64> = possible.iter().map(|(_, weight)| *weight).collect();
        possible[self.stage.chooser.choose_by_weight("store.fault", &labels, &weights)].0
    }
}
