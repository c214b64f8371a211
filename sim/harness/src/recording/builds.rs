//! How long each agent took to build, as far as a log shows it.
//!
//! A log has no entry for the end of a build. What it has: the next step of a script that waited for the agent, whether
//! the record was ready at a probe, and the start of a turn that needed the agent.

use std::cmp::max;
use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::{Millis, Uptime};
use gateway_core::lifecycle::resume::{Building, Service};
use gateway_core::release::Release;

use super::{Act, Cell, Memory, RecordedStep, Recording};
use sim_scenario::{Action, RequestStep, ResumeMode};

/// The time from the creation of a session to the start of its agent's build.
pub(super) const DELAY: Millis = Millis(50);

/// A step or a turn that is later than this was waited for. Recorded times are rounded to a tenth of a second, and the
/// recorder's machine adds about as much.
const LATE: Millis = Millis(150);

/// A turn that begins later than this after its prompt waited for its agent.
const SLOW: Millis = Millis(300);

/// The instants of a script under one release: those of its steps, its zero and its end.
pub(super) struct Instants<'a> {
    pub(super) steps: &'a [Uptime],
    pub(super) zero: Uptime,
    pub(super) end: Uptime,
}

/// A build of an agent, and what is known of its length.
struct Build<'a> {
    /// The index of the step that caused it.
    step: usize,
    /// The record, as the recording names it; none if the answer does not.
    sid: Option<&'a str>,
    start: Uptime,
    /// Whether the step after this one came when the agent was built.
    awaited: bool,
    /// Whether the script says that it does not wait for the agent.
    unready: bool,
    least: Millis,
    most: Millis,
    exact: Option<Millis>,
}

/// The length of each build, in the order in which the builds start.
pub(super) fn lengths(recording: &Recording, release: Release, cell: &Cell, instants: &Instants<'_>) -> Vec<Millis> {
    let log = Log { recording, cell, instants };
    let mut builds = log.builds(release);
    for build in &mut builds {
        log.next_step(build);
        log.probes(build);
        log.wait_ready(build);
        log.first_turn(build);
    }
    builds.sort_by_key(|build| build.start);
    let mut lengths: Vec<Millis> = builds.iter().map(Build::length).collect();
    while lengths.last() == Some(&Millis::ZERO) {
        lengths.pop();
    }
    lengths
}

struct Log<'a> {
    recording: &'a Recording,
    cell: &'a Cell,
    instants: &'a Instants<'a>,
}

impl<'a> Log<'a> {
    fn steps(&self) -> impl Iterator<Item = (usize, &'a RecordedStep)> {
        self.recording.steps.iter().enumerate()
    }

