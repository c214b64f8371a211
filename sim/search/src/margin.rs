//! The margin of a scenario: how far its conflicting events are apart, and so whether real time can reproduce it.
//!
//! Two events conflict when their order changes the rows. Conflicts are measured, not derived from a trace: each thing with a
//! time of its own (a step of a client, the duration of a step of a turn, the end of the script) is moved back and forth by
//! up to the margin while all others stay; frames and store calls get latencies; and tasks that are ready at one instant run
//! in other orders. If all these runs leave the same rows, apart from times that moved by no more than the shift, then no
//! events within the margin conflict. Steps of one client keep their
//! order, because its frames do.

use gateway_core::agent::script::TurnStep;
use gateway_core::clock::Millis;
use gateway_core::release::Release;

use crate::drive::rows::differences;
use crate::drive::{Means, unplayable};
use interleaving::strategy::{Fifo, Random, Strategy};
use sim_harness::rows::ListedSession;
use sim_harness::simulation::Simulator;
use sim_harness::trace::Site;
use sim_scenario::{Latency, NetworkSettings, Scenario, StoreSettings};

/// The margin that real sockets need.
pub const MARGIN: Millis = Millis::from_secs(2);

/// The tolerance for times that count as equal: half the margin.
pub const TOLERANCE: Millis = Millis::from_secs(1);

/// The longest script that is played in real time.
pub const LENGTH_MAX: Millis = Millis::from_secs(120);

/// The shifts to try: events a whole margin apart have not met yet.
const MOVES: [Millis; 5] = [Millis(250), Millis(500), Millis(1000), Millis(1500), Millis(1999)];

/// The range of latencies of frames and store calls: a few milliseconds of a clock that runs fifty times as fast.
const LATENCY: Latency = Latency { min: Millis(50), max: Millis(50) };

/// The number of other schedules to try.
const ORDERS: u64 = 8;

/// Why a scenario cannot be reproduced in real time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ineligible {
    /// It uses a feature that exists only in the simulation.
    #[error("only a simulated world has {0}")]
    Simulated(&'static str),
    /// It has a step that only the simulator can perform.
    #[error("line {line}: `{word}`: {why}")]
    Step {
        /// The step's line in the file.
        line: usize,
        /// The step's word in scenario files.
        word: &'static str,
        /// The reason why only the simulator can.
        why: &'static str,
    },
    /// The script is too long.
    #[error("{0} of script, at most {LENGTH_MAX}")]
    Long(Millis),
    /// The simulator itself skips a step.
    #[error("{0}")]
    Skips(String),
    /// Conflicting events are too close together.
    #[error("margin below {margin}: {moved}, and {difference}")]
    Near {
        /// The margin that is not reached.
        margin: Millis,
        /// The event that was moved.
        moved: String,
        /// The difference in rows that resulted.
        difference: String,
    },
}

/// The rows that a scenario leaves, if its margin is at least [`MARGIN`].
pub fn rows(
    simulator: &mut Simulator,
    scenario: &Scenario,
    release: Release,
) -> Result<Vec<ListedSession>, Ineligible> {
    plain(scenario, release)?;
    let report = simulator.run_with(scenario, release, Box::new(Fifo));
    let skips = |entry: &&sim_harness::trace::Entry| entry.site == Site::Script && entry.text.contains("skipped");
    if let Some(entry) = report.trace.entries().iter().find(skips) {
        return Err(Ineligible::Skips(entry.text.clone()));
    }
    let expected = report.rows.listed();
    let mut check = |margin: Millis, moved: String, variant: &Scenario, order: Box<dyn Strategy>| {
        let found = simulator.run_with(variant, release, order).rows.listed();
        // Effects of a longer turn are later by the same amount; a turn may be prompted twice.
        let tolerance = TOLERANCE + margin.times(2);
        match differences(&expected, &found, tolerance).into_iter().next() {
            Some(difference) => Err(Ineligible::Near { margin, moved, difference }),
            None => Ok(()),
        }
    };
    for seed in 0..ORDERS {
        check(Millis(1), "tasks in another order".to_owned(), scenario, Box::new(Random::new(seed)))?;
    }
    check(LATENCY.max, "frames and calls of the store take their time".to_owned(), &slow(scenario), Box::new(Fifo))?;
    for length in MOVES {
        for (moved, variant) in variants(scenario, length) {
            check(length + Millis(1), moved, &variant, Box::new(Fifo))?;
        }
    }
    Ok(expected)
}

