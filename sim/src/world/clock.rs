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
use gateway::clock::{Clock, Millis, Now, Uptime, Wall};

/// The wall time at which every run starts: 2026-01-01 00:00:00 UTC.
pub(crate) const EPOCH: Wall = Wall(1_767_225_600_000);

/// The clock of a run.
#[derive(Clone)]
pub(crate) struct VirtualClock(Rc<Shared>);

struct Shared {
    now: Cell<Uptime>,
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

impl Clock for VirtualClock {
    fn now(&self) -> Now {
        let uptime = self.0.now.get();
        Now { uptime, wall: EPOCH + Millis(uptime.0) }
    }

    fn sleep_until(&self, deadline: Uptime) -> LocalBoxFuture<'static, ()> {
        Box::pin(Sleep { clock: self.clone(), deadline, armed: None })
    }
}

/// One wait. Armed at its first poll, disarmed when it is dropped.
struct Sleep {
    clock: VirtualClock,
    deadline: Uptime,
    armed: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let shared = Rc::clone(&self.clock.0);
        if shared.now.get() >= self.deadline {
            return Poll::Ready(());
        }
        let number = *self.armed.get_or_insert_with(|| {
            shared.count.set(shared.count.get() + 1);
            shared.count.get()
        });
        shared.armed.borrow_mut().insert((self.deadline, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.armed {
            self.clock.0.armed.borrow_mut().remove(&(self.deadline, number));
        }
    }
}
