//! Sweeps: a scenario with one fault, at each call of the store in turn.
//!
//! A plain run of the scenario gives its calls; each call and each way in which it can fail is a point. The run of a point is
//! a scenario of its own with the fault in `[[store.faults]]`, which replays as a file. After a crash the process starts again,
//! and the clients that were connected come back and resume their sessions.
//!
//! A point fails if its run has a failure that the plain run does not have. The file's expectations and tapes are left out:
//! they are about the run without the fault.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::{Millis, Uptime};
use gateway_core::release::Release;
use interleaving::Prng;
use interleaving::strategy::{Divergence, Strategy};
use sim_harness::counts::Counts;
use sim_harness::report::{Outcome, Report, StoreCall};
use sim_harness::simulation::Simulator;
use sim_scenario::{
    Action, Call, CallSide, ConnectionStep, Fault, Memory, OnSkip, PROCESS, Presence, ProcessStep, RequestStep,
    ResumeMode, ResumeTarget, Scenario, SettingChanges, Step, StoreFault,
};

use crate::shrink::as_shown;

/// How long the process is down after a crash.
const DOWN: Millis = Millis::from_secs(1);

/// When clients are back after a crash.
const BACK: Millis = Millis::from_secs(2);

/// The script goes on for at least so long after a crash, so that the recovery is over before the heal phase.
const AFTER: Millis = Millis::from_secs(10);

/// The number of runs for each change of the disk.
const FATES: u64 = 4;

/// How long another process holds the database.
const HELD: Millis = Millis::from_secs(5);

/// What happens at each point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The process is killed: before each commit, after it and before its answer, and at each read.
    Crash,
    /// As `Crash`, and it is killed again at each call of the recovery: from the restart to the answers of the clients that
    /// are back.
    CrashTwice,
    /// The disk fails at each call, and the answer of each write is lost.
    StoreError,
    /// Another process holds the database for five seconds at each write.
    Busy,
    /// The power is lost at each change of the disk that each write makes, and after it. What survives of what was not synced is
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
}

/// One call of a run, and what happens at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Whether the call writes or reads.
    pub side: CallSide,
    /// Its number among the calls of its side, counted from 1.
    pub nth: u32,
    /// When the plain run makes the call.
    pub at: Uptime,
    /// What happens.
    pub fault: Fault,
}

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
        let known: BTreeSet<String> = failures(&report).into_iter().collect();
        let mut swept = Swept::default();
        if self.kind == Kind::Power {
            self.lose_power(simulator, &mut swept, &known, &plain, &report.calls);
            return swept;
        }
        for point in self.points(&report) {
            let crashed = with_fault(&plain, point);
            let calls = self.judge(simulator, &mut swept, &known, &crashed, vec![point]);
            if self.kind == Kind::CrashTwice {
                for second in self.points_of(&calls).filter(|second| is_in_recovery(point.at, second.at)) {
                    self.judge(simulator, &mut swept, &known, &with_fault(&crashed, second), vec![point, second]);
                }
            }
        }
        swept
    }

    /// The points of a run.
    pub fn points(&self, report: &Report) -> Vec<Point> {
        self.points_of(&report.calls).collect()
    }

    fn points_of<'a>(&'a self, calls: &'a [StoreCall]) -> impl Iterator<Item = Point> + 'a {
        let mut counted = BTreeMap::new();
        calls.iter().flat_map(move |call| {
            let nth = counted.entry(call.side.key()).or_insert(0);
            *nth += 1;
            let (nth, StoreCall { at, side }) = (*nth, *call);
            self.faults(side).iter().map(move |fault| Point { side, nth, at, fault: *fault })
        })
    }

    fn faults(&self, side: CallSide) -> &'static [Fault] {
        match (self.kind, side) {
            (Kind::Crash | Kind::CrashTwice, CallSide::Write) => &[Fault::Crash, Fault::CrashAfter],
            (Kind::Crash | Kind::CrashTwice, CallSide::Read) => &[Fault::Crash],
            (Kind::StoreError, CallSide::Write) => &[Fault::Error, Fault::Lost],
            (Kind::StoreError, CallSide::Read) => &[Fault::Error],
            (Kind::Busy, CallSide::Write) => &[Fault::Busy { lasts: HELD }],
            (Kind::Busy, CallSide::Read) | (Kind::Power, _) => &[],
        }
    }

    /// Loses the power at each change of each write, until the write has no further one.
    fn lose_power(
        &self,
        simulator: &mut Simulator,
        swept: &mut Swept,
        known: &BTreeSet<String>,
        scenario: &Scenario,
        calls: &[StoreCall],
    ) {
        let writes = calls.iter().filter(|call| call.side == CallSide::Write);
        for (nth, StoreCall { at, side }) in (1..).zip(writes.copied()) {
            for change in 1.. {
                let point = Point { side, nth, at, fault: Fault::Power { change } };
                let scenario = with_fault(scenario, point);
                let mut was_in_write = false;
                for fate in 0..FATES {
                    let seed = (u64::from(nth) << 32) | (u64::from(change) << 8) | fate;
                    let survivors = Survivors((fate > 0).then(|| Prng::stream(seed, "survivors")));
                    let report = simulator.run_with(&scenario, self.release, Box::new(survivors));
                    was_in_write = report.power_losses.iter().any(|loss| loss.in_write);
                    self.note(swept, known, &scenario, vec![point], &report);
                }
                if !was_in_write {
                    break;
                }
            }
        }
    }

    /// Runs one point, and returns the calls of its run.
    fn judge(
        &self,
        simulator: &mut Simulator,
        swept: &mut Swept,
        known: &BTreeSet<String>,
        scenario: &Scenario,
        points: Vec<Point>,
    ) -> Vec<StoreCall> {
        let report = simulator.run(scenario, self.release);
        self.note(swept, known, scenario, points, &report);
        report.calls
    }

    fn note(
        &self,
        swept: &mut Swept,
        known: &BTreeSet<String>,
        scenario: &Scenario,
        points: Vec<Point>,
        report: &Report,
    ) {
        swept.points += 1;
        swept.counts.add(&report.counts);
        let failed: Vec<String> = failures(report).into_iter().filter(|claim| !known.contains(claim)).collect();
        if !failed.is_empty() {
            swept.failures.push(FailedPoint { points, scenario: as_shown(scenario, report), failed });
        }
    }
}

