//! Shrinking: from a failing run to the smallest scenario that shows the same failure.
//!
//! A [`Reducer`] offers ever smaller scenarios. Each is run with the failing tape *followed* ([`Follow`]), then on the
//! scripted schedule, then on some schedules of the strategy that found the failure. A candidate that shows the same
//! target (for a failure: one with the same [`FailureSignature`]) becomes the next scenario to reduce. When the script cannot get shorter, the tape is brought nearer
//! to the scripted schedule ([`Departures`]). After that, settings and times are simplified only if that adds no departure.
//! The process ends when nothing gets smaller or the limit of runs is reached. The result is a function of the scenario,
//! the tape and the limits.

mod edit;
mod reducer;
mod size;
mod target;
mod time;

#[cfg(test)]
mod tests;

use gateway_core::release::Release;

pub(crate) use edit::tidy;
pub use reducer::Reducer;
pub use size::Size;
pub use target::as_shown;
pub(crate) use target::{Phase, Target, as_file, bare};
pub(crate) use time::Slot;

pub use interleaving::Departures;

use proptest::strategy::ValueTree;

use crate::signature::FailureSignature;
use interleaving::strategy::{Fifo, Follow, Plan, Profile, Random, Replay, Strategy};
use interleaving::tape::Tape;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;

/// The limits of a shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most runs that a shrink may take.
    pub tries: u64,
    /// The strategy that found the failure.
    pub plan: Plan,
    /// The number of schedules of that strategy that each candidate is run on.
    pub schedules: u64,
}

/// The smallest failing scenario so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// A scenario that runs as a file: with its release, its tape, its expectation and its `about`.
    pub scenario: Scenario,
    /// Its tape up to the last departure; after its end the first alternative is taken.
    pub tape: Tape,
    /// The number of runs so far.
    pub tries: u64,
}

/// The run does not show what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the run ends `{outcome}` and does not show `{target}`")]
pub struct NotShown {
    target: String,
    outcome: Outcome,
}

impl Default for Limits {
    fn default() -> Self {
        Self { tries: 20_000, plan: Plan::Portfolio, schedules: 2 }
    }
}

/// Shrinks a failing run. Calls `on_progress` with each smaller scenario as soon as it is found; the last one is the result.
pub fn shrink(
    simulator: &mut Simulator,
    scenario: &Scenario,
    release: Release,
    tape: &Tape,
    target: &FailureSignature,
    limits: Limits,
    on_progress: &mut dyn FnMut(&Shrunk),
) -> Result<Shrunk, NotShown> {
    let mut scenario = scenario.clone();
    // The facts of a file are about its whole script; a smaller one is judged by them only if they are what fails.
    if target.claim != Outcome::FactsDiffer.word() {
        scenario.facts.clear();
    }
    shrink_to(simulator, &scenario, release, tape, target, limits, on_progress)
}

/// Whether the run of a tape shows the target, so that [`shrink_to`] can start with it.
pub(crate) fn is_shown(
    simulator: &mut Simulator,
    scenario: &Scenario,
    release: Release,
    tape: &Tape,
    target: &dyn Target,
) -> bool {
    target::run(simulator, scenario, release, Box::new(Replay::new(tape.clone())), target).1.is_some()
}

/// The scripted run, if it and some random schedules show the target while the script acts.
pub(crate) fn shown_on_any_schedule(
    simulator: &mut Simulator,
    scenario: &Scenario,
    release: Release,
    target: &dyn Target,
) -> Option<Report> {
    let mut run = |strategy: Box<dyn Strategy>| {
        let (report, phase) = target::run(simulator, scenario, release, strategy, target);
        (phase == Some(Phase::Script)).then_some(report)
    };
    let report = run(Box::new(Fifo))?;
    (0..SAMPLE).all(|seed| run(Box::new(Random::new(seed))).is_some()).then_some(report)
}

/// As [`shrink`], for whatever a run may show.
pub(crate) fn shrink_to(
    simulator: &mut Simulator,
    scenario: &Scenario,
    release: Release,
    tape: &Tape,
    target: &dyn Target,
    limits: Limits,
    on_progress: &mut dyn FnMut(&Shrunk),
) -> Result<Shrunk, NotShown> {
    let scenario = bare(scenario, release);
    let (report, phase) = target::run(simulator, &scenario, release, Box::new(Replay::new(tape.clone())), target);
    let Some(phase) = phase else {
        return Err(NotShown { target: target.name(), outcome: report.outcome });
    };
    let tape = Departures::until_last(&report.tape);
    let best = Shrunk { scenario: target.finished(scenario.clone(), &report, &tape), tape, tries: 1 };
    let schedules = Schedules::Own;
    let mut search =
        Search { simulator, release, target, phase, schedules, limits, tries: 1, bare: scenario, best, on_progress };
    (search.on_progress)(&search.best);
    loop {
        search.reduce_scenario();
        if !search.reduce_tape() || search.is_over() {
            break;
        }
    }
    Ok(Shrunk { tries: search.tries, ..search.best })
}