/// Whether it consists of steps and turns only.
fn plain(scenario: &Scenario, release: Release) -> Result<(), Ineligible> {
    if let Some((step, why)) = unplayable(scenario, Means::Rows) {
        return Err(Ineligible::Step { line: step.line, word: step.action.word(), why });
    }
    if scenario.until > LENGTH_MAX {
        return Err(Ineligible::Long(scenario.until));
    }
    let simulated = [
        (scenario.tapes.contains_key(&release), "a tape"),
        (scenario.store != StoreSettings::default(), "a store with faults or latencies"),
        (scenario.network != NetworkSettings::default(), "a network with latencies or other buffers"),
        (!scenario.windows.is_empty(), "windows that stay open"),
        (!scenario.rows.is_empty(), "rows that the database holds from the start"),
    ];
    match simulated.into_iter().find(|(has, _)| *has) {
        Some((_, what)) => Err(Ineligible::Simulated(what)),
        None => Ok(()),
    }
}

fn slow(scenario: &Scenario) -> Scenario {
    let mut slow = scenario.clone();
    slow.network.latency = LATENCY;
    slow.store.before_commit = LATENCY;
    slow.store.after_commit = LATENCY;
    slow.store.after_lookup = LATENCY;
    slow
}

/// All shifts of things with a time of their own, by `length` in either direction.
fn variants(scenario: &Scenario, length: Millis) -> Vec<(String, Scenario)> {
    let mut variants = Vec::new();
    for (place, step) in scenario.steps.iter().enumerate() {
        let moved = |at: Millis, way: &str| format!("`{}` of {} at {at} {way}", step.action.word(), step.client);
        let later = step.at + length;
        variants.push((moved(step.at, "later"), with_step(scenario, place, later)));
        let earlier = Millis(step.at.0.saturating_sub(length.0));
        variants.push((moved(step.at, "earlier"), with_step(scenario, place, earlier)));
    }
    for (name, turn) in &scenario.turns {
        for place in 0..turn.steps.len() {
            let change = |takes: fn(Millis, Millis) -> Millis| {
                let mut variant = scenario.clone();
                let step = variant.turns.get_mut(name).and_then(|turn| turn.steps.get_mut(place));
                step.and_then(TurnStep::takes_mut).map(|length_of| *length_of = takes(*length_of, length))?;
                Some(variant)
            };
            let longer = change(|takes, length| takes + length);
            let shorter = change(|takes, length| Millis(takes.0.saturating_sub(length.0)));
            variants.extend(longer.map(|variant| (format!("step {} of turn `{name}` longer", place + 1), variant)));
            variants.extend(shorter.map(|variant| (format!("step {} of turn `{name}` shorter", place + 1), variant)));
        }
    }
    let last = scenario.steps.iter().map(|step| step.at).max().unwrap_or_default();
    let until = scenario.until;
    variants.push(("the script ends later".to_owned(), Scenario { until: until + length, ..scenario.clone() }));
    let earlier = Millis(until.0.saturating_sub(length.0)).max(last);
    variants.push(("the script ends earlier".to_owned(), Scenario { until: earlier, ..scenario.clone() }));
    variants
}

/// Moves a step; other steps of its client move along where needed to keep their order.
fn with_step(scenario: &Scenario, place: usize, at: Millis) -> Scenario {
    let mut variant = scenario.clone();
    let client = variant.steps[place].client.clone();
    for (other, step) in variant.steps.iter_mut().enumerate().filter(|(_, step)| step.client == client) {
        if other < place {
            step.at = step.at.min(at);
        } else if other > place {
            step.at = step.at.max(at);
        } else {
            step.at = at;
        }
    }
    variant.steps.sort_by_key(|step| step.at);
    let last = variant.steps.iter().map(|step| step.at).max().unwrap_or_default();
    variant.until = variant.until.max(last);
    variant
}
