//! An exhaustive search through all schedules of a program, within bounds. Without bounds, no failure is missed.
//!
//! The search goes depth first over tapes. Each run begins anew and repeats the choices of the run before it up to the last
//! choice that has an untried alternative, so the memory that it needs is the length of one run. With
//! [`Reduction::SleepSets`], two steps that are ready at the same instant and whose [footprints](crate::footprint) do not
//! conflict are tried in one order only: the other task *sleeps* until a step conflicts with its own (Godefroid 1996). Every
//! state that can be reached is still reached.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use crate::footprint::{Footprint, Resource};
use crate::strategy::{Divergence, Go, READY, ReadyTask, StepStrategy, Strategy};

/// The bounds of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most runs, at least 1.
    pub schedules: u64,
    /// The choices of a run at which other alternatives are tried, counted from 0. At all others the first is taken.
    pub choices: Range<usize>,
}

/// Whether schedules that reach the same state are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Only one of two orders of commuting steps is tried. Sound only if tasks [report](crate::footprint) their shared state.
    SleepSets,
    /// Every order is tried.
    Off,
}

/// The schedules that the bounds left out. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Alternatives that were not tried because their choice is outside of [`Bounds::choices`].
    pub by_choices: u64,
    /// Whether untried schedules remained when [`Bounds::schedules`] was reached.
    pub by_schedules: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { schedules: 20_000, choices: 0..1_000 }
    }
}

/// The state of a search between its runs. A clone is a handle to the same search.
///
/// Run the program with [`strategy`](Self::strategy), look at the result, and call [`advance`](Self::advance); repeat as
/// long as that returns true. The program must be deterministic: a run that repeats the choices of another must have the
/// same tasks ready.
///
/// # Panics
/// A run panics in the strategy when its first choices differ from those that it must repeat.
pub struct Search<R>(Rc<RefCell<State<R>>>);

/// The steps of the current run, and the alternatives that remain to be tried at each.
struct State<R> {
    path: Vec<Point<R>>,
    /// The number of steps of the path that the current run repeats, with the same choices in them.
    known: usize,
    run: Run<R>,
    runs: u64,
    bounds: Bounds,
    reduction: Reduction,
    pruned: u64,
    cut: Cut,
}

/// The position of the current run on the path.
struct Run<R> {
    /// The number of steps that have begun.
    begun: usize,
    /// The number of choices so far.
    choices: usize,
    /// The number of choices inside the current step.
    drawn: usize,
    /// The footprint of the last step; `None` while the step is running.
    touched: Option<Footprint<R>>,
    left_off: bool,
}

/// A point at which some tasks were ready and one of them was polled.
struct Point<R> {
    ready: Vec<ReadyTask>,
    /// Tasks that need not be tried at this point, with the footprints of their steps.
    asleep: Sleepers<R>,
    /// Tasks that earlier runs tried at this point. With a reduction they are asleep.
    done: Vec<Rc<str>>,
    task: Rc<str>,
    /// The accesses of the step, for every outcome of the choices inside it.
    footprint: Footprint<R>,
    /// The choices inside its step.
    draws: Vec<Draw>,
    /// Whether the bounds exclude the other tasks.
    is_last: bool,
}

/// A choice inside a step.
struct Draw {
    ways: usize,
    pick: usize,
}

/// Tasks by label, with the footprint of the next step of each.
type Sleepers<R> = BTreeMap<Rc<str>, Rc<Footprint<R>>>;

impl<R: Resource> Search<R> {
    /// A search before its first run.
    pub fn new(bounds: Bounds, reduction: Reduction) -> Self {
        Self(Rc::new(RefCell::new(State {
            path: Vec::new(),
            known: 0,
            run: Run::default(),
            runs: 1,
            bounds,
            reduction,
            pruned: 0,
            cut: Cut::default(),
        })))
    }

    /// The strategy of the current run.
    pub fn strategy(&self) -> Box<dyn StepStrategy<R>> {
        Box::new(Guide(Rc::clone(&self.0)))
    }

    /// Ends the current run and selects the next one. False if none remains, or if a bound is reached.
    pub fn advance(&self) -> bool {
        self.0.borrow_mut().advance()
    }

    /// Whether the current run was abandoned, because other runs cover every continuation.
    pub fn has_left_off(&self) -> bool {
        self.0.borrow().run.left_off
    }

    /// The number of alternatives that were not tried because their task was asleep.
    pub fn pruned(&self) -> u64 {
        self.0.borrow().pruned
    }

    /// The schedules that the bounds have left out so far.
    pub fn cut(&self) -> Cut {
        self.0.borrow().cut
    }
}

impl<R> Clone for Search<R> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<R> Default for Run<R> {
    fn default() -> Self {
        Self { begun: 0, choices: 0, drawn: 0, touched: None, left_off: false }
    }
}

impl<R: Resource> State<R> {
    fn advance(&mut self) -> bool {
        if !self.backtrack() {
            return false;
        }
        if self.runs >= self.bounds.schedules {
            self.cut.by_schedules = true;
            return false;
        }
        self.runs += 1;
        true
    }

