//! The instant of each step: at the time that the log recorded for it, never at a guessed one.

use std::cmp::max;

use gateway_core::clock::{Millis, Uptime};
use gateway_core::release::Release;

use super::builds::{self, Instants};
use super::{Act, Cell, RecordedStep, Recording};
use sim_scenario::{Action, ProcessStep};

/// The virtual instant of the step that is the zero of all times.
pub const ZERO: Uptime = Uptime(100_000);

/// The time between steps before the zero, for which recordings have no times.
const SPACING: Millis = Millis::from_secs(1);

/// The largest error of a recorded time, in seconds: times are rounded to a tenth of a second.
pub const ROUNDING: f64 = 0.05;

/// The instants of a script's steps under one release.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// The instant of the step that is the zero of all times.
    pub zero: Uptime,
    /// The instant of each step. For a restart, the instant at which the new process is up.
    pub instants: Vec<Uptime>,
    /// The end of the script, after the wait of the last step.
    pub end: Uptime,
    /// The time that the build of each agent takes, in the order in which builds start. Later builds take no time.
    pub builds: Vec<Millis>,
    /// How many times as long all of this is as in the recording.
    pub factor: u64,
}

impl Timing {
    /// The timing of a release's log.
    pub fn of_cell(recording: &Recording, release: Release, cell: &Cell) -> Self {
        let known: Vec<Option<Millis>> =
            recording.steps.iter().zip(&cell.client_log).map(|(step, entry)| driven(step, entry.t)).collect();
        let mut timing = Self::of_known(recording, ZERO, &known);
        let instants = Instants { steps: &timing.instants, zero: timing.zero, end: timing.end };
        timing.builds = builds::lengths(recording, release, cell, &instants);
        timing
    }

    /// The timing of the script alone, its times multiplied by `factor`. The first step is at the start of the run.
    pub fn of_script(recording: &Recording, factor: u64) -> Self {
        let mut known = Vec::new();
        let mut last = Millis::ZERO;
        for (index, step) in recording.steps.iter().enumerate() {
            if index >= recording.zero {
                last = max(last, step.at.unwrap_or(last));
                known.push(Some(last.times(factor)));
                last = last + step.length();
            } else {
                known.push(None);
            }
        }
        let mut timing = Self { factor, ..Self::of_known(recording, Uptime::default(), &known) };
        timing.end = timing.end.max(timing.zero + last.times(factor));
        timing
    }

    /// All durations multiplied by `factor`, with the first step at the start of the run.
    #[must_use]
    pub fn stretched(&self, factor: u64) -> Self {
        let first = self.instants.first().map_or(self.zero, |first| (*first).min(self.zero));
        let stretch = |instant: Uptime| Uptime((instant - first).times(factor).0);
        let instants = self.instants.iter().copied().map(stretch).collect();
        let builds = self.builds.iter().map(|build| build.times(factor)).collect();
        Self { zero: stretch(self.zero), instants, end: stretch(self.end), builds, factor: self.factor * factor }
    }

    /// `known` has times after the zero. Steps at one instant are a millisecond apart, because the recorder waited for
    /// each answer before it sent the next request.
    fn of_known(recording: &Recording, zero: Uptime, known: &[Option<Millis>]) -> Self {
        let spacing = spacing_before(recording);
        let before = spacing.iter().fold(Millis::ZERO, |sum, space| sum + *space);
        let mut instants: Vec<Uptime> = Vec::new();
        let zero = max(zero, Uptime(before.0));
        let mut next = Uptime(zero.0 - before.0);
        for space in &spacing {
            instants.push(next);
            next = next + *space;
        }
        for after_zero in &known[recording.zero..] {
            let instant = after_zero.map_or(next, |length| max(next, zero + length));
            instants.push(instant);
            next = instant + Millis(1);
        }
        restarts(recording, &mut instants);
        let last = recording.steps.last().map_or(Millis::ZERO, RecordedStep::length);
        let end = instants.last().copied().unwrap_or(zero) + last;
        Self { zero, instants, end, builds: Vec::new(), factor: 1 }
    }
}

/// The time of a step after the zero. A script's own time is exact, and replaces a recorded time that it rounds to.
fn driven(step: &RecordedStep, recorded: Option<f64>) -> Option<Millis> {
    let recorded = Millis((recorded?.max(0.0) * 1000.0).round() as u64);
    let is_rounded = |at: &Millis| at.0.abs_diff(recorded.0) <= (ROUNDING * 1000.0) as u64;
    Some(step.at.filter(is_rounded).unwrap_or(recorded))
}

/// The time from each step before the zero to the next step, which includes the build of an agent.
fn spacing_before(recording: &Recording) -> Vec<Millis> {
    let spacing = |step: &RecordedStep| match step.act {
        // The script does not wait for the agent, so the next step follows directly.
        Act::Do { unready: true, .. } => Millis(1),
        _ => SPACING + step.length(),
    };
    recording.steps[..recording.zero].iter().map(spacing).collect()
}

/// Moves each restart to just before the next step, because the recorder waited until the new process was up.
fn restarts(recording: &Recording, instants: &mut [Uptime]) {
    for (index, step) in recording.steps.iter().enumerate() {
        if matches!(step.action(), Some(Action::Process(ProcessStep::Restart { .. })))
            && let Some(next) = instants.get(index + 1).copied()
        {
            instants[index] = max(instants[index], Uptime(next.0 - 1));
        }
    }
}
