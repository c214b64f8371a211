//! The faults of the store: which calls fail, by the tables of the scenario or by chance.
//!
//! This file chooses the fault of a call; `store` injects it. The heal phase has no faults.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gateway_core::clock::{Millis, Uptime};
use gateway_core::store::{Read, Write};

use super::context::{FaultInjection, SimContext};
use crate::footprint::Resource;
use crate::story::Skipped;
use crate::trace::StoreCall;

use sim_scenario::{Call, CallSide, Fault, Odds, StoreFault, StoreSettings, Weights};

/// How long another process holds the database after a drawn `busy` fault: longer than a write waits for the database.
const HELD: Millis = Millis::from_secs(2);

/// How long another process may hold the database before a write may fail because of that, where no setting says so.
pub(super) const PROMISED_WAIT: Millis = Millis::from_secs(30);

/// The faults of a run.
pub(crate) struct Faults {
    context: Rc<SimContext>,
    scripted: Vec<StoreFault>,
    /// How many calls each scripted fault has counted, in the order of `scripted`.
    counted: RefCell<Vec<u32>>,
    /// The calls so far, heal phase excluded.
    calls: RefCell<Vec<StoreCall>>,
    /// Whether a call has failed by each scripted fault, in the order of `scripted`.
    occurred: RefCell<Vec<bool>>,
    odds: Odds,
    /// Until when another process holds the database.
    held_until: Cell<Uptime>,
    injected_faults: Cell<u64>,
    /// How long writes had to wait for another process.
    waited: Cell<Millis>,
    /// When a call last failed for another reason than a lock of another process that is shorter than promised.
    broken_at: Cell<Option<Uptime>>,
    promised_wait: Millis,
}

impl Faults {
    pub(crate) fn new(context: Rc<SimContext>, settings: &StoreSettings, promised_wait: Millis) -> Self {
        let (scripted, odds) = (settings.faults.clone(), settings.odds);
        let counted = RefCell::new(vec![0; scripted.len()]);
        let occurred = RefCell::new(vec![false; scripted.len()]);
        Self {
            context,
            scripted,
            counted,
            calls: RefCell::default(),
            occurred,
            odds,
            held_until: Cell::new(Uptime(0)),
            injected_faults: Cell::new(0),
            waited: Cell::default(),
            promised_wait,
            broken_at: Cell::default(),
        }
    }

    /// The fault of a write that is about to be committed. A `busy` fault holds the database from now on.
    pub(crate) fn on_write(&self, write: &Write) -> Option<Fault> {
        let Weights { none, busy, error, lost } = self.odds.weights().expect("the odds of a scenario are checked");
        let chances = [
            (None, none),
            (Some(Fault::Busy { lasts: HELD }), busy),
            (Some(Fault::Error), error),
            (Some(Fault::Lost), lost),
        ];
        let fault = self.choose(CallSide::Write, |call| call.is_write(write), &chances);
        if let Some(Fault::Busy { lasts }) = fault {
            self.held_until.set(self.held_until.get().max(self.context.now() + lasts));
        }
        fault
    }

    /// The fault of a read.
    pub(crate) fn on_read(&self, read: &Read) -> Option<Fault> {
        let whole = u64::from(self.odds.error.whole());
        let error = u64::from(self.odds.error.part());
        self.choose(CallSide::Read, |call| call.is_read(read), &[(None, whole - error), (Some(Fault::Error), error)])
    }

    /// How long a write that comes now has to wait for another process.
    pub(crate) fn held_for(&self) -> Millis {
        let held = self.held_until.get() - self.context.now();
        if held > Millis::ZERO && self.context.faults() == FaultInjection::On { held } else { Millis::ZERO }
    }

    /// Call when a call of the store was refused or delayed, or lost its answer.
    pub(crate) fn count_fault(&self) {
        self.injected_faults.set(self.injected_faults.get() + 1);
    }

    /// How many calls were refused or delayed, or lost their answer.
    pub(crate) fn injected_faults(&self) -> u64 {
        self.injected_faults.get()
    }

    /// Call when a write has to wait this long for another process.
    pub(crate) fn count_wait(&self, wait: Millis) {
        self.waited.set(self.waited.get() + wait);
    }

