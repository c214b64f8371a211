//! A check that a program depends on nothing outside of its run.
//!
//! [`Record`] wraps any strategy and logs each step and each choice of a run. [`Compare`] repeats the logged choices in a
//! second run and stops at the first difference, also at steps without a choice. A tape contains the choices only.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::chooser::Chooser;
use crate::footprint::Footprint;
use crate::program::{Run, Sim, play};
use crate::strategy::{Divergence, Go, ReadyTask, StepStrategy, Strategy};

/// Runs a program twice with the same choices. Returns the first run, or the first difference between the two.
///
/// # Errors
/// When the second run differs from the first: the program depends on something outside of its run, such as the
/// machine's time, a static, an address or the order of a hash map.
///
/// # Panics
/// When called inside a tokio runtime.
pub fn check_determinism<T, F>(
    strategy: impl Strategy + 'static,
    program: impl Fn(Sim) -> F,
) -> Result<Run<T>, Difference>
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    let log = Log::default();
    let first = play(Chooser::with_steps(Box::new(Record::new(strategy, &log))), &program);
    let compare = Compare::new(&log);
    let second = play(Chooser::with_steps(Box::new(compare.clone())), &program);
    compare.finish()?;
    let end = |run: &Run<T>| format!("the end at {} ms, {:?}", run.uptime, run.result.as_ref().err());
    match (end(&first), end(&second)) {
        (one, other) if one == other => Ok(first),
        (first_end, second_end) => Err(Difference { number: log.len() + 1, first: first_end, second: second_end }),
    }
}

/// The first place at which two runs with the same choices differ.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the program is not deterministic: event {number} is `{first}` in one run and `{second}` in the next")]
pub struct Difference {
    /// The place among the steps and choices of the run, counted from 1.
    pub number: usize,
    /// The step or the choice in the first run.
    pub first: String,
    /// The same place in the second run.
    pub second: String,
}

/// The steps and choices of a run, in order. A clone is a handle to the same log.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<Event>>>);

#[derive(Clone, PartialEq, Eq)]
enum Event {
    /// One of these tasks is polled.
    Step(Vec<Rc<str>>),
    /// One of these alternatives is picked, by index.
    Choice(String, Vec<String>, usize),
}

impl Log {
    /// The number of steps and choices in the log.
    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Whether the log is empty.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

impl Event {
    fn step(ready: &[ReadyTask]) -> Self {
        Self::Step(ready.iter().map(|task| Rc::clone(&task.label)).collect())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(ready) => write!(f, "a step of {}", ready.join(" or ")),
            Self::Choice(site, among, _) => write!(f, "{site} among {}", among.join(" | ")),
        }
    }
}

/// Logs the steps and choices of a run under a strategy.
pub struct Record<S> {
    strategy: S,
    log: Log,
}

impl<S: Strategy> Record<S> {
    /// Returns the picks of `strategy` and appends them to `log`.
    pub fn new(strategy: S, log: &Log) -> Self {
        Self { strategy, log: log.clone() }
    }

    fn note(&self, site: &str, among: &[&str], pick: usize) {
        let among = among.iter().map(|label| (*label).to_owned()).collect();
        self.log.0.borrow_mut().push(Event::Choice(site.to_owned(), among, pick));
    }
}

impl<S: Strategy> Strategy for Record<S> {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        self.strategy.pick(site, among).inspect(|pick| self.note(site, among, *pick))
    }

    fn pick_by_weight(&mut self, site: &str, among: &[&str], weights: &[u64]) -> Result<usize, Divergence> {
        self.strategy.pick_by_weight(site, among, weights).inspect(|pick| self.note(site, among, *pick))
    }

    fn left(&self) -> Option<Divergence> {
        self.strategy.left()
    }
}

impl<S: Strategy, R> StepStrategy<R> for Record<S> {
    fn before_step(&mut self, ready: &[ReadyTask]) -> Go {
        self.log.0.borrow_mut().push(Event::step(ready));
        Go::On
    }

    fn after_step(&mut self, _footprint: Footprint<R>) {}
}

/// Repeats the choices of a log, and abandons the run at the first difference. A clone is a handle to the same comparison.
#[derive(Clone)]
pub struct Compare(Rc<RefCell<Comparison>>);

struct Comparison {
    log: Log,
    next: usize,
    difference: Option<Difference>,
}

impl Compare {
    /// Compares a run with the one that was logged.
    pub fn new(log: &Log) -> Self {
        Self(Rc::new(RefCell::new(Comparison { log: log.clone(), next: 0, difference: None })))
    }

    /// Ends the comparison.
    ///
    /// # Errors
    /// The first difference. A run that ends before the log ends is a difference.
    pub fn finish(&self) -> Result<(), Difference> {
        let mut comparison = self.0.borrow_mut();
        let left = comparison.log.0.borrow().get(comparison.next).map(Event::to_string);
        if let Some(left) = left {
            comparison.differs(left, "the end of the run".to_owned());
        }
        comparison.difference.clone().map_or(Ok(()), Err)
    }
}

impl Comparison {
    /// The logged event at this position, if it equals `event` apart from the pick.
    fn expect(&mut self, event: &Event) -> Option<Event> {
        let logged = self.log.0.borrow().get(self.next).cloned();
        let fits = match (&logged, event) {
            (Some(Event::Choice(site, among, _)), Event::Choice(other_site, others, _)) => {
                site == other_site && among == others
            }
            (Some(logged), event) => logged == event,
            (None, _) => false,
        };
        if !fits {
            let logged = logged.map_or_else(|| "the end of the run".to_owned(), |event| event.to_string());
            self.differs(logged, event.to_string());
            return None;
        }
        self.next += 1;
        logged
    }

    fn differs(&mut self, first: String, second: String) {
        let number = self.next + 1;
        self.difference.get_or_insert(Difference { number, first, second });
    }
}

impl Strategy for Compare {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        let among = among.iter().map(|label| (*label).to_owned()).collect();
        match self.0.borrow_mut().expect(&Event::Choice(site.to_owned(), among, 0)) {
            Some(Event::Choice(_, _, pick)) => Ok(pick),
            // The run is abandoned before its next step; until then the first alternative is harmless.
            _ => Ok(0),
        }
    }
}

impl<R> StepStrategy<R> for Compare {
    fn before_step(&mut self, ready: &[ReadyTask]) -> Go {
        let mut comparison = self.0.borrow_mut();
        let goes_on = comparison.difference.is_none() && comparison.expect(&Event::step(ready)).is_some();
        if goes_on { Go::On } else { Go::LeaveOff }
    }

    fn after_step(&mut self, _footprint: Footprint<R>) {}
}
