//! The tasks of a run, and the order in which the ready ones get their turn.
//!
//! On stock paused tokio, tasks woken at one instant always run in one order. Here every task of gateway, clients and
//! store is polled by one [`Pool`], and whenever more than one is ready a [`Chooser`] picks. Wakers are ordinary, so
//! tokio's channels and `Notify` work as ever.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use futures_util::future::LocalBoxFuture;

use crate::chooser::Chooser;

/// All tasks of a run.
pub(crate) struct Pool {
    tasks: RefCell<BTreeMap<u64, Task>>,
    ready: Arc<Ready>,
    names: RefCell<BTreeMap<String, u32>>,
    count: Cell<u64>,
    current: RefCell<Rc<str>>,
    chooser: Rc<Chooser>,
}

/// Whose task it is: a kill takes the gateway's and leaves the world's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Gateway,
    World,
}

struct Task {
    side: Side,
    label: Rc<str>,
    future: LocalBoxFuture<'static, ()>,
    wake: Arc<TaskWake>,
}

/// The ready tasks in the order in which they were woken. Tasks woken by one timer tick are woken in the order in
/// which their timers were armed ([`crate::world::clock`]), so this order depends on the run alone.
struct Ready(Mutex<Vec<u64>>);

/// Wakers must be `Send`, hence the lock and the atomic; only one thread ever uses them.
struct TaskWake {
    id: u64,
    queued: AtomicBool,
    ready: Arc<Ready>,
}

/// What came of giving a task its turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// No task is ready.
    Idle,
    /// A task ran.
    Ran,
    /// A task panicked with this message, and is gone.
    Panicked(String),
}

impl Pool {
    pub(crate) fn new(chooser: Rc<Chooser>) -> Self {
        Self {
            tasks: RefCell::default(),
            ready: Arc::new(Ready(Mutex::default())),
            names: RefCell::default(),
            count: Cell::new(0),
            current: RefCell::new("simulator".into()),
            chooser,
        }
    }

    /// Adds a task, ready at once. A label that is taken gets a number: `work/turn`, `work/turn#2`.
    pub(crate) fn spawn(&self, side: Side, label: String, future: LocalBoxFuture<'static, ()>) {
        let label = self.unique(label);
        let id = self.count.get();
        self.count.set(id + 1);
        let wake = Arc::new(TaskWake { id, queued: AtomicBool::new(false), ready: Arc::clone(&self.ready) });
        wake.wake_by_ref();
        self.tasks.borrow_mut().insert(id, Task { side, label, future, wake });
    }

    /// Gives one ready task its turn.
    pub(crate) fn step(&self) -> Step {
        let Some(id) = self.next() else {
            *self.current.borrow_mut() = "simulator".into();
            return Step::Idle;
        };
        // Taken out while it runs, so that it can spawn others.
        let mut task = self.tasks.borrow_mut().remove(&id).expect("a ready task is in the pool");
        task.wake.queued.store(false, Ordering::Relaxed);
        *self.current.borrow_mut() = Rc::clone(&task.label);
        let waker = Waker::from(Arc::clone(&task.wake));
        let mut context = Context::from_waker(&waker);
        match catch_unwind(AssertUnwindSafe(|| task.future.as_mut().poll(&mut context))) {
            Ok(std::task::Poll::Pending) => {
                self.tasks.borrow_mut().insert(id, task);
                Step::Ran
            }
            Ok(std::task::Poll::Ready(())) => {
                self.forget(|woken| woken == id);
                Step::Ran
            }
            Err(panic) => {
                self.forget(|woken| woken == id);
                Step::Panicked(format!("{}: {}", task.label, message(&*panic)))
            }
        }
    }

    /// The label of the task that runs or ran last, `simulator` once none is ready.
    pub(crate) fn current(&self) -> Rc<str> {
        Rc::clone(&self.current.borrow())
    }

    /// The labels of the gateway's tasks that have not returned, oldest first.
    pub(crate) fn gateway_labels(&self) -> Vec<Rc<str>> {
        let tasks = self.tasks.borrow();
        let gateways = tasks.values().filter(|task| task.side == Side::Gateway);
        gateways.map(|task| Rc::clone(&task.label)).collect()
    }

    /// Drops every task that matches. Not the one that runs: it is not in the pool meanwhile.
    pub(crate) fn drop_tasks(&self, matches: impl Fn(Side, &str) -> bool) {
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        let (dropped, kept): (BTreeMap<u64, Task>, _) =
            tasks.into_iter().partition(|(_, task)| matches(task.side, &task.label));
        *self.tasks.borrow_mut() = kept;
        let gone: BTreeSet<u64> = dropped.keys().copied().collect();
        // Dropped outside the borrow: a future's drop may wake other tasks.
        drop(dropped);
        self.forget(|woken| gone.contains(&woken));
    }

    fn next(&self) -> Option<u64> {
        let mut ready = self.ready.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = self.tasks.borrow();
        let pick = match ready.len() {
            0 => return None,
            1 => 0,
            _ => {
                let labels: Vec<&str> = ready.iter().map(|id| &*tasks[id].label).collect();
                self.chooser.choose("ready", &labels)
            }
        };
        Some(ready.remove(pick))
    }

    /// Tasks that are gone have no turn any more, though something has woken them.
    fn forget(&self, is_gone: impl Fn(u64) -> bool) {
        self.ready.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|id| !is_gone(*id));
    }

    fn unique(&self, label: String) -> Rc<str> {
        let mut names = self.names.borrow_mut();
        let count = names.entry(label.clone()).or_default();
        *count += 1;
        if *count == 1 { label.into() } else { format!("{label}#{count}").into() }
    }
}

impl Wake for TaskWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
        }
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
}
