//! The instant of each step: at the time that the log recorded for it, never at a guessed one.

use std::cmp::max;

use gateway_core::clock::{Millis, Uptime};

use super::{Act, Cell, RecordedStep, Recording};
use sim_scenario::{Action, ProcessStep, RequestStep};

/// The virtual instant of the step that is the zero of all times.
pub const ZERO: Uptime = Uptime(100_000);

/// The time between steps before the zero, for which recordings have no times.
const SPACING: Millis = Millis::from_secs(1);

/// The time from the creation of a session to the start of its agent's build.
const BUILD_DELAY: Millis = Millis(50);

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
    /// The time that the build of an agent takes.
    pub build: Millis,
}

impl Timing {
    /// The timing of a release's log.
    pub fn of_cell(recording: &Recording, cell: &Cell) -> Self {
        let known: Vec<Option<Millis>> =
            recording.steps.iter().zip(&cell.client_log).map(|(step, entry)| driven(step, entry.t)).collect();
        Self::of_known(recording, ZERO, &known, build(recording, cell, &known))
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
        let mut timing = Self::of_known(recording, Uptime::default(), &known, Millis::ZERO);
        timing.end = timing.end.max(timing.zero + last.times(factor));
        timing
    }

    /// All durations multiplied by `factor`, with the first step at the start of the run.
    #[must_use]
    pub fn stretched(&self, factor: u64) -> Self {
        let first = self.instants.first().map_or(self.zero, |first| (*first).min(self.zero));
        let stretch = |instant: Uptime| Uptime((instant - first).times(factor).0);
        let instants = self.instants.iter().copied().map(stretch).collect();
        Self { zero: stretch(self.zero), instants, end: stretch(self.end), build: self.build.times(factor) }
    }

    /// `known` has times after the zero. Steps at one instant are a millisecond apart, because the recorder waited for
    /// each answer before it sent the next request.
    fn of_known(recording: &Recording, zero: Uptime, known: &[Option<Millis>], build: Millis) -> Self {
        let spacing = spacing_before(recording, build);
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
        Self { zero, instants, end, build }
    }
}

/// The time of a step after the zero. A script's own time is exact, and replaces a recorded time that it rounds to.
fn driven(step: &RecordedStep, recorded: Option<f64>) -> Option<Millis> {
    let recorded = Millis((recorded?.max(0.0) * 1000.0).round() as u64);
    let is_rounded = |at: &Millis| at.0.abs_diff(recorded.0) <= (ROUNDING * 1000.0) as u64;
    Some(step.at.filter(is_rounded).unwrap_or(recorded))
}

/// The time from each step before the zero to the next step: enough to build an agent.
fn spacing_before(recording: &Recording, build: Millis) -> Vec<Millis> {
    let spacing = |step: &RecordedStep| match step.act {
        // The script does not wait for the agent, so the next step follows directly.
        Act::Do { unready: true, .. } => Millis(1),
        _ => SPACING + build + step.length(),
    };
    recording.steps[..recording.zero].iter().map(spacing).collect()
}

/// Moves each restart to just before the next step, because the recorder waited until the new process was up.
fn restarts(recording: &Recording, instants: &mut [Uptime]) {
    for (index, step) in recording.steps.iter().enumerate() {
        if step.action() == Some(&Action::Process(ProcessStep::Restart))
            && let Some(next) = instants.get(index + 1).copied()
        {
            instants[index] = max(instants[index], Uptime(next.0 - 1));
        }
    }
}

/// The build time of an agent as far as the log shows it: from a step that waited for the agent, else from a turn that
/// did.
fn build(recording: &Recording, cell: &Cell, known: &[Option<Millis>]) -> Millis {
    let by_step = (0..recording.steps.len()).find_map(|index| build_by_step(recording, index, known));
    by_step.or_else(|| build_by_turn(recording, cell, known)).unwrap_or_default()
}

/// The build time from one resume or create. The recorder waited until the agent was built. The log shows that time if
/// the next step followed directly, or happened later than its own time.
fn build_by_step(recording: &Recording, index: usize, known: &[Option<Millis>]) -> Option<Millis> {
    let (step, next) = (&recording.steps[index], recording.steps.get(index + 1)?);
    let (start, over) = (known[index]?, (*known.get(index + 1)?)?);
    let length = Millis(over.0.checked_sub(start.0)?);
    let waited = next.at.is_none_or(|at| at < over);
    let Act::Do { action: Action::Request(request), unready: false } = &step.act else { return None };
    let length = if let RequestStep::Resume { .. } = request {
        length
    } else if let RequestStep::Create { .. } = request {
        Millis(length.0.saturating_sub(BUILD_DELAY.0))
    } else {
        return None;
    };
    (waited && length > Millis::ZERO).then_some(length)
}

/// The build time from the first turn of a session whose script did not wait for the agent: the turn starts when the
/// agent is built.
fn build_by_turn(recording: &Recording, cell: &Cell, known: &[Option<Millis>]) -> Option<Millis> {
    let steps = recording.steps.iter().enumerate();
    for (index, step) in steps {
        let Act::Do { action, unready: true } = &step.act else { continue };
        let session = action.names().or_else(|| action.session())?;
        let prompts = recording.steps.iter().enumerate().skip(index + 1);
        let (place, script) = prompts.into_iter().find_map(|(place, step)| {
            let action = step.action().filter(|action| action.session() == Some(session))?;
            Some((place, action.prompt()?.text()))
        })?;
        let prompted = known[place]?;
        let is_its = |entry: &&super::AgentEntry| entry.step == "turn.start" && entry.script.as_deref() == Some(script);
        let begun = cell.agent_log.iter().filter(is_its).filter_map(|entry| entry.t).next()?;
        let begun = Millis((begun.max(0.0) * 1000.0).round() as u64);
        let from = known[index].map_or(prompted, |made| (made + BUILD_DELAY).min(prompted));
        return Some(Millis(begun.0.saturating_sub(from.0)));
    }
    None
}
