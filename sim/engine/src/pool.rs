//! The tasks of a run, and the order in which the ready ones are polled.
//!
//! A stock single-threaded runtime runs the tasks that were woken at one instant in one fixed order. Here every task is
//! polled by one [`Pool`], and whenever more than one is ready a [`Chooser`] picks. Wakers are ordinary wakers, so tokio's
//! channels and `Notify` work unchanged.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::LocalBoxFuture;

use crate::chooser::Chooser;
use crate::footprint::{Footprints, Resource, Touched};
use crate::strategy::{Go, READY, ReadyTask};

/// All tasks of a run. `T` is the tag that the program gives each task, `R` the type of the resources that tasks share.
pub struct Pool<T, R> {
    /// The tasks that have not returned, by number. The task that is being polled is taken out.
    tasks: RefCell<BTreeMap<u64, Entry<T, R>>>,
    ready: Arc<Ready>,
    /// How often each label was used.
    labels: RefCell<BTreeMap<String, u32>>,
    count: Cell<u64>,
    current: RefCell<Option<Rc<TaskInfo<T>>>>,
    chooser: Rc<Chooser<R>>,
    footprints: Rc<Footprints<R>>,
}

/// A task to be spawned: its label, its tag, and the accesses of its first step and its end that a search requires.
pub struct Task<T, R> {
    label: String,
    tag: T,
    wait: Wait<R>,
    is_early: bool,
    counted: Option<R>,
}

/// A task as the program and its observers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInfo<T> {
    /// Unique among the tasks of a run, and equal in all runs with the same choices. Tapes contain this label.
    pub label: Rc<str>,
    /// The tag that the program gave the task. No choice depends on it.
    pub tag: T,
}

/// The result of one call of [`Pool::step`].
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// No task is ready. The driver may advance time.
    Idle,
    /// A task was polled.
    Ran,
    /// A task panicked and was removed. The run should end: state that the task shared may be inconsistent.
    Panicked {
        /// The label of the task that panicked.
        task: Rc<str>,
        /// The panic's message, or a placeholder if the payload is not text.
        message: String,
    },
    /// Tasks are ready, but the strategy abandons the run.
    LeftOff,
}

struct Entry<T, R> {
    info: Rc<TaskInfo<T>>,
    wait: Wait<R>,
    is_early: bool,
    counted: Option<R>,
    /// The task was polled before.
    began: bool,
    future: LocalBoxFuture<'static, ()>,
    wake: Arc<TaskWake>,
}

/// The condition under which a task is ready.
#[derive(Clone, Debug)]
enum Wait<R> {
    /// The task is ready when one of its wakers was used.
    Woken,
    /// As `Woken`, and the first step reads this resource.
    Reads(R),
    /// The task is ready as long as its queue has items, regardless of the task that added them.
    Absorbs,
}

/// The ready tasks in the order in which they were woken. Sleeps that end at one instant are woken in the order in which
/// they were armed (see [`VirtualClock`](crate::VirtualClock)), so this order depends on the run alone.
#[derive(Default)]
struct Ready(Mutex<Woken>);

#[derive(Default)]
struct Woken {
    /// The ready tasks, each at most once.
    ready: Vec<u64>,
    /// Every wake since the last step began, including wakes of tasks that were ready already.
    wakes: Vec<u64>,
}

/// Wakers must be `Send`, which requires the lock and the atomic; only one thread uses them.
struct TaskWake {
    id: u64,
    queued: AtomicBool,
    ready: Arc<Ready>,
}

/// The next action of [`Pool::step`].
enum Next {
    Poll(u64),
    Nothing,
    LeaveOff,
}

impl<T, R> Task<T, R> {
    /// A task that is ready when it is spawned and whenever one of its wakers is used.
    ///
    /// Labels are text on tapes. A label states the task's owner and purpose (`work/turn`), and is a function of the run
    /// alone: it contains no address and no counter that outlives the run.
    pub fn new(label: impl Into<String>, tag: T) -> Self {
        Self { label: label.into(), tag, wait: Wait::Woken, is_early: false, counted: None }
    }

    /// The first step reads `resource`, for example through the end of a channel that the task holds. Once the task waits for
    /// the resource, every change of the resource wakes the task, and the wake counts as the access.
    pub fn reading(mut self, resource: R) -> Self {
        self.wait = Wait::Reads(resource);
        self
    }

    /// The task only consumes what other tasks have queued for it, at once or in parts, with the same outcome.
    pub fn absorbing(mut self) -> Self {
        self.wait = Wait::Absorbs;
        self
    }

    /// A search tries this task before others that are ready with it. That changes the order of the schedules, never the
    /// set of states; it saves schedules if the steps of the task conflict with few others.
    pub fn early(mut self) -> Self {
        self.is_early = true;
        self
    }

