//! A program under test, and one run of it.
//!
//! A program is a closure that takes a [`Sim`] and returns a future: its task `main`. That task may spawn others, sleep,
//! and use everything that a single-threaded program uses, tokio's channels and locks included. It must not use anything
//! that the run does not control: threads, tokio's own timers and `spawn`, the machine's time, unseeded random numbers, maps in
//! random order.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::chooser::Chooser;
use crate::clock::{Sleep, VirtualClock};
use crate::footprint::{Footprints, Touched};
use crate::pool::{Pool, Progress, Task};
use crate::strategy::{Divergence, Replay, Strategy};
use crate::tape::Tape;

/// The wall time at which a program starts, in milliseconds since the Unix epoch: 2026-01-01 00:00:00 UTC.
pub const EPOCH: u64 = 1_767_225_600_000;

/// The largest number of steps of one run. A program with more steps is assumed never to end.
pub const STEPS_MAX: u64 = 100_000;

/// A program's handle to its run. A clone is a handle to the same run.
#[derive(Clone)]
pub struct Sim(Rc<Parts>);

struct Parts {
    clock: VirtualClock,
    chooser: Rc<Chooser<String>>,
    footprints: Rc<Footprints<String>>,
    pool: Pool<Kind, String>,
}

/// Whether a run waits for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Foreground,
    Background,
}

/// One run of a program that returns a `T`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run<T> {
    /// The value that `main` returned, or the reason of the failure.
    pub result: Result<T, Failure>,
    /// All choices of the run. [`Replay`] reproduces the run from them.
    pub tape: Tape,
    /// The virtual time at the end, in milliseconds since the start.
    pub uptime: u64,
    /// The number of steps of the run.
    pub steps: u64,
}

/// Why a run failed. Two runs fail in the same way if their failures are equal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A task panicked, for example in an assertion. The run ends at once.
    #[error("{task} panicked: {message}")]
    Panicked {
        /// The label of the task that panicked.
        task: String,
        /// The panic's message, or a placeholder if the payload is not text.
        message: String,
    },
    /// Tasks wait, and nothing can wake them: no task is ready and no sleep is armed.
    #[error("deadlock: {} will never be woken", tasks.join(", "))]
    Deadlock {
        /// The labels of the tasks that wait, oldest first; never empty. Background tasks are not among them.
        tasks: Vec<String>,
    },
    /// The run diverged from the tape that it replays.
    #[error(transparent)]
    Diverged(Divergence),
    /// The run had [`STEPS_MAX`] steps.
    #[error("no end after {STEPS_MAX} steps")]
    StepLimit,
    /// The strategy abandoned the run. Only a [`Search`](crate::Search) does so.
    #[error("left off by the strategy")]
    LeftOff,
}

/// Runs a program once, with the choices of a strategy.
///
/// The run ends when every task but the [background](Sim::spawn_background) ones has returned, or with a [`Failure`]. All
/// remaining tasks are then dropped, at their current `await`.
///
/// A panic in a task is caught and reported. The panic hook still prints it.
///
/// # Panics
/// When called inside a tokio runtime.
pub fn run<T, F>(strategy: impl Strategy + 'static, program: impl FnOnce(Sim) -> F) -> Run<T>
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    play(Chooser::new(Box::new(strategy)), program)
}

/// Runs a program on the schedule of a tape. A run that does not have the choices of the tape fails as
/// [diverged](Failure::Diverged).
///
/// # Panics
/// As [`run`].
pub fn replay<T, F>(tape: &Tape, program: impl FnOnce(Sim) -> F) -> Run<T>
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    run(Replay::new(tape.clone()), program)
}

pub(crate) fn play<T, F>(chooser: Chooser<String>, program: impl FnOnce(Sim) -> F) -> Run<T>
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    crate::block_on(async {
        let sim = Sim::new(chooser);
        let main = sim.spawn("main", program(sim.clone()));
        let mut steps = 0;
        let ended = sim.drive(&mut steps).await;
        // Tasks own handles to the pool, which owns the tasks: dropping them breaks the cycle.
        sim.0.pool.cancel(|_| true);
        let result = ended.map(|()| main.take().expect("a run without failure waits for `main`"));
        Run { result, tape: sim.0.chooser.take_tape(), uptime: sim.now(), steps }
    })
}