    /// How long a lock of another process may last that refuses nothing.
    pub(crate) fn promised_wait(&self) -> Millis {
        self.promised_wait
    }

    /// Call when a call fails for another reason than a short lock of another process.
    pub(crate) fn note_broken(&self) {
        self.broken_at.set(Some(self.context.now()));
    }

    /// When a call last failed for another reason than a short lock of another process.
    pub(crate) fn broken_at(&self) -> Option<Uptime> {
        self.broken_at.get()
    }

    /// How long writes had to wait for another process.
    pub(crate) fn waited(&self) -> Millis {
        self.waited.get()
    }

    /// The scripted faults by which no call has failed.
    pub(crate) fn skipped(&self) -> Vec<Skipped> {
        let occurred = self.occurred.borrow();
        let counted = self.counted.borrow();
        let of = |(place, fault): (usize, &StoreFault)| {
            let StoreFault { call, nth, fault, on_skip, .. } = *fault;
            let nth = nth.map_or_else(String::new, |nth| format!(", nth = {nth}"));
            let part = format!(
                "[[store.faults]] {} = \"{}\"{nth}, fault = \"{}\"",
                call.side.key(),
                call.word(),
                fault.name()
            );
            let why = match counted[place] {
                0 => "no such call came".to_owned(),
                1 if nth.is_empty() => "another fault took its call".to_owned(),
                1 => "1 such call came".to_owned(),
                calls => format!("{calls} such calls came"),
            };
            Skipped { line: None, at_ms: None, part, why, on_skip }
        };
        self.scripted.iter().enumerate().filter(|(place, _)| !occurred[*place]).map(of).collect()
    }

    /// Call when the last write has changed the disk so often.
    pub(crate) fn note_changes(&self, changes: u32) {
        if self.context.faults() == FaultInjection::On {
            let mut calls = self.calls.borrow_mut();
            if let Some(call) = calls.iter_mut().rev().find(|call| call.side == CallSide::Write) {
                call.changes = changes;
            }
        }
    }

    /// The calls that a fault could have hit, in their order.
    pub(crate) fn calls(&self) -> Vec<StoreCall> {
        self.calls.borrow().clone()
    }

    fn choose(&self, side: CallSide, hits: impl Fn(Call) -> bool, chances: &[(Option<Fault>, u64)]) -> Option<Fault> {
        if self.context.faults() == FaultInjection::Off {
            return None;
        }
        self.calls.borrow_mut().push(StoreCall { at: self.context.now(), side, changes: 0 });
        if !self.scripted.is_empty() || chances.iter().any(|(fault, weight)| fault.is_some() && *weight > 0) {
            self.context.footprints.write(|| Resource::Faults);
        }
        self.scripted(hits).or_else(|| self.drawn(chances))
    }

    /// The first scripted fault that is due at this call. Every scripted fault counts the call.
    fn scripted(&self, hits: impl Fn(Call) -> bool) -> Option<Fault> {
        let mut due = None;
        for (place, (fault, counted)) in self.scripted.iter().zip(self.counted.borrow_mut().iter_mut()).enumerate() {
            if hits(fault.call) && fault.counts_at(self.context.now()) {
                *counted += 1;
                if fault.nth.is_none_or(|nth| nth == *counted) {
                    due = due.or(Some((place, fault.fault)));
                }
            }
        }
        let (place, fault) = due?;
        self.occurred.borrow_mut()[place] = true;
        Some(fault)
    }

    /// One choice on the tape; the scripted schedule takes the first, which is none.
    fn drawn(&self, chances: &[(Option<Fault>, u64)]) -> Option<Fault> {
        let possible: Vec<_> = chances.iter().filter(|(fault, weight)| fault.is_none() || *weight > 0).collect();
        let labels: Vec<&str> = possible.iter().map(|(fault, _)| fault.map_or("none", Fault::name)).collect();
        let weights: Vec<u64> = possible.iter().map(|(_, weight)| *weight).collect();
        possible[self.context.chooser.choose_by_weight("store.fault", &labels, &weights)].0
    }
}