/// Takes the first alternative of each choice, but chooses at random what survives a loss of power. Without a generator all of it
/// survives.
struct Survivors(Option<Prng>);

impl Strategy for Survivors {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        Ok(match &mut self.0 {
            Some(prng) if site.starts_with("disk.") => prng.below(among.len()),
            _ => 0,
        })
    }
}

/// Whether a call is made by the process that starts after a crash, before it has served the clients that come back.
fn is_in_recovery(crashed_at: Uptime, at: Uptime) -> bool {
    (crashed_at + DOWN..=crashed_at + BACK).contains(&at)
}

/// What fails in a run: the violated claims, or else its outcome.
fn failures(report: &Report) -> Vec<String> {
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
    let call = Call::any(point.side);
    let nth = Some(point.nth);
    let (from, until, on_skip) = (Millis::ZERO, None, OnSkip::Allowed);
    scenario.store.faults.push(StoreFault { call, nth, from, until, fault: point.fault, on_skip });
    if point.fault.kills() {
        let at = Millis(point.at.0);
        let restart = ProcessStep::Restart { changes: SettingChanges::default() };
        let mut steps = vec![step(at + DOWN, PROCESS, restart.into())];
        for (client, sessions) in connected(&scenario, at) {
            let connect = ConnectionStep::Connect { memory: Memory::Kept };
            steps.push(step(at + BACK, &client, connect.into()));
            steps.extend(sessions.into_iter().map(|session| step(at + BACK, &client, resume(session).into())));
        }
        scenario.steps.extend(steps);
        // The sort keeps the order of the steps of an instant.
        scenario.steps.sort_by_key(|step| step.at);
        scenario.until = scenario.until.max(at + AFTER);
    }
    scenario
}

/// The clients that the script has connected by this time, each with the sessions that it had last and has not closed.
fn connected(scenario: &Scenario, at: Millis) -> BTreeMap<String, BTreeSet<String>> {
    let mut clients: BTreeSet<&str> = BTreeSet::new();
    let mut sessions: BTreeMap<&str, &str> = BTreeMap::new();
    for Step { client, action, .. } in scenario.steps.iter().filter(|step| step.at <= at) {
        match action.presence() {
            Presence::Connects => drop(clients.insert(client)),
            Presence::Disconnects => drop(clients.remove(client.as_str())),
            Presence::DisconnectsAll => clients.clear(),
            Presence::Connected | Presence::NoClient => {}
        }
        let is_end = matches!(action, Action::Request(RequestStep::CloseSession { .. } | RequestStep::Delete { .. }));
        let is_resume = matches!(action, Action::Request(RequestStep::Resume { .. }));
        match (action.names(), action.session()) {
            (_, Some(session)) if is_end => drop(sessions.remove(session)),
            (Some(name), _) => drop(sessions.insert(name, client)),
            (None, Some(session)) if is_resume => drop(sessions.insert(session, client)),
            _ => {}
        }
    }
    let of =
        |client: &str| sessions.iter().filter(|(_, of)| **of == client).map(|(name, _)| (*name).to_owned()).collect();
    clients.into_iter().map(|client| (client.to_owned(), of(client))).collect()
}

fn resume(session: String) -> RequestStep {
    let (target, mode) = (ResumeTarget::Stored, ResumeMode::Continue);
    RequestStep::Resume { session, target, name: None, model: None, last_seen: None, mode }
}

fn step(at: Millis, client: &str, action: Action) -> Step {
    Step { at, client: client.to_owned(), action, on_skip: OnSkip::Allowed, line: 0 }
}