impl Sim {
    fn new(chooser: Chooser<String>) -> Self {
        let footprints = Rc::new(Footprints::new(chooser.wants_footprints()));
        let chooser = Rc::new(chooser);
        let pool = Pool::new(Rc::clone(&chooser), Rc::clone(&footprints));
        Self(Rc::new(Parts { clock: VirtualClock::new(EPOCH), chooser, footprints, pool }))
    }

    /// Starts a task. It is ready at once, and runs until it returns: dropping the [`Join`] does not end it.
    ///
    /// The label appears on tapes. A label that was used before gets a number: `worker`, then `worker#2`.
    pub fn spawn<T: 'static>(&self, label: &str, future: impl Future<Output = T> + 'static) -> Join<T> {
        self.spawn_as(Kind::Foreground, label, future)
    }

    /// As [`spawn`](Self::spawn), for a task that serves the others: the run does not wait for it, and it is not part of a
    /// deadlock.
    pub fn spawn_background<T: 'static>(&self, label: &str, future: impl Future<Output = T> + 'static) -> Join<T> {
        self.spawn_as(Kind::Background, label, future)
    }

    fn spawn_as<T: 'static>(&self, kind: Kind, label: &str, future: impl Future<Output = T> + 'static) -> Join<T> {
        let slot = Rc::new(Slot { output: RefCell::new(None), waiting: RefCell::new(None) });
        let footprints = Rc::clone(&self.0.footprints);
        let (filled, sim) = (Rc::clone(&slot), self.clone());
        // The label is read when the task runs: spawning may have added a number to it.
        let task = async move {
            let output = future.await;
            if let Some(task) = sim.0.pool.current() {
                sim.0.footprints.write_touched(|| Touched::Output(task.label.to_string()));
            }
            *filled.output.borrow_mut() = Some(output);
            if let Some(waker) = filled.waiting.take() {
                waker.wake();
            }
        };
        let label = self.0.pool.spawn(Task::new(label, kind), Box::pin(task));
        Join { slot, label, footprints }
    }

    /// Milliseconds since the start of the run.
    pub fn now(&self) -> u64 {
        self.0.clock.uptime()
    }

    /// Milliseconds since the Unix epoch; [`EPOCH`] at the start.
    pub fn wall(&self) -> u64 {
        self.0.clock.wall()
    }

    /// Waits in virtual time, rounded up to whole milliseconds. Cancel safe.
    pub fn sleep(&self, length: Duration) -> Sleep {
        let length =
            u64::try_from(length.as_nanos().div_ceil(1_000_000)).expect("a sleep of less than 500 million years");
        self.0.clock.sleep_until(self.now() + length)
    }

    /// Lets every other ready task run before this one, if the strategy wants it.
    pub fn yield_now(&self) -> impl Future<Output = ()> + use<> {
        Yield { done: false }
    }

    /// Chooses one of several outcomes, such as whether a message is lost, and returns its index. The choice is on the tape
    /// under `site`; the first alternative is the one without a fault. With fewer than two the result is 0.
    ///
    /// `site` must not contain `: `, and a label must not contain ` | ` or begin with `*`.
    pub fn choose(&self, site: &str, among: &[&str]) -> usize {
        self.0.chooser.choose(site, among)
    }

    /// A value that several tasks share, whose accesses are reported to [`explore_reduced`](crate::explore_reduced) under
    /// `name`. Two values with one name count as one.
    pub fn shared<T>(&self, name: &str, value: T) -> Shared<T> {
        let inner = SharedInner { name: name.to_owned(), value: RefCell::new(value) };
        Shared { inner: Rc::new(inner), footprints: Rc::clone(&self.0.footprints) }
    }

    /// Reports that the running step reads `name`, for example a channel, which is no [`Shared`].
    pub fn reads(&self, name: &str) {
        self.0.footprints.read(|| name.to_owned());
    }

    /// Reports that the running step changes `name`, or may change it.
    pub fn writes(&self, name: &str) {
        self.0.footprints.write(|| name.to_owned());
    }

    /// Runs until no foreground task is left, and counts the steps.
    async fn drive(&self, steps: &mut u64) -> Result<(), Failure> {
        let Parts { clock, chooser, pool, .. } = &*self.0;
        loop {
            match pool.step() {
                Progress::Ran => pool.conclude(),
                Progress::Panicked { task, message } => {
                    return Err(Failure::Panicked { task: task.to_string(), message });
                }
                Progress::LeftOff => return Err(Failure::LeftOff),
                Progress::Idle => match (self.waiting().is_empty(), clock.next_deadline()) {
                    (false, Some(next)) => {
                        clock.advance_to(next).await;
                        continue;
                    }
                    _ => break,
                },
            }
            *steps += 1;
            if let Some(divergence) = chooser.divergence() {
                return Err(Failure::Diverged(divergence));
            }
            if *steps >= STEPS_MAX {
                return Err(Failure::StepLimit);
            }
        }
        chooser.finish();
        match (chooser.divergence(), self.waiting()) {
            (Some(divergence), _) => Err(Failure::Diverged(divergence)),
            (None, tasks) if tasks.is_empty() => Ok(()),
            (None, tasks) => Err(Failure::Deadlock { tasks }),
        }
    }

    /// The foreground tasks that have not returned.
    fn waiting(&self) -> Vec<String> {
        let tasks = self.0.pool.tasks();
        let foreground = tasks.iter().filter(|task| task.tag == Kind::Foreground);
        foreground.map(|task| task.label.to_string()).collect()
    }
}