    /// Other tasks count the tasks of this kind: the task's start and end write `resource`.
    pub fn counted_by(mut self, resource: R) -> Self {
        self.counted = Some(resource);
        self
    }
}

impl<T, R: Resource> Pool<T, R> {
    /// A pool without tasks. `footprints` is enabled if the chooser [wants them](Chooser::wants_footprints).
    pub fn new(chooser: Rc<Chooser<R>>, footprints: Rc<Footprints<R>>) -> Self {
        Self {
            tasks: RefCell::default(),
            ready: Arc::default(),
            labels: RefCell::default(),
            count: Cell::new(0),
            current: RefCell::default(),
            chooser,
            footprints,
        }
    }

    /// Adds a task, ready at once, and returns its label. A label that was used before gets a number: `work/turn`, then
    /// `work/turn#2`.
    ///
    /// Nothing is polled before the next [`step`](Self::step), so a task may spawn others.
    pub fn spawn(&self, task: Task<T, R>, future: LocalBoxFuture<'static, ()>) -> Rc<str> {
        let Task { label, tag, wait, is_early, counted } = task;
        self.footprints.write_touched(|| Touched::Label(label.clone()));
        self.write_count(counted.as_ref());
        let info = Rc::new(TaskInfo { label: self.unique(label), tag });
        let label = Rc::clone(&info.label);
        let id = self.count.get();
        self.count.set(id + 1);
        let task_wake = Arc::new(TaskWake { id, queued: AtomicBool::new(false), ready: Arc::clone(&self.ready) });
        task_wake.wake_by_ref();
        let entry = Entry { info, wait, is_early, counted, began: false, future, wake: task_wake };
        self.tasks.borrow_mut().insert(id, entry);
        label
    }

    /// Polls one ready task once. Must not be called from inside a task.
    ///
    /// After [`Progress::Ran`], and after the observers have read the new state, call [`conclude`](Self::conclude). Then ask
    /// the chooser for a [divergence](Chooser::divergence): after a divergence, the choices are no longer those of the strategy.
    pub fn step(&self) -> Progress {
        let id = match self.next() {
            Next::Poll(id) => id,
            Next::LeaveOff => return Progress::LeftOff,
            Next::Nothing => {
                *self.current.borrow_mut() = None;
                return Progress::Idle;
            }
        };
        // The task is taken out while it is polled, so that it can spawn others.
        let mut task = self.tasks.borrow_mut().remove(&id).expect("a ready task is in the pool");
        task.wake.queued.store(false, Ordering::Relaxed);
        *self.current.borrow_mut() = Some(Rc::clone(&task.info));
        let waker = Waker::from(Arc::clone(&task.wake));
        let mut context = Context::from_waker(&waker);
        self.begin(&task);
        let polled = catch_unwind(AssertUnwindSafe(|| task.future.as_mut().poll(&mut context)));
        self.end(&task, matches!(polled, Ok(Poll::Pending)));
        task.began = true;
        match polled {
            Ok(Poll::Pending) => {
                self.tasks.borrow_mut().insert(id, task);
                Progress::Ran
            }
            Ok(Poll::Ready(())) => {
                task.wake.retire();
                self.forget(|woken| woken == id);
                Progress::Ran
            }
            Err(panic) => {
                task.wake.retire();
                self.forget(|woken| woken == id);
                Progress::Panicked { task: Rc::clone(&task.info.label), message: message(&*panic) }
            }
        }
    }

    /// Closes the last step: its footprint is passed to a strategy that wants footprints.
    pub fn conclude(&self) {
        if self.footprints.is_enabled() {
            self.chooser.after_step(self.footprints.take());
        }
    }

    /// The task that is being polled, or was polled last; `None` once a step has found no task ready.
    pub fn current(&self) -> Option<Rc<TaskInfo<T>>> {
        self.current.borrow().clone()
    }

    /// The tasks that have not returned, oldest first, without the task that is being polled.
    pub fn tasks(&self) -> Vec<Rc<TaskInfo<T>>> {
        self.tasks.borrow().values().map(|task| Rc::clone(&task.info)).collect()
    }

    /// Drops every task that matches, at its current `await`: the values that its future owns are dropped, and its remaining
    /// code never runs. The task that is being polled is kept.
    ///
    /// Cancel all tasks of a pool that is no longer needed: tasks often own a handle to the pool.
    pub fn cancel(&self, matches: impl Fn(&TaskInfo<T>) -> bool) {
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        let (dropped, kept): (BTreeMap<u64, Entry<T, R>>, _) =
            tasks.into_iter().partition(|(_, task)| matches(&task.info));
        *self.tasks.borrow_mut() = kept;
        let gone: BTreeSet<u64> = dropped.keys().copied().collect();
        dropped.values().for_each(|task| task.wake.retire());
        // Dropped outside the borrow: a future's drop may wake other tasks.
        drop(dropped);
        self.forget(|woken| gone.contains(&woken));
    }

