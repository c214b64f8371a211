//! Many runs of one program: every schedule, sampled schedules, and simpler schedules for the same failure.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::chooser::Chooser;
use crate::program::{Failure, Run, Sim, play, run};
use crate::search::{Bounds, Cut, Reduction, Search};
use crate::shrink::Departures;
use crate::strategy::{Fifo, Follow, Plan, Profile};

/// The most runs that [`shrink`] makes.
const SHRINK_RUNS_MAX: u64 = 10_000;

/// The result of a search through the schedules of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored<T> {
    /// Schedules that were run to their end.
    pub schedules: u64,
    /// Schedules that were abandoned, because other schedules cover every continuation. 0 without a reduction.
    pub left_off: u64,
    /// Alternatives that were not tried because other schedules cover them. 0 without a reduction.
    pub pruned: u64,
    /// The schedules that the bounds left out.
    pub cut: Cut,
    /// The distinct values that `main` returned.
    pub ends: BTreeSet<T>,
    /// The first run that failed. The search stops there.
    pub failure: Option<Run<T>>,
}

/// A failing run, and the seed whose strategy found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// The seed of the strategy that found the failure, for the plan that was given.
    pub seed: u64,
    /// The run. Its result is an error.
    pub run: Run<T>,
}

impl<T> Explored<T> {
    /// Whether every schedule was covered and none failed.
    pub fn is_proof(&self) -> bool {
        self.failure.is_none() && self.cut == Cut::default()
    }
}

/// Runs a program on every schedule within `bounds`, up to the first failure.
///
/// The number of schedules grows with the number of orders of all steps. For a program that reports what its tasks share,
/// [`explore_reduced`] needs far fewer.
///
/// # Panics
/// When called inside a tokio runtime, or when the program is not deterministic.
pub fn explore<T, F>(bounds: Bounds, program: impl Fn(Sim) -> F) -> Explored<T>
where
    T: Ord + 'static,
    F: Future<Output = T> + 'static,
{
    search(bounds, Reduction::Off, program)
}

/// As [`explore`], but of two orders of steps that commute only one is run.
///
/// The reduced search reaches the same results and failures if every step reports all state that it shares with other tasks:
/// through [`Shared`](crate::Shared), [`Sim::reads`] and [`Sim::writes`]. The engine reports spawns, joins and wakes itself,
/// but not the contents of channels and locks.
///
/// # Panics
/// As [`explore`].
pub fn explore_reduced<T, F>(bounds: Bounds, program: impl Fn(Sim) -> F) -> Explored<T>
where
    T: Ord + 'static,
    F: Future<Output = T> + 'static,
{
    search(bounds, Reduction::SleepSets, program)
}

fn search<T, F>(bounds: Bounds, reduction: Reduction, program: impl Fn(Sim) -> F) -> Explored<T>
where
    T: Ord + 'static,
    F: Future<Output = T> + 'static,
{
    let search = Search::new(bounds, reduction);
    let (mut schedules, mut left_off, mut ends, mut failure) = (0, 0, BTreeSet::new(), None);
    loop {
        let run = play(Chooser::with_steps(search.strategy()), &program);
        match run.result {
            Err(Failure::LeftOff) => left_off += 1,
            Err(_) => {
                schedules += 1;
                failure = Some(run);
                break;
            }
            Ok(end) => {
                schedules += 1;
                ends.insert(end);
            }
        }
        if !search.advance() {
            break;
        }
    }
    Explored { schedules, left_off, pruned: search.pruned(), cut: search.cut(), ends, failure }
}

/// Runs a program once for each seed, on a schedule of the plan, up to the first failure; `None` if there is none.
///
/// # Panics
/// When called inside a tokio runtime.
pub fn fuzz<T, F>(plan: Plan, seeds: Range<u64>, program: impl Fn(Sim) -> F) -> Option<Found<T>>
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    let profile = match plan.needs_profile() {
        true => Profile::of(&run(Fifo, &program).tape),
        false => Profile::default(),
    };
    seeds.into_iter().find_map(|seed| {
        let run = run(plan.strategy(seed, &profile), &program);
        run.result.is_err().then_some(Found { seed, run })
    })
}

/// Looks for a simpler run with an equal failure: fewer picks that are not the first alternative, then earlier ones.
///
/// The tape of the result ends with its last departure; a replay takes the first alternatives after that. A run that did
/// not fail is returned unchanged.
///
/// # Panics
/// When called inside a tokio runtime.
pub fn shrink<T, F>(failing: Run<T>, program: impl Fn(Sim) -> F) -> Run<T>
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    let Some(failure) = failing.result.as_ref().err().cloned() else { return failing };
    let mut departures = Departures::new(failing.tape.clone());
    let mut best = failing;
    for _ in 0..SHRINK_RUNS_MAX {
        let Some(candidate) = departures.next() else { break };
        let run = run(Follow::new(&candidate), &program);
        let fails = run.result.as_ref().err() == Some(&failure);
        if departures.judge(fails.then(|| Departures::until_last(&run.tape))) {
            best = run;
        }
    }
    best.tape = Departures::until_last(&best.tape);
    best
}
