//! The way of a search through the choices of a scenario, and the strategy that leads a run along it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Bounds, Reduction};
use crate::footprint::Footprint;
use crate::strategy::{Divergence, Go, READY, Strategy};

/// Tasks that absorb what others have for them. They go first, since one that goes first can sleep for longer.
const EARLY: &str = "/inbox";

/// Where a search is: the steps of the present run, and what is still to be tried at each.
pub(super) struct Search {
    path: Vec<Point>,
    /// How many of its steps are those of the run before, with the same choices in them.
    known: usize,
    run: Run,
    bounds: Bounds,
    reduction: Reduction,
    pruned: u64,
    cut: u64,
}

/// How far the present run is.
#[derive(Default)]
struct Run {
    /// How many steps have begun.
    begun: usize,
    /// How many choices there were, and how many of them in the present step.
    choices: usize,
    drawn: usize,
    /// What the last step touched; none as long as it goes on.
    touched: Option<Footprint>,
    left_off: bool,
}

/// A point at which some tasks were ready and one of them got its turn.
struct Point {
    ready: Vec<Rc<str>>,
    /// Tasks that need not get their turn here, and what their steps touch.
    asleep: Sleepers,
    /// Tasks that had their turn here in earlier runs; where anything is reduced, they are asleep by now.
    done: Vec<Rc<str>>,
    task: Rc<str>,
    /// What its step touches, whatever is drawn in it.
    footprint: Footprint,
    /// Latencies and faults that are drawn in its step.
    draws: Vec<Draw>,
    /// Other tasks are not tried.
    is_last: bool,
}

/// A choice inside a step.
struct Draw {
    ways: usize,
    pick: usize,
}

/// Tasks by label, and what the step of each would touch.
type Sleepers = BTreeMap<Rc<str>, Rc<Footprint>>;

impl Search {
    pub(super) fn new(bounds: Bounds, reduction: Reduction) -> Self {
        Self { path: Vec::new(), known: 0, run: Run::default(), bounds, reduction, pruned: 0, cut: 0 }
    }

    /// Alternatives that were not gone into because their task was asleep.
    pub(super) fn pruned(&self) -> u64 {
        self.pruned
    }

    /// Alternatives that come too early or too late in their run.
    pub(super) fn cut(&self) -> u64 {
        self.cut
    }

    /// Whether the run was left off.
    pub(super) fn has_left_off(&self) -> bool {
        self.run.left_off
    }

    /// The run is over: turns to the next one. False when there is none.
    pub(super) fn advance(&mut self) -> bool {
        let run = std::mem::take(&mut self.run);
        if let Some(point) = self.path.last_mut()
            && run.touched.is_none()
        {
            // The step did not come to its end: it panicked.
            point.footprint = Footprint::everywhere();
        }
        while let Some(point) = self.path.last_mut() {
            if point.draws_anew() || point.turns_to_another(self.reduction) {
                self.known = self.path.len() - 1;
                return true;
            }
            self.path.pop();
        }
        false
    }

    /// One of these tasks is about to get its turn.
    fn turn(&mut self, ready: &[Rc<str>]) -> Go {
        if self.run.begun == self.path.len() {
            let Some(point) = self.next_point(ready) else {
                self.pruned += ready.len() as u64;
                self.run.left_off = true;
                return Go::LeaveOff;
            };
            let others = point.others() as u64;
            self.pruned += ready.len() as u64 - 1 - others;
            self.cut += if point.is_last { others } else { 0 };
            self.path.push(point);
        }
        assert_eq!(self.path[self.run.begun].ready, ready, "a run begins as the one before");
        self.run.begun += 1;
        self.run.choices += usize::from(ready.len() > 1);
        self.run.drawn = 0;
        self.run.touched = None;
        Go::On
    }

    /// Asleep are those who slept before the last step and were not woken by it. None when all that are ready are.
    fn next_point(&self, ready: &[Rc<str>]) -> Option<Point> {
        let mut asleep = Sleepers::new();
        if let (Some(before), Some(touched)) = (self.path.last(), &self.run.touched) {
            let sleeps = |(_, footprint): &(&Rc<str>, &Rc<Footprint>)| !footprint.is_woken_by(touched);
            let still = before.asleep.iter().filter(sleeps);
            asleep.extend(still.map(|(task, footprint)| (Rc::clone(task), Rc::clone(footprint))));
        }
        Point::new(ready, asleep, !self.bounds.choices.contains(&self.run.choices))
    }

    fn ran(&mut self, footprint: Footprint) {
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
            self.cut += (among.len() - ways) as u64;
            point.draws.push(Draw { ways, pick: 0 });
        }
        let pick = point.draws[self.run.drawn].pick;
        self.run.choices += 1;
        self.run.drawn += 1;
        pick
    }
}

impl Point {
    /// None when all that are ready are asleep.
    fn new(ready: &[Rc<str>], asleep: Sleepers, is_last: bool) -> Option<Self> {
        let awake = || ready.iter().filter(|task| !asleep.contains_key(*task));
        let task = Rc::clone(awake().find(|task| task.ends_with(EARLY)).or_else(|| awake().next())?);
        let (ready, footprint) = (ready.to_vec(), Footprint::default());
        Some(Self { ready, asleep, done: Vec::new(), task, footprint, draws: Vec::new(), is_last })
    }

    /// How many more tasks could have their turn here.
    fn others(&self) -> usize {
        self.ready.iter().filter(|task| **task != self.task && !self.asleep.contains_key(*task)).count()
    }

    /// The last draw of its step that can turn out otherwise does.
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

    /// Another task gets its turn, and the one that had it goes to sleep.
    fn turns_to_another(&mut self, reduction: Reduction) -> bool {
        let footprint = std::mem::take(&mut self.footprint);
        self.done.push(Rc::clone(&self.task));
        if reduction == Reduction::SleepSets {
            self.asleep.insert(Rc::clone(&self.task), Rc::new(footprint));
        }
        let is_new = |task: &&Rc<str>| !self.asleep.contains_key(*task) && !self.done.contains(task);
        match self.ready.iter().find(is_new).filter(|_| !self.is_last) {
            Some(task) => self.task = Rc::clone(task),
            None => return false,
        }
        true
    }
}

/// Leads a run along the way of a search.
pub(super) struct Guide(Rc<RefCell<Search>>);

impl Guide {
    pub(super) fn of(search: &Rc<RefCell<Search>>) -> Self {
        Self(Rc::clone(search))
    }
}

impl Strategy for Guide {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        Ok(self.0.borrow_mut().pick(site, among))
    }

    fn wants_footprints(&self) -> bool {
        true
    }

    fn turn(&mut self, ready: &[Rc<str>]) -> Go {
        self.0.borrow_mut().turn(ready)
    }

    fn ran(&mut self, footprint: Footprint) {
        self.0.borrow_mut().ran(footprint);
    }
}