/// Waits for a task's result. Cancel safe: dropping a `Join` loses the result and does not affect the task.
///
/// A task that panics ends the run, so there is no error.
pub struct Join<T> {
    slot: Rc<Slot<T>>,
    label: Rc<str>,
    footprints: Rc<Footprints<String>>,
}

struct Slot<T> {
    output: RefCell<Option<T>>,
    waiting: RefCell<Option<Waker>>,
}

impl<T> Join<T> {
    fn take(&self) -> Option<T> {
        self.slot.output.take()
    }
}

impl<T> Future for Join<T> {
    type Output = T;

    /// # Panics
    /// When polled again after it was ready.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.footprints.read_touched(|| Touched::Output(self.label.to_string()));
        match self.take() {
            Some(output) => Poll::Ready(output),
            None => {
                *self.slot.waiting.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A value that the tasks of a program share. A clone is a handle to the same value.
///
/// No access can be held across an `await`, so each access belongs to one step.
pub struct Shared<T> {
    inner: Rc<SharedInner<T>>,
    footprints: Rc<Footprints<String>>,
}

struct SharedInner<T> {
    name: String,
    value: RefCell<T>,
}

impl<T> Shared<T> {
    /// Returns a copy of the value. Counts as a read.
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        self.footprints.read(|| self.inner.name.clone());
        self.inner.value.borrow().clone()
    }

    /// Replaces the value. Counts as a write.
    pub fn set(&self, value: T) {
        self.footprints.write(|| self.inner.name.clone());
        *self.inner.value.borrow_mut() = value;
    }

    /// Changes the value in one step. Counts as a read and a write.
    ///
    /// # Panics
    /// When `change` accesses the same value.
    pub fn update<O>(&self, change: impl FnOnce(&mut T) -> O) -> O {
        self.footprints.write(|| self.inner.name.clone());
        change(&mut self.inner.value.borrow_mut())
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner), footprints: Rc::clone(&self.footprints) }
    }
}

/// A future that moves its task to the end of the ready tasks once.
struct Yield {
    done: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.done, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
