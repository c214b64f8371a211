//! Sweeps: a scenario with one fault, at each call of the store in turn.
//!
//! A plain run of the scenario gives its calls; each call and each way in which it can fail is a point. The run of a point is
//! a scenario of its own with the fault in `[[store.faults]]`, which replays as a file. After a crash the process starts again,
//! and the clients that were connected come back and resume their sessions. A crash can also come between two events
//! (`schedule`), and the power can be lost at a change of the disk (`power`); of these points some are tried (`sample`).
//!
//! A point fails if its run has a failure that the plain run does not have. The file's expectations and tapes are left out:
//! they are about the run without the fault.

mod power;
mod sample;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::{Millis, Uptime};
use gateway_core::release::Release;
use interleaving::strategy::{Fifo, Strategy};
use sim_harness::counts::Counts;
use sim_harness::report::{Outcome, Report, StoreCall};
use sim_harness::simulation::Simulator;
use sim_scenario::{Call, CallSide, Fault, OnSkip, PROCESS, ProcessStep, Scenario, StoreFault};

pub use sample::Sample;

use crate::comeback::{add, come_back, step};
use crate::shrink::as_shown;

/// How long the process is down after a crash.
const DOWN: Millis = Millis::from_secs(1);

/// When clients are back after a crash.
const BACK: Millis = Millis::from_secs(2);

/// The script goes on for at least so long after a crash, so that the recovery is over before the heal phase.
const AFTER: Millis = Millis::from_secs(10);

/// How long another process holds the database.
const HELD: Millis = Millis::from_secs(5);

/// What happens at each point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The process is killed: before each commit, after it and before its answer, at each read, and between events.
    Crash,
    /// As `Crash`, and it is killed again at each call of the recovery: from the restart to the answers of the clients that
    /// are back.
    CrashTwice,
    /// The disk fails at each call, or in the sync of each commit, and the answer of each write is lost.
    StoreError,
    /// Another process holds the database for five seconds at each write.
    Busy,
    /// The power is lost at a change of the disk that a write makes, or after it, at both journal modes. What survives of what was not synced is
    /// all of it in one run, and chosen at random in the others.
    Power,
}

/// A sweep under one release.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// The release under test.
    pub release: Release,
    /// What happens at each point.
    pub kind: Kind,
    /// The most schedule points and changes of the disk that are tried.
    pub sample: usize,
}

/// A place of a run at which something fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When the plain run is there.
    pub at: Uptime,
    /// What fails.
    pub place: Place,
}

/// What fails at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A call of the store.
    Call {
        /// Whether the call writes or reads.
        side: CallSide,
        /// Its number among the calls of its side, counted from 1.
        nth: u32,
        /// What happens.
        fault: Fault,
    },
    /// The process is killed before an event.
    Event {
        /// The number of the event among those of its instant, counted from 1.
        nth: u32,
    },
}

impl Place {
    const fn kills(self) -> bool {
        match self {
            Self::Call { fault, .. } => fault.kills(),
            Self::Event { .. } => true,
        }
    }
}

/// The claims, or the outcome, by which a run fails.
type Failures = BTreeSet<String>;

/// A point whose run fails, and the plain run does not.
pub struct FailedPoint {
    /// The faults of the run; two if it crashes twice.
    pub points: Vec<Point>,
    /// The scenario of the run, which is a file of its own that expects the failure.
    pub scenario: Scenario,
    /// The claims, or the outcome, that fail here and not in the plain run.
    pub failed: Vec<String>,
}

/// The result of a sweep over one scenario.
#[derive(Default)]
pub struct Swept {
    /// The number of runs with a fault.
    pub points: u64,
    /// The schedule points of crashes, or the changes of the disk: how many were tried.
    pub sample: Sample,
    /// The failures, in the order of their points.
    pub failures: Vec<FailedPoint>,
    /// How often claims were judged and excused in these runs.
    pub counts: Counts,
}

impl Sweep {
    /// Runs the scenario once without a fault, and once for each point.
    pub fn carry_out(&self, simulator: &mut Simulator, scenario: &Scenario) -> Swept {
        let plain = plain(scenario, self.release);
        let report = simulator.run(&plain, self.release);
        let known = failures(&report);
        let mut swept = Swept::default();
        for point in self.points(&report) {
            let crashed = with_fault(&plain, point);
            let report = simulator.run(&crashed, self.release);
            self.note(&mut swept, &known, &crashed, vec![point], &report);
            self.crash_again(simulator, &mut swept, &known, (&crashed, point), &report, &Fifo);
        }
        match self.kind {
            Kind::Crash | Kind::CrashTwice => {
                self.crash_between_events(simulator, &mut swept, &known, &plain, &report);
            }
            Kind::Power => self.lose_power(simulator, &mut swept, &known, &plain),
            Kind::StoreError | Kind::Busy => {}
        }
        swept
    }

