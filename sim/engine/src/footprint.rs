//! What one step of a task accesses: the ground on which a search decides that the order of two steps does not matter.
//!
//! A *step* is one poll of a task by the [pool](crate::pool), from the end of one wait to the next. Code that tasks share
//! reports its accesses to [`Footprints`] while a step runs; the result is the step's [`Footprint`]. Two steps that are
//! ready at the same instant commute if neither reads or writes what the other writes.
//!
//! # Contract
//! A footprint may be too large: that costs schedules. It must not be too small: that costs the proof. Only state that no
//! other task can observe may be left out. The pool itself reports which tasks a step woke and which labels it used up;
//! everything else, the contents of channels included, is for the program to report.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

/// Names something that several tasks share: a table, a queue, a counter.
///
/// Equal values name the same thing. Nothing else is asked of them; a `String` will do.
pub trait Resource: Clone + Ord + fmt::Debug + 'static {
    /// Whether an observer outside the tasks reads it between steps. The default is `false`.
    ///
    /// It matters only to a program that calls [`Footprints::observer_changed`].
    fn is_observed(&self) -> bool {
        false
    }
}

impl Resource for String {}
impl Resource for Rc<str> {}
impl Resource for &'static str {}

/// The accesses of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint<R> {
    read: BTreeSet<Touched<R>>,
    written: BTreeSet<Touched<R>>,
    /// Read, but a later write is taken in by another step of the same task, with the same outcome as if one step had
    /// taken in both.
    absorbed: BTreeSet<Touched<R>>,
    reach: Reach,
    observer: Observer,
}

/// What a step can access: things of the program, and things of the pool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touched<R> {
    /// Whether the task with this label is ready: others wake it, its own step consumes that.
    Ready(Rc<str>),
    /// How often a label was used, which decides the number of the next task with it.
    Label(String),
    /// What the task with this label returned.
    Output(String),
    /// A thing of the program.
    Program(R),
}

/// How far a step reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Only the accesses that it reported.
    #[default]
    Listed,
    /// It may have accessed anything.
    Everywhere,
}

/// What an observer outside the tasks made of the state after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Observer {
    /// It depends on the state alone.
    #[default]
    Unchanged,
    /// It depends on the way there: see [`Footprints::observer_changed`].
    Changed,
}

impl<R> Default for Footprint<R> {
    fn default() -> Self {
        Self {
            read: BTreeSet::new(),
            written: BTreeSet::new(),
            absorbed: BTreeSet::new(),
            reach: Reach::default(),
            observer: Observer::default(),
        }
    }
}

impl<R: Resource> Footprint<R> {
    /// The footprint of a step of which nothing is known. It conflicts with every other.
    pub fn everywhere() -> Self {
        Self { reach: Reach::Everywhere, ..Self::default() }
    }

    /// Whether the order of two steps may matter. Symmetric.
    pub fn conflicts(&self, other: &Self) -> bool {
        self.is_woken_by(other)
            || !self.written.is_disjoint(&other.absorbed)
            || !self.absorbed.is_disjoint(&other.written)
    }

    /// Whether a task that a search has put to sleep, and whose next step has this footprint, must wake after `other`.
    ///
    /// A conflict wakes it, with one exception: a step that absorbs something is not woken by a write to it. Where the
    /// sleeping task went first, it absorbed the later write in a step of its own, with the same outcome.
    pub fn is_woken_by(&self, other: &Self) -> bool {
        self.reach == Reach::Everywhere
            || other.reach == Reach::Everywhere
            || self.disturbs(other)
            || other.disturbs(self)
            || !self.written.is_disjoint(&other.written)
            || !self.written.is_disjoint(&other.absorbed)
    }

    /// Adds the accesses of another run of the same step.
    pub fn merge(&mut self, other: &Self) {
        self.read.extend(other.read.iter().cloned());
        self.written.extend(other.written.iter().cloned());
        self.absorbed.extend(other.absorbed.iter().cloned());
        self.reach = self.reach.max(other.reach);
        self.observer = self.observer.max(other.observer);
    }

    fn disturbs(&self, other: &Self) -> bool {
        !self.written.is_disjoint(&other.read) || (other.observer == Observer::Changed && self.changes_observed())
    }

    /// Whether it wrote something that the observer reads.
    fn changes_observed(&self) -> bool {
        self.written.iter().any(|touched| matches!(touched, Touched::Program(resource) if resource.is_observed()))
    }
}

/// Collects the accesses of the step that runs. Costs nothing while it is disabled.
pub struct Footprints<R> {
    enabled: bool,
    /// A step runs. Accesses between steps are the observer's own.
    open: Cell<bool>,
    current: RefCell<Footprint<R>>,
}

/// A collector that is disabled.
impl<R> Default for Footprints<R> {
    fn default() -> Self {
        Self { enabled: false, open: Cell::default(), current: RefCell::default() }
    }
}

impl<R: Resource> Footprints<R> {
    /// Collects if `enabled`, and otherwise ignores every report: see [`Chooser::wants_footprints`](crate::Chooser::wants_footprints).
    pub fn new(enabled: bool) -> Self {
        Self { enabled, open: Cell::new(false), current: RefCell::default() }
    }