    fn result(&self, step: usize, key: &str) -> Option<&'a str> {
        self.cell.client_log[step].result.get(key)?.as_str()
    }

    /// One build for each step whose answer names a record that no answer has named before.
    fn builds(&self, release: Release) -> Vec<Build<'a>> {
        let resume = release.behavior().resume;
        let (mut builds, mut seen) = (Vec::new(), BTreeSet::new());
        for (step, recorded) in self.steps() {
            let Act::Do { action: Action::Request(request), unready } = &recorded.act else { continue };
            let sid = self.result(step, "sid");
            if self.cell.client_log[step].result.get("error").is_some() {
                continue;
            }
            let is_new = sid.is_some_and(|sid| seen.insert(sid));
            let made = self.instants.steps[step];
            let (start, awaited) = if let RequestStep::Create { .. } = request {
                (made + DELAY, !unready)
            } else if let RequestStep::Resume { mode, .. } = request {
                if !is_new {
                    continue;
                }
                match resume.building(resume.service(service(*mode))) {
                    Building::First | Building::Meanwhile => (made, true),
                    Building::Later => (made + DELAY, false),
                    Building::AtFirstPrompt => (self.instants.end, false),
                }
            } else {
                continue;
            };
            // A prompt that comes before the build begins it.
            let prompted = sid.and_then(|sid| self.first_prompt(step, sid)).map(|(at, _)| at);
            let start = prompted.map_or(start, |at| at.min(start));
            let (least, most, exact) = (Millis::ZERO, Millis(u64::MAX), None);
            builds.push(Build { step, sid, start, awaited, unready: *unready, least, most, exact });
        }
        builds
    }

    /// The step after one that waits for the agent. Before the zero no step has a time.
    fn next_step(&self, build: &mut Build<'_>) {
        if build.awaited && build.step >= self.recording.zero {
            self.awaited_by(build.step, build);
        }
    }

    /// The step after `step`, which came when the agent was there.
    fn awaited_by(&self, step: usize, build: &mut Build<'_>) {
        let Some(next) = self.recording.steps.get(step + 1) else { return };
        let over = self.instants.steps[step + 1];
        let length = over - build.start;
        let waited = next.at.is_none_or(|at| over - (self.instants.zero + at) > LATE);
        // The answer is there a moment before the next request is sent.
        let length = Millis(length.0.saturating_sub(1));
        if waited {
            build.exact = Some(length);
        } else {
            build.most = build.most.min(length);
        }
    }

    fn probes(&self, build: &mut Build<'_>) {
        let probed = self.steps().filter(|(_, step)| step.is_probe()).map(|(step, _)| self.instants.steps[step]);
        let probes = probed.zip(self.cell.probes.iter().map(|probe| probe.memory.as_ref()));
        for (at, memory) in probes.chain([(self.instants.end, self.cell.memory.as_ref())]) {
            build.observe(at, memory);
        }
    }

    fn wait_ready(&self, build: &mut Build<'_>) {
        let Some(sid) = build.sid else { return };
        let waits = self.steps().skip(max(build.step, self.recording.zero));
        let waits = waits.filter_map(|(step, recorded)| match &recorded.act {
            Act::WaitReady(session) => Some((step, session.as_str())),
            _ => None,
        });
        for (step, session) in waits {
            if self.named(step).get(session) == Some(&sid) {
                self.awaited_by(step, build);
                return;
            }
        }
    }

    /// The first turn that a prompt to the session started.
    fn first_turn(&self, build: &mut Build<'_>) {
        let Some((prompted, script)) = build.sid.and_then(|sid| self.first_prompt(build.step, sid)) else { return };
        let turns = self.cell.agent_log.iter().filter(|entry| entry.step == "turn.start");
        let mut turns = turns.filter(|entry| entry.script.as_deref() == Some(script)).filter_map(|entry| entry.t);
        let rounded = |seconds: f64| self.instants.zero + Millis((seconds.max(0.0) * 1000.0).round() as u64);
        let Some(begun) = turns.by_ref().map(rounded).find(|begun| *begun + LATE >= prompted) else { return };
        let length = begun - build.start;
        if build.unready || begun - prompted >= SLOW {
            build.exact = build.exact.or(Some(length));
        } else {
            build.most = build.most.min(length);
        }
    }

    /// The first prompt to a record after `step` that started a turn: its instant and its script.
    fn first_prompt(&self, step: usize, sid: &str) -> Option<(Uptime, &'a str)> {
        self.steps().skip(step + 1).find_map(|(place, recorded)| {
            let action = recorded.action()?;
            let script = action.prompt()?.text();
            let is_its = self.named(place).get(action.session()?) == Some(&sid);
            let starts = self.result(place, "status") == Some("streaming");
            (is_its && starts).then(|| (self.instants.steps[place], script))
        })
    }

    /// The record that each name stands for before `step`.
    fn named(&self, step: usize) -> BTreeMap<&'a str, &'a str> {
        let named = self
            .steps()
            .take(step)
            .filter_map(|(place, recorded)| Some((recorded.action()?.mentions().binds?, self.result(place, "sid")?)));
        named.collect()
    }
}

impl Build<'_> {
    /// What rows and memory at an instant show: whether the record was ready.
    fn observe(&mut self, at: Uptime, memory: Option<&Memory>) {
        let session = memory.into_iter().flat_map(|memory| &memory.sessions);
        let session = session.into_iter().find(|session| Some(session.sid.as_str()) == self.sid);
        match session {
            Some(session) if session.ready => self.most = self.most.min(at - self.start),
            Some(_) => self.least = self.least.max(Millis((at - self.start).0 + 1)),
            None => {}
        }
    }

    /// The most likely length: the exact one, or else the middle between two observations.
    fn length(&self) -> Millis {
        match self.exact {
            Some(exact) => exact,
            None if self.least == Millis::ZERO => Millis::ZERO,
            None if self.most < self.least || self.most.0 == u64::MAX => self.least,
            None => Millis((self.least.0 + self.most.0) / 2),
        }
    }
}

fn service(mode: ResumeMode) -> Service {
    match mode {
        ResumeMode::Continue => Service::Full,
        ResumeMode::ContinueWithAgent => Service::Eager,
        ResumeMode::ReadOnly => Service::Lazy,
    }
}
