//! The accesses of one step of a task, from which a search decides whether the order of two steps matters.
//!
//! A *step* is one poll of a task by the [pool](crate::pool), from the end of one wait to the next. Code that tasks share
//! reports its accesses to [`Footprints`] while a step runs; the result is the step's [`Footprint`]. Two steps that are
//! ready at the same instant commute if neither reads or writes what the other writes.
//!
//! # Contract
//! A footprint may be too large, which costs schedules. It must not be too small, which makes the search unsound. Only
//! state that no other task can observe may be left out. The pool reports the tasks that a step woke and the labels that
//! it used; the program reports everything else, the contents of channels included.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

/// The name of state that several tasks share: a table, a queue, a counter.
///
/// Equal values name the same state. There are no other requirements; a `String` is sufficient.
pub trait Resource: Clone + Ord + fmt::Debug + 'static {
    /// Whether an observer outside the tasks reads it between steps. The default is `false`.
    ///
    /// Only programs that call [`Footprints::observer_changed`] need to override the default.
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
    /// State that was read, where another step of the same task consumes later writes with the same outcome as if one step
    /// had consumed both.
    absorbed: BTreeSet<Touched<R>>,
    reach: Reach,
    observer: Observer,
}

/// A resource of a step: a resource of the program, or a part of the pool's state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touched<R> {
    /// Whether the task with this label is ready. Other tasks set it; the task's own step clears it.
    Ready(Rc<str>),
    /// The number of uses of a label, which determines the suffix of the next task with that label.
    Label(String),
    /// The return value of the task with this label.
    Output(String),
    /// A resource of the program.
    Program(R),
}

/// The range of a step's accesses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// The step accessed only the resources that it reported.
    #[default]
    Listed,
    /// The step may have accessed any resource.
    Everywhere,
}

/// How an observer outside the tasks derives its result from the state after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Observer {
    /// The result depends on the state alone.
    #[default]
    Unchanged,
    /// The result depends on the sequence of states: see [`Footprints::observer_changed`].
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
    /// The footprint of an unknown step. It conflicts with every other footprint.
    pub fn everywhere() -> Self {
        Self { reach: Reach::Everywhere, ..Self::default() }
    }

    /// Whether the order of two steps may matter. Symmetric.
    pub fn conflicts(&self, other: &Self) -> bool {
        self.is_woken_by(other)
            || !self.written.is_disjoint(&other.absorbed)
            || !self.absorbed.is_disjoint(&other.written)
    }

    /// Whether a sleeping task whose next step has this footprint must wake after `other`.
    ///
    /// A conflict wakes the task, with one exception: a step that absorbs a resource is not woken by a write to it. If the
    /// sleeping task had gone first, it would have absorbed the later write in another step, with the same outcome.
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

    /// Whether the step wrote a resource that the observer reads.
    fn changes_observed(&self) -> bool {
        self.written.iter().any(|touched| matches!(touched, Touched::Program(resource) if resource.is_observed()))
    }
}

/// Collects the accesses of the running step. A disabled collector has no cost.
pub struct Footprints<R> {
    enabled: bool,
    /// Whether a step is running. Accesses between steps belong to the observer and are ignored.
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
    /// Collects if `enabled`, and ignores every report otherwise: see [`Chooser::wants_footprints`](crate::Chooser::wants_footprints).
    pub fn new(enabled: bool) -> Self {
        Self { enabled, open: Cell::new(false), current: RefCell::default() }
    }

    /// Whether the collector records accesses or ignores every report.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// The step reads this resource. `resource` is called only if collecting is enabled. Ignored between steps.
    pub fn read(&self, resource: impl FnOnce() -> R) {
        self.read_touched(|| Touched::Program(resource()));
    }

    /// The step reads this resource, and another step of the same task consumes later additions, with the same outcome as if
    /// one step had consumed both. Ignored between steps.
    pub fn absorb(&self, resource: impl FnOnce() -> R) {
        if self.open.get() {
            self.current.borrow_mut().absorbed.insert(Touched::Program(resource()));
        }
    }

    /// The step changes this resource, or may change it. Ignored between steps.
    pub fn write(&self, resource: impl FnOnce() -> R) {
        self.write_touched(|| Touched::Program(resource()));
    }

    /// The step changes the conditions of all other steps, or its accesses are unknown. Ignored between steps.
    pub fn everywhere(&self) {
        if self.open.get() {
            self.current.borrow_mut().reach = Reach::Everywhere;
        }
    }

    /// Within a step: an observer looks at the state. Its accesses belong to no step.
    pub fn aside<T>(&self, look: impl FnOnce() -> T) -> T {
        let open = self.open.replace(false);
        let seen = look();
        self.open.set(open);
        seen
    }

    /// During or after a step: an observer compared a result of the step with this resource. Counts as a read by the step.
    pub fn observe(&self, resource: R) {
        if self.enabled {
            self.current.borrow_mut().read.insert(Touched::Program(resource));
        }
    }

    /// After a step: a stateful observer (for example, one that records since when a condition holds) has changed its state.
    ///
    /// The step then conflicts with every step that writes an [observed](Resource::is_observed) resource. An observer that
    /// judges each state on its own need not call this.
    pub fn observer_changed(&self) {
        if self.enabled {
            self.current.borrow_mut().observer = Observer::Changed;
        }
    }

    /// After a step: whether it wrote an [observed](Resource::is_observed) resource.
    pub fn changes_observed(&self) -> bool {
        self.current.borrow().changes_observed()
    }

    /// Opens the footprint of the next step, which is empty at first.
    pub(crate) fn begin(&self) {
        self.open.set(self.enabled);
    }

    /// Closes the step's footprint. The observer's accesses after the step may still be added.
    pub(crate) fn end(&self) {
        self.open.set(false);
    }

    /// Takes the footprint of the step that ended.
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
        /// A resource that the observer reads between steps.
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

    /// Two reads commute, a write conflicts with a read of the same resource, and every conflict is symmetric.
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

    /// A step that absorbs a resource conflicts with a write, but a later write does not wake its task.
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

    /// Reads of an observer between steps belong to no step, and a disabled collector collects nothing.
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