    /// Backtracks to the last point with an untried alternative. False when there is none.
    fn backtrack(&mut self) -> bool {
        let run = std::mem::take(&mut self.run);
        if let Some(point) = self.path.last_mut()
            && run.touched.is_none()
        {
            // The step panicked, so its footprint is unknown.
            point.footprint = Footprint::everywhere();
        }
        while let Some(point) = self.path.last_mut() {
            if point.draws_anew() || point.selects_another(self.reduction) {
                self.known = self.path.len() - 1;
                return true;
            }
            self.path.pop();
        }
        false
    }

    fn before_step(&mut self, ready: &[ReadyTask]) -> Go {
        if self.run.begun == self.path.len() {
            let Some(point) = self.next_point(ready) else {
                self.pruned += ready.len() as u64;
                self.run.left_off = true;
                return Go::LeaveOff;
            };
            let others = point.others() as u64;
            self.pruned += ready.len() as u64 - 1 - others;
            self.cut.by_choices += if point.is_last { others } else { 0 };
            self.path.push(point);
        }
        assert_eq!(self.path[self.run.begun].ready, ready, "a run begins as the run before it");
        self.run.begun += 1;
        self.run.choices += usize::from(ready.len() > 1);
        self.run.drawn = 0;
        self.run.touched = None;
        Go::On
    }

    /// The tasks that slept before the last step and were not woken by it. `None` if all ready tasks sleep.
    fn next_point(&self, ready: &[ReadyTask]) -> Option<Point<R>> {
        let mut asleep = Sleepers::new();
        if let (Some(before), Some(touched)) = (self.path.last(), &self.run.touched) {
            let sleeps = |(_, footprint): &(&Rc<str>, &Rc<Footprint<R>>)| !footprint.is_woken_by(touched);
            let still = before.asleep.iter().filter(sleeps);
            asleep.extend(still.map(|(task, footprint)| (Rc::clone(task), Rc::clone(footprint))));
        }
        Point::new(ready, asleep, !self.bounds.choices.contains(&self.run.choices))
    }

    fn after_step(&mut self, footprint: Footprint<R>) {
        if self.run.begun > self.known {
            self.path[self.run.begun - 1].footprint.merge(&footprint);
        }
        self.run.touched = Some(footprint);
    }

    fn pick(&mut self, site: &str, among: &[&str]) -> usize {
        let is_last = !self.bounds.choices.contains(&self.run.choices);
        let point = &mut self.path[self.run.begun - 1];
        if site == READY {
            return among.iter().position(|label| **label == *point.task).expect("the task is ready");
        }
        if self.run.drawn == point.draws.len() {
            let ways = if is_last { 1 } else { among.len() };
            self.cut.by_choices += (among.len() - ways) as u64;
            point.draws.push(Draw { ways, pick: 0 });
        }
        let pick = point.draws[self.run.drawn].pick;
        self.run.choices += 1;
        self.run.drawn += 1;
        pick
    }
}

impl<R: Resource> Point<R> {
    /// `None` if all ready tasks are asleep.
    fn new(ready: &[ReadyTask], asleep: Sleepers<R>, is_last: bool) -> Option<Self> {
        let awake = || ready.iter().filter(|task| !asleep.contains_key(&task.label));
        // A task that was tried first can sleep longer.
        let first = awake().find(|task| task.is_early).or_else(|| awake().next())?;
        let task = Rc::clone(&first.label);
        let (ready, footprint) = (ready.to_vec(), Footprint::default());
        Some(Self { ready, asleep, done: Vec::new(), task, footprint, draws: Vec::new(), is_last })
    }

    /// The number of tasks that could still be tried at this point.
    fn others(&self) -> usize {
        let is_other = |task: &&ReadyTask| task.label != self.task && !self.asleep.contains_key(&task.label);
        self.ready.iter().filter(is_other).count()
    }

    /// Selects the next outcome of the last choice inside the step that has an untried one.
    fn draws_anew(&mut self) -> bool {
        while let Some(draw) = self.draws.last_mut() {
            draw.pick += 1;
            if draw.pick < draw.ways {
                return true;
            }
            self.draws.pop();
        }
        false
    }

    /// Selects another task, and puts the tried one to sleep.
    fn selects_another(&mut self, reduction: Reduction) -> bool {
        let footprint = std::mem::take(&mut self.footprint);
        self.done.push(Rc::clone(&self.task));
        if reduction == Reduction::SleepSets {
            self.asleep.insert(Rc::clone(&self.task), Rc::new(footprint));
        }
        let is_new = |task: &&ReadyTask| !self.asleep.contains_key(&task.label) && !self.done.contains(&task.label);
        match self.ready.iter().find(is_new).filter(|_| !self.is_last) {
            Some(task) => self.task = Rc::clone(&task.label),
            None => return false,
        }
        true
    }
}

/// Leads a run along the path of a search.
struct Guide<R>(Rc<RefCell<State<R>>>);

impl<R: Resource> Strategy for Guide<R> {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        Ok(self.0.borrow_mut().pick(site, among))
    }
}

impl<R: Resource> StepStrategy<R> for Guide<R> {
    fn before_step(&mut self, ready: &[ReadyTask]) -> Go {
        self.0.borrow_mut().before_step(ready)
    }

    fn after_step(&mut self, footprint: Footprint<R>) {
        self.0.borrow_mut().after_step(footprint);
    }
}