    fn next(&self) -> Next {
        let mut woken = self.ready.lock();
        let tasks = self.tasks.borrow();
        let ready = &mut woken.ready;
        if ready.is_empty() {
            return Next::Nothing;
        }
        if self.chooser.before_step(|| ready.iter().map(|id| tasks[id].as_ready()).collect()) == Go::LeaveOff {
            return Next::LeaveOff;
        }
        let pick = match ready.len() {
            1 => 0,
            _ => {
                let labels: Vec<&str> = ready.iter().map(|id| &*tasks[id].info.label).collect();
                self.chooser.choose(READY, &labels)
            }
        };
        Next::Poll(ready.remove(pick))
    }

    /// Begins the task's step, which clears the task's readiness.
    fn begin(&self, task: &Entry<T, R>) {
        self.ready.lock().wakes.clear();
        self.footprints.begin();
        match &task.wait {
            Wait::Absorbs => return,
            Wait::Reads(resource) if !task.began => self.footprints.read(|| resource.clone()),
            Wait::Reads(_) | Wait::Woken => {}
        }
        self.footprints.write_touched(|| Touched::Ready(Rc::clone(&task.info.label)));
    }

    /// Ends the step. The step writes the readiness of the tasks that it woke; two steps that wake the same task commute.
    fn end(&self, task: &Entry<T, R>, goes_on: bool) {
        if !self.footprints.is_enabled() {
            return;
        }
        let tasks = self.tasks.borrow();
        for id in std::mem::take(&mut self.ready.lock().wakes) {
            if let Some(woken) = tasks.get(&id) {
                self.footprints.read_touched(|| Touched::Ready(Rc::clone(&woken.info.label)));
            }
        }
        if !goes_on {
            self.write_count(task.counted.as_ref());
        }
        self.footprints.end();
    }

    fn write_count(&self, counted: Option<&R>) {
        if let Some(resource) = counted {
            self.footprints.write(|| resource.clone());
        }
    }

    /// Removed tasks are not ready, even if they were woken before.
    fn forget(&self, is_gone: impl Fn(u64) -> bool) {
        self.ready.lock().ready.retain(|id| !is_gone(*id));
    }

    fn unique(&self, label: String) -> Rc<str> {
        let mut labels = self.labels.borrow_mut();
        let count = labels.entry(label.clone()).or_default();
        *count += 1;
        if *count == 1 { label.into() } else { format!("{label}#{count}").into() }
    }
}

impl<T, R> Entry<T, R> {
    fn as_ready(&self) -> ReadyTask {
        ReadyTask { label: Rc::clone(&self.info.label), is_early: self.is_early }
    }
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Woken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TaskWake {
    /// Marks the task as removed. Wakers that outlive the task have no effect.
    fn retire(&self) {
        self.queued.store(true, Ordering::Relaxed);
    }
}

impl Wake for TaskWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut woken = self.ready.lock();
        woken.wakes.push(self.id);
        if !self.queued.swap(true, Ordering::Relaxed) {
            woken.ready.push(self.id);
        }
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::Fifo;

    fn pool() -> Pool<u32, String> {
        Pool::new(Rc::new(Chooser::new(Box::new(Fifo))), Rc::default())
    }

    /// Labels are unique, tasks are cancelled by tag, and a cancelled task is dropped at its `await`.
    #[test]
    fn tasks_have_labels_and_tags() {
        let pool = pool();
        let owned = Rc::new(());
        for tag in [1, 2] {
            let kept = Rc::clone(&owned);
            let waits = async move {
                std::future::pending::<()>().await;
                drop(kept);
            };
            pool.spawn(Task::new("waits", tag), Box::pin(waits));
        }
        assert_eq!((pool.step(), pool.step(), pool.step()), (Progress::Ran, Progress::Ran, Progress::Idle));
        let labels: Vec<String> = pool.tasks().iter().map(|task| task.label.to_string()).collect();
        assert_eq!(labels, ["waits", "waits#2"]);
        pool.cancel(|task| task.tag == 1);
        assert_eq!(pool.tasks().iter().map(|task| task.tag).collect::<Vec<_>>(), [2]);
        assert_eq!(Rc::strong_count(&owned), 2);
    }

    /// A panic ends only its own task, and is reported with the task's label.
    #[test]
    fn a_panic_ends_its_task() {
        let pool = pool();
        pool.spawn(Task::new("fails", 0), Box::pin(async { panic!("no") }));
        pool.spawn(Task::new("works", 0), Box::pin(async {}));
        assert_eq!(pool.step(), Progress::Panicked { task: "fails".into(), message: "no".to_owned() });
        assert_eq!(pool.current().map(|task| task.label.to_string()).as_deref(), Some("fails"));
        assert_eq!((pool.step(), pool.step()), (Progress::Ran, Progress::Idle));
        assert!(pool.current().is_none() && pool.tasks().is_empty());
    }
}