    /// Kills the process a second time, at each call of its recovery. `by` is the strategy of the run with one crash.
    fn crash_again<S: Strategy + Clone + 'static>(
        &self,
        simulator: &mut Simulator,
        swept: &mut Swept,
        known: &Failures,
        (crashed, first): (&Scenario, Point),
        report: &Report,
        by: &S,
    ) {
        if self.kind != Kind::CrashTwice {
            return;
        }
        for second in self.points_of(&report.calls).filter(|second| is_in_recovery(crashed, first.at, second.at)) {
            let scenario = with_fault(crashed, second);
            let report = simulator.run_with(&scenario, self.release, Box::new(by.clone()));
            self.note(swept, known, &scenario, vec![first, second], &report);
        }
    }

    /// The points of a run that are calls of the store, other than losses of power.
    pub fn points(&self, report: &Report) -> Vec<Point> {
        self.points_of(&report.calls).collect()
    }

    fn points_of<'a>(&'a self, calls: &'a [StoreCall]) -> impl Iterator<Item = Point> + 'a {
        let mut counted = BTreeMap::new();
        calls.iter().flat_map(move |call| {
            let nth = counted.entry(call.side.key()).or_insert(0);
            *nth += 1;
            let (nth, StoreCall { at, side, .. }) = (*nth, *call);
            let place = move |fault: &Fault| Place::Call { side, nth, fault: *fault };
            self.faults(side).iter().map(move |fault| Point { at, place: place(fault) })
        })
    }

    fn faults(&self, side: CallSide) -> &'static [Fault] {
        match (self.kind, side) {
            (Kind::Crash | Kind::CrashTwice, CallSide::Write) => &[Fault::Crash, Fault::CrashAfter],
            (Kind::Crash | Kind::CrashTwice, CallSide::Read) => &[Fault::Crash],
            (Kind::StoreError, CallSide::Write) => &[Fault::Error, Fault::Sync, Fault::Lost],
            (Kind::StoreError, CallSide::Read) => &[Fault::Error],
            (Kind::Busy, CallSide::Write) => &[Fault::Busy { lasts: HELD }],
            (Kind::Busy, CallSide::Read) | (Kind::Power, _) => &[],
        }
    }

    fn note(&self, swept: &mut Swept, known: &Failures, scenario: &Scenario, points: Vec<Point>, report: &Report) {
        swept.points += 1;
        swept.counts.add(&report.counts);
        let failed: Vec<String> = failures(report).into_iter().filter(|claim| !known.contains(claim)).collect();
        if !failed.is_empty() {
            swept.failures.push(FailedPoint { points, scenario: as_shown(scenario, report), failed });
        }
    }
}

/// Whether a call is one of the recovery: from the restart until the clients that are back have their answers, over a network and a store
/// that may be slow.
fn is_in_recovery(scenario: &Scenario, crashed_at: Uptime, at: Uptime) -> bool {
    let store = &scenario.store;
    let call = store.before_commit.max + store.after_commit.max + store.after_lookup.max;
    let answered = BACK + scenario.network.latency.max.times(2) + call.times(CALLS_OF_A_RESUME);
    (crashed_at + DOWN..=crashed_at + answered).contains(&at)
}

/// How many calls of the store a resume waits for, at the most, one after the other.
const CALLS_OF_A_RESUME: u64 = 8;

/// What fails in a run: the violated claims, or else its outcome.
fn failures(report: &Report) -> Failures {
    let claims: BTreeSet<&str> = report.violations.iter().map(|violation| violation.invariant).collect();
    let outcome = match report.outcome {
        Outcome::Passed | Outcome::Violated => None,
        other => Some(other.word()),
    };
    claims.into_iter().chain(outcome).map(str::to_owned).collect()
}

/// The scenario without what its author expects of the run without a fault.
fn plain(scenario: &Scenario, release: Release) -> Scenario {
    Scenario {
        releases: vec![release],
        expect: BTreeMap::new(),
        facts: Vec::new(),
        tapes: BTreeMap::new(),
        on_skip: OnSkip::Allowed,
        ..scenario.clone()
    }
}

/// The scenario with the fault of a point, and after a crash with the restart and the clients that come back.
fn with_fault(scenario: &Scenario, point: Point) -> Scenario {
    let mut scenario = scenario.clone();
    let at = Millis(point.at.0);
    // Before the kill is a step of the script, which says who is connected.
    if point.place.kills() {
        come_back(&mut scenario, at, at + DOWN, at + BACK);
        scenario.until = scenario.until.max(at + AFTER);
    }
    match point.place {
        Place::Call { side, nth, fault } => {
            let (call, from, until) = (Call::any(side), Millis::ZERO, None);
            let on_skip = OnSkip::Allowed;
            scenario.store.faults.push(StoreFault { call, nth: Some(nth), from, until, fault, on_skip });
        }
        Place::Event { .. } => add(&mut scenario, [step(at, PROCESS, ProcessStep::Kill.into())]),
    }
    scenario
}