    /// Whether it collects.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// The step reads this. `resource` is called only if it is needed. Ignored between steps.
    pub fn read(&self, resource: impl FnOnce() -> R) {
        self.read_touched(|| Touched::Program(resource()));
    }

    /// The step reads this, and another step of the same task takes in whatever is added later, with the same outcome as if
    /// one step had taken in both. Ignored between steps.
    pub fn absorb(&self, resource: impl FnOnce() -> R) {
        if self.open.get() {
            self.current.borrow_mut().absorbed.insert(Touched::Program(resource()));
        }
    }

    /// The step changes this, or may. Ignored between steps.
    pub fn write(&self, resource: impl FnOnce() -> R) {
        self.write_touched(|| Touched::Program(resource()));
    }

    /// The step changes the conditions of all others, or nothing is known of it. Ignored between steps.
    pub fn everywhere(&self) {
        if self.open.get() {
            self.current.borrow_mut().reach = Reach::Everywhere;
        }
    }

    /// After a step: an observer compared something that the step produced with this. Counts as a read of the step.
    pub fn observe(&self, resource: R) {
        if self.enabled {
            self.current.borrow_mut().read.insert(Touched::Program(resource));
        }
    }

    /// After a step: an observer that remembers (say, since when a condition holds) has changed its memory.
    ///
    /// The step then conflicts with every step that writes an [observed](Resource::is_observed) resource. An observer that
    /// judges each state by itself need not call this.
    pub fn observer_changed(&self) {
        if self.enabled {
            self.current.borrow_mut().observer = Observer::Changed;
        }
    }

    /// After a step: whether it wrote an [observed](Resource::is_observed) resource.
    pub fn changes_observed(&self) -> bool {
        self.current.borrow().changes_observed()
    }

    /// A step begins.
    pub(crate) fn begin(&self) {
        self.open.set(self.enabled);
    }

    /// The step is over. What an observer makes of it may still be added.
    pub(crate) fn end(&self) {
        self.open.set(false);
    }

    /// The footprint of the step that is over.
    pub(crate) fn take(&self) -> Footprint<R> {
        self.current.take()
    }

    pub(crate) fn read_touched(&self, touched: impl FnOnce() -> Touched<R>) {
        if self.open.get() {
            self.current.borrow_mut().read.insert(touched());
        }
    }

    pub(crate) fn write_touched(&self, touched: impl FnOnce() -> Touched<R>) {
        if self.open.get() {
            self.current.borrow_mut().written.insert(touched());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Thing {
        /// Observed.
        Record(u32),
        Queue,
        Log,
    }

    impl Resource for Thing {
        fn is_observed(&self) -> bool {
            matches!(self, Self::Record(_))
        }
    }

    fn step(read: &[Thing], written: &[Thing]) -> Footprint<Thing> {
        let footprints = Footprints::new(true);
        footprints.begin();
        read.iter().for_each(|thing| footprints.read(|| thing.clone()));
        written.iter().for_each(|thing| footprints.write(|| thing.clone()));
        footprints.end();
        footprints.take()
    }

    /// Two reads commute, a write conflicts with a read of the same thing, and every conflict is symmetric.
    #[test]
    fn a_conflict_needs_a_write() {
        use Thing::{Log, Queue, Record};
        let (reads, writes) = (step(&[Record(1)], &[]), step(&[], &[Record(1)]));
        let elsewhere = step(&[Queue], &[Record(2)]);
        let observed = Footprint { observer: Observer::Changed, ..Footprint::default() };
        for (one, other, conflict) in [
            (&reads, &reads, false),
            (&reads, &writes, true),
            (&writes, &writes, true),
            (&writes, &elsewhere, false),
            (&reads, &Footprint::everywhere(), true),
            (&observed, &observed, false),
            (&observed, &reads, false),
            (&observed, &writes, true),
            (&observed, &step(&[], &[Log]), false),
        ] {
            assert_eq!((one.conflicts(other), other.conflicts(one)), (conflict, conflict), "{one:?} {other:?}");
        }
    }

    /// A step that absorbs conflicts with a write, but a write after it does not wake it.
    #[test]
    fn what_is_absorbed_wakes_nothing() {
        let footprints = Footprints::new(true);
        footprints.begin();
        footprints.absorb(|| Thing::Queue);
        footprints.end();
        let (absorbs, writes) = (footprints.take(), step(&[], &[Thing::Queue]));
        assert!(absorbs.conflicts(&writes) && writes.conflicts(&absorbs));
        assert!(!absorbs.is_woken_by(&writes));
        assert!(writes.is_woken_by(&absorbs));
    }

    /// What an observer reads between steps belongs to no step, and a disabled collector collects nothing.
    #[test]
    fn only_a_step_leaves_a_footprint() {
        let footprints = Footprints::new(true);
        footprints.write(|| Thing::Log);
        footprints.begin();
        footprints.read(|| Thing::Queue);
        footprints.end();
        footprints.write(|| Thing::Log);
        assert_eq!(footprints.take(), step(&[Thing::Queue], &[]));
        let disabled = Footprints::new(false);
        disabled.begin();
        disabled.write(|| unreachable!("no resource is built for a collector that is disabled"));
        disabled.observe(Thing::Log);
        assert_eq!(disabled.take(), Footprint::<Thing>::default());
    }
}
