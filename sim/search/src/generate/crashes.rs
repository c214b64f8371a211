//! Deaths and long faults of a generated scenario: crashes at calls of the store, losses of power, and a disk that stays full or
//! locked for a while.
//!
//! They are drawn apart from everything else and added to a script that is complete, so that a scenario without them is the same
//! as before they existed.

use gateway_core::clock::Millis;

use crate::comeback::come_back;
use interleaving::prng::Prng;
use sim_scenario::{Call, CallSide, Fault, Journal, OnSkip, Scenario, StoreFault};

/// One of so many scenarios has crashes at calls of the store.
const CRASHES_IN: usize = 8;

/// In one of so many scenarios with crashes the machine loses its power with them. Its database is on a disk, and a run takes
/// several times as long.
const POWER_IN: usize = 6;

/// In one of so many scenarios the store is out of order for a while.
const TROUBLE_IN: usize = 12;

/// The writes at which a crash does most harm, and all of them.
const WRITES: [&str; 8] = ["any", "any", "any", "append", "rotate", "end", "accept", "start_turn"];

/// Adds crashes and long faults to some of the scenarios.
pub(super) fn add(prng: &mut Prng, scenario: &mut Scenario) {
    if prng.hits(1, TROUBLE_IN) {
        let trouble = trouble(prng, scenario);
        scenario.store.faults.push(trouble);
    }
    if prng.hits(1, CRASHES_IN) {
        let loses_power = prng.hits(1, POWER_IN);
        if loses_power {
            scenario.store.journal = *prng.one(&[Journal::Wal, Journal::Delete]);
        }
        for _ in 0..*prng.one(&[1, 1, 2]) {
            crash(prng, scenario, loses_power);
        }
    }
}

/// The disk fails or is full for a while, a sync fails, or another process holds the database.
fn trouble(prng: &mut Prng, scenario: &Scenario) -> StoreFault {
    let secs = Millis::from_secs;
    let from = instant(prng, scenario);
    let (call, on_skip) = (Call::any(CallSide::Write), OnSkip::Allowed);
    if prng.hits(1, 2) {
        let fault = Fault::Busy { lasts: *prng.one(&[secs(5), secs(25), secs(40)]) };
        return StoreFault { call, nth: Some(1), from, until: None, fault, on_skip };
    }
    let until = Some(from + *prng.one(&[secs(1), secs(7), secs(20), secs(90)]));
    let fault = *prng.one(&[Fault::Error, Fault::Full, Fault::Sync]);
    // A failed sync leaves each write in doubt, so few of them do as much as many.
    let nth = (fault == Fault::Sync).then(|| *prng.one(&[1, 2, 3]));
    StoreFault { call, nth, from, until, fault, on_skip }
}

/// The process dies at a call of the store within some time, and is back at the end of that time.
fn crash(prng: &mut Prng, scenario: &mut Scenario, loses_power: bool) {
    let secs = Millis::from_secs;
    let from = instant(prng, scenario);
    let until = from + *prng.one(&[secs(1), secs(3), secs(10), secs(30)]);
    let nth = Some(*prng.one(&[1, 1, 2, 3]));
    let fault = match prng.below(4) {
        _ if loses_power => Fault::Power { change: 1 + u32::try_from(prng.below(8)).expect("it is small") },
        0 | 1 => Fault::Crash,
        _ => Fault::CrashAfter,
    };
    let side = if fault == Fault::Crash && prng.hits(1, 4) { CallSide::Read } else { CallSide::Write };
    let call = match side {
        CallSide::Read => Call::any(side),
        CallSide::Write => Call::named(side, prng.one::<&str>(&WRITES)).expect("each is the word of a write"),
    };
    scenario.store.faults.push(StoreFault { call, nth, from, until: Some(until), fault, on_skip: OnSkip::Allowed });
    let back = until + *prng.one(&[Millis::ZERO, Millis(1), secs(1), secs(5)]);
    come_back(scenario, from, until, back);
}

/// At a step of the script, or soon after it.
fn instant(prng: &mut Prng, scenario: &Scenario) -> Millis {
    let secs = Millis::from_secs;
    let step = prng.one(&scenario.steps).at;
    step + *prng.one(&[Millis::ZERO, Millis::ZERO, Millis(1), secs(1), secs(4)])
}
