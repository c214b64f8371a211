//! Virtual time: tokio's paused clock in milliseconds, and the sleeps that are armed on it.
//!
//! Time moves only between events, when no task is ready: then the run jumps to the next armed sleep. All sleeps of an
//! instant are woken together in the order in which they were armed, so that their order is a choice.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::future::LocalBoxFuture;
use gateway_core::clock::{Clock, Millis, Now, Uptime, Wall};

use crate::scenario::Jump;

/// The wall time at which every run starts: 2026-01-01 00:00:00 UTC.
pub(crate) const EPOCH: Wall = Wall(1_767_225_600_000);

/// The clock of a run.
#[derive(Clone)]
pub(crate) struct VirtualClock(Rc<Shared>);

struct Shared {
    now: Cell<Uptime>,
    /// How far suspends and jumps have moved wall time away from uptime, in milliseconds.
    moved: Cell<i64>,
    armed: RefCell<BTreeMap<(Uptime, u64), Waker>>,
    count: Cell<u64>,
    started: tokio::time::Instant,
}

impl VirtualClock {
    /// A clock at zero. Must be called inside the run's paused runtime.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads tokio's paused clock")]
    pub(crate) fn new() -> Self {
        Self(Rc::new(Shared {
            now: Cell::default(),
            moved: Cell::default(),
            armed: RefCell::default(),
            count: Cell::default(),
            started: tokio::time::Instant::now(),
        }))
    }

    /// When the next armed sleep is due.
    pub(crate) fn next(&self) -> Option<Uptime> {
        self.0.armed.borrow().keys().next().map(|(deadline, _)| *deadline)
    }

    /// Jumps to `instant`, which is not in the past, and wakes every sleep that is due by then.
    #[expect(clippy::disallowed_methods, reason = "the one place that moves tokio's paused clock")]
    pub(crate) async fn jump(&self, instant: Uptime) {
        assert!(instant >= self.0.now.get(), "time does not go back");
        let length = std::time::Duration::from_millis(instant.0);
        tokio::time::sleep_until(self.0.started + length).await;
        let elapsed = self.0.started.elapsed();
        assert_eq!(elapsed, length, "nothing else moves the paused clock");
        self.0.now.set(instant);
        let later = self.0.armed.borrow_mut().split_off(&(Uptime(instant.0 + 1), 0));
        let due = self.0.armed.replace(later);
        due.into_values().for_each(Waker::wake);
    }
}

impl VirtualClock {
    /// Wall time moves on by `length`, uptime does not. Sleeps that wait for a wall time look again at once.
    pub(crate) fn suspend(&self, length: Millis) {
        self.jump_wall(Jump::Forward(length));
    }

    /// Wall time jumps, uptime does not.
    pub(crate) fn jump_wall(&self, jump: Jump) {
        let far = match jump {
            Jump::Forward(length) => length.0.cast_signed(),
            Jump::Back(length) => -length.0.cast_signed(),
        };
        self.0.moved.set(self.0.moved.get() + far);
        let waiting: Vec<Waker> = self.0.armed.borrow().values().cloned().collect();
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Now {
        let uptime = self.0.now.get();
        Now { uptime, wall: Wall((EPOCH + Millis(uptime.0)).0.saturating_add_signed(self.0.moved.get())) }
    }

    fn sleep_until(&self, deadline: Uptime) -> LocalBoxFuture<'static, ()> {
        Box::pin(Sleep { clock: self.clone(), deadline: Deadline::Uptime(deadline), armed: None })
    }

    fn sleep_until_wall(&self, deadline: Wall) -> LocalBoxFuture<'static, ()> {
        Box::pin(Sleep { clock: self.clone(), deadline: Deadline::Wall(deadline), armed: None })
    }
}

/// One wait. Armed at its first poll, disarmed when it is dropped.
struct Sleep {
    clock: VirtualClock,
    deadline: Deadline,
    armed: Option<(Uptime, u64)>,
}

/// On which axis a sleep ends.
#[derive(Clone, Copy)]
enum Deadline {
    Uptime(Uptime),
    Wall(Wall),
}

impl Sleep {
    /// The uptime at which it ends if nobody moves wall time; `None` when it has ended.
    fn due(&self) -> Option<Uptime> {
        let now = self.clock.now();
        match self.deadline {
            Deadline::Uptime(deadline) => (deadline > now.uptime).then_some(deadline),
            Deadline::Wall(deadline) => (deadline > now.wall).then(|| now.uptime + Millis(deadline.0 - now.wall.0)),
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let shared = Rc::clone(&self.clock.0);
        let Some(due) = self.due() else { return Poll::Ready(()) };
        let number = match self.armed {
            Some(armed) => {
                shared.armed.borrow_mut().remove(&armed);
                armed.1
            }
            None => {
                shared.count.set(shared.count.get() + 1);
                shared.count.get()
            }
        };
        self.armed = Some((due, number));
        shared.armed.borrow_mut().insert((due, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(armed) = self.armed {
            self.clock.0.armed.borrow_mut().remove(&armed);
        }
    }
}
