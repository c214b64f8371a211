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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use futures_util::future::LocalBoxFuture;

use crate::chooser::Chooser;
use crate::footprint::{Resource, Taken};
use crate::strategy::Go;

/// All tasks of a run.
pub(crate) struct Pool {
    tasks: RefCell<BTreeMap<u64, Task>>,
    ready: Arc<Ready>,
    names: RefCell<BTreeMap<String, u32>>,
    count: Cell<u64>,
    current: RefCell<Rc<str>>,
    chooser: Rc<Chooser>,
    footprints: Taken,
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
    own: Own,
    /// It has had a turn.
    began: bool,
    future: LocalBoxFuture<'static, ()>,
    wake: Arc<TaskWake>,
}

/// What is to be known of a task's steps beside what accessors say.
#[derive(Clone, Debug)]
pub(crate) enum Own {
    /// Whether it is ready depends on who has woken it.
    Woken,
    /// So it does; and it begins with a look at this, through the end of a channel that it holds, say. Once it waits
    /// there, whoever changes it wakes it.
    Looks(Resource),
    /// It is ready as long as there is something to take in, whoever has brought it.
    Absorbs,
}

/// The ready tasks in the order in which they were woken. Tasks woken by one timer tick are woken in the order in
/// which their timers were armed ([`crate::world::clock`]), so this order depends on the run alone.
#[derive(Default)]
struct Ready(Mutex<Woken>);

#[derive(Default)]
struct Woken {
    /// Each once.
    ready: Vec<u64>,
    /// Every wake since the last step began, also of tasks that were ready.
    wakes: Vec<u64>,
}

/// Wakers must be `Send`, hence the lock and the atomic; only one thread ever uses them.
struct TaskWake {
    id: u64,
    queued: AtomicBool,
    ready: Arc<Ready>,
}

/// Whose turn it is.
enum Next {
    Task(u64),
    Nothing,
    LeftOff,
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
    /// Tasks are ready, and the strategy wants no more of this run.
    LeftOff,
}

impl Pool {
    pub(crate) fn new(chooser: Rc<Chooser>, footprints: Taken) -> Self {
        Self {
            tasks: RefCell::default(),
            ready: Arc::default(),
            names: RefCell::default(),
            count: Cell::new(0),
            current: RefCell::new("simulator".into()),
            chooser,
            footprints,
        }
    }

    /// Adds a task, ready at once. A label that is taken gets a number: `work/turn`, `work/turn#2`.
    pub(crate) fn spawn(&self, side: Side, label: String, future: LocalBoxFuture<'static, ()>) {
        self.spawn_with(side, label, Own::Woken, future);
    }

    /// The same for a task of which more is to be known.
    pub(crate) fn spawn_with(&self, side: Side, label: String, own: Own, future: LocalBoxFuture<'static, ()>) {
        self.footprints.write(|| Resource::Label(label.clone()));
        self.note_turn(&label);
        let label = self.unique(label);
        let id = self.count.get();
        self.count.set(id + 1);
        let wake = Arc::new(TaskWake { id, queued: AtomicBool::new(false), ready: Arc::clone(&self.ready) });
        wake.wake_by_ref();
        self.tasks.borrow_mut().insert(id, Task { side, label, own, began: false, future, wake });
    }

    /// Gives one ready task its turn.
    pub(crate) fn step(&self) -> Step {
        let id = match self.next() {
            Next::Task(id) => id,
            Next::LeftOff => return Step::LeftOff,
            Next::Nothing => {
                *self.current.borrow_mut() = "simulator".into();
                return Step::Idle;
            }
        };
        // Taken out while it runs, so that it can spawn others.
        let mut task = self.tasks.borrow_mut().remove(&id).expect("a ready task is in the pool");
        task.wake.queued.store(false, Ordering::Relaxed);
        *self.current.borrow_mut() = Rc::clone(&task.label);
        let waker = Waker::from(Arc::clone(&task.wake));
        let mut context = Context::from_waker(&waker);
        self.begin(&task);
        let polled = catch_unwind(AssertUnwindSafe(|| task.future.as_mut().poll(&mut context)));
        self.end(&task, matches!(polled, Ok(std::task::Poll::Pending)));
        task.began = true;
        match polled {
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

    fn next(&self) -> Next {
        let mut woken = self.ready.lock();
        let tasks = self.tasks.borrow();
        let ready = &mut woken.ready;
        let labels = |ready: &[u64]| -> Vec<Rc<str>> { ready.iter().map(|id| Rc::clone(&tasks[id].label)).collect() };
        if self.footprints.are_wanted() && !ready.is_empty() && self.chooser.turn(&labels(ready)) == Go::LeaveOff {
            return Next::LeftOff;
        }
        let pick = match ready.len() {
            0 => return Next::Nothing,
            1 => 0,
            _ => {
                let labels: Vec<&str> = ready.iter().map(|id| &*tasks[id].label).collect();
                self.chooser.choose("ready", &labels)
            }
        };
        Next::Task(ready.remove(pick))
    }

    /// The task's step begins: it uses up that the task is ready.
    fn begin(&self, task: &Task) {
        self.ready.lock().wakes.clear();
        self.footprints.begin();
        match &task.own {
            Own::Absorbs => return,
            Own::Looks(own) if !task.began => self.footprints.read(|| own.clone()),
            Own::Looks(_) | Own::Woken => {}
        }
        self.footprints.write(|| Resource::Ready(task.label.to_string()));
    }

    /// The step is over. Whom it has woken, it may have made ready; two that wake the same task do not disturb each other.
    fn end(&self, task: &Task, goes_on: bool) {
        if !self.footprints.are_wanted() {
            return;
        }
        let tasks = self.tasks.borrow();
        for id in std::mem::take(&mut self.ready.lock().wakes) {
            if let Some(woken) = tasks.get(&id) {
                self.footprints.read(|| Resource::Ready(woken.label.to_string()));
            }
        }
        if !goes_on {
            self.note_turn(&task.label);
        }
        self.footprints.end();
    }

    /// Claims count the tasks that are turns.
    fn note_turn(&self, label: &str) {
        if label.split('#').next().is_some_and(|label| label.ends_with("/turn")) {
            self.footprints.write(|| Resource::Turns);
        }
    }

    /// Tasks that are gone have no turn any more, though something has woken them.
    fn forget(&self, is_gone: impl Fn(u64) -> bool) {
        self.ready.lock().ready.retain(|id| !is_gone(*id));
    }

    fn unique(&self, label: String) -> Rc<str> {
        let mut names = self.names.borrow_mut();
        let count = names.entry(label.clone()).or_default();
        *count += 1;
        if *count == 1 { label.into() } else { format!("{label}#{count}").into() }
    }
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Woken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