/// The schedules on which a failure shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Schedules {
    /// On every schedule that was tried.
    Any,
    /// Only on the schedule of the failing run.
    Own,
}

/// The number of schedules that stand for all.
const SAMPLE: u64 = 5;

struct Search<'a> {
    simulator: &'a mut Simulator,
    release: Release,
    target: &'a dyn Target,
    phase: Phase,
    schedules: Schedules,
    limits: Limits,
    tries: u64,
    /// The smallest scenario so far, without texts and expectations about its run.
    bare: Scenario,
    best: Shrunk,
    on_progress: &'a mut dyn FnMut(&Shrunk),
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.tries >= self.limits.tries
    }

    fn reduce_scenario(&mut self) {
        let bare = self.bare.clone();
        self.schedules = if self.shows_on_any_schedule(&bare) { Schedules::Any } else { Schedules::Own };
        // Reserves some runs for the tape, however long the scenario takes.
        let end = self.limits.tries - self.limits.tries / 4;
        let mut reducer = Reducer::new(self.bare.clone());
        let mut goes_on = reducer.simplify();
        let mut tape_is_reduced = false;
        while goes_on && self.tries < end {
            let candidate = reducer.current();
            let smaller_script = Size::of(&candidate).script() < Size::of(&self.bare).script();
            if !smaller_script && !tape_is_reduced {
                self.reduce_tape();
                tape_is_reduced = true;
            }
            let report = self.failing(&candidate).filter(|report| {
                smaller_script || Departures::count(&report.tape) <= Departures::count(&self.best.tape)
            });
            goes_on = match report {
                Some(report) if self.schedules == Schedules::Own || self.shows_on_any_schedule(&candidate) => {
                    tape_is_reduced &= !smaller_script;
                    self.improve(candidate, &report);
                    reducer.simplify()
                }
                _ => reducer.complicate(),
            };
        }
    }

    /// Whether the tape has fewer departures than before.
    fn reduce_tape(&mut self) -> bool {
        let mut departures = Departures::new(self.best.tape.clone());
        let mut simpler = false;
        while let Some(candidate) = departures.next().filter(|_| !self.is_over()) {
            let scenario = self.bare.clone();
            let report = self.shown(&scenario, Box::new(Follow::new(&candidate)));
            let tape = report.as_ref().map(|report| Departures::until_last(&report.tape));
            let taken = departures.judge(tape);
            if let Some(report) = report.filter(|_| taken) {
                self.improve(scenario, &report);
                simpler = true;
            }
        }
        simpler
    }

    /// A run of the candidate that shows the failure.
    fn failing(&mut self, candidate: &Scenario) -> Option<Report> {
        if let Some(report) = self.shown(candidate, Box::new(Follow::new(&self.best.tape))) {
            return Some(report);
        }
        if !self.best.tape.choices.is_empty()
            && let Some(report) = self.shown(candidate, Box::new(Fifo))
        {
            return Some(report);
        }
        // A tape that was not needed so far would only lengthen the file.
        let schedules = if self.best.tape.choices.is_empty() { 0 } else { self.limits.schedules };
        (0..schedules).find_map(|number| {
            let profile = Profile::of(&self.best.tape);
            self.shown(candidate, self.limits.plan.strategy(self.tries + number, &profile))
        })
    }

    /// Whether a few random schedules all show the failure. Such a failure must not be reduced to one that depends on the
    /// order of two events at one instant, because that would be another bug.
    fn shows_on_any_schedule(&mut self, scenario: &Scenario) -> bool {
        (0..SAMPLE).all(|seed| self.shown(scenario, Box::new(Random::new(seed))).is_some())
    }

    /// Runs the candidate, and returns the run if it shows the failure.
    fn shown(&mut self, scenario: &Scenario, strategy: Box<dyn Strategy>) -> Option<Report> {
        self.tries += 1;
        let (report, phase) = target::run(self.simulator, scenario, self.release, strategy, self.target);
        // A failure of the script phase must not be reduced to one of the heal phase, which the file would not show.
        let phase = phase?;
        (phase == self.phase || phase == Phase::Script).then_some(report)
    }

    fn improve(&mut self, scenario: Scenario, report: &Report) {
        let tape = Departures::until_last(&report.tape);
        let finished = self.target.finished(scenario.clone(), report, &tape);
        self.bare = scenario;
        self.best = Shrunk { scenario: finished, tape, tries: self.tries };
        (self.on_progress)(&self.best);
    }
}
