//! Virtual time: the sleeps that are armed, and tokio's paused clock, which moves with them.
//!
//! The unit is the millisecond, the grain of tokio's clock. Time moves only when no task is ready: the driver of a run then
//! advances the clock to the next armed sleep. All sleeps that end at one instant are woken together, in the order in which
//! they were armed, so that the order of their tasks is a choice.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The clock of one run. A clone is a handle to the same clock.
///
/// It has two axes. *Uptime* begins at 0 and never goes back; deadlines use it. *Wall time* begins at an epoch that the
/// caller chooses, advances with uptime, and can be [shifted](Self::shift_wall), as a machine's is by a suspend or by its
/// operator. Nothing else may advance tokio's clock during a run, so a task must not use tokio's own timers.
#[derive(Clone)]
pub struct VirtualClock(Rc<Inner>);

struct Inner {
    epoch: u64,
    uptime: Cell<u64>,
    /// The offset of wall time against uptime, in milliseconds.
    shifted: Cell<i64>,
    /// The armed sleeps, by deadline and then in the order in which they were armed.
    armed: RefCell<BTreeMap<(u64, u64), Waker>>,
    count: Cell<u64>,
    started: tokio::time::Instant,
}

impl VirtualClock {
    /// A clock at uptime 0 and at the wall time `epoch`, in milliseconds since the Unix epoch.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time, such as [`block_on`](crate::block_on) provides.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads tokio's paused clock")]
    pub fn new(epoch: u64) -> Self {
        Self(Rc::new(Inner {
            epoch,
            uptime: Cell::default(),
            shifted: Cell::default(),
            armed: RefCell::default(),
            count: Cell::default(),
            started: tokio::time::Instant::now(),
        }))
    }

    /// Milliseconds since the start of the run.
    pub fn uptime(&self) -> u64 {
        self.0.uptime.get()
    }

    /// Milliseconds since the Unix epoch. 0 if wall time was shifted to before the epoch.
    pub fn wall(&self) -> u64 {
        (self.0.epoch + self.uptime()).saturating_add_signed(self.0.shifted.get())
    }

    /// Completes at the uptime `deadline`, in milliseconds; immediately if the deadline is not in the future. Cancel safe.
    pub fn sleep_until(&self, deadline: u64) -> Sleep {
        self.sleep(Deadline::Uptime(deadline))
    }

    /// Completes when wall time reaches `deadline`, in milliseconds, by advancing or by a shift; immediately if it is not in the
    /// future. Cancel safe.
    pub fn sleep_until_wall(&self, deadline: u64) -> Sleep {
        self.sleep(Deadline::Wall(deadline))
    }

    /// The uptime at which the next armed sleep ends; `None` if no sleep is armed. Then the run is over
    /// once no task is ready.
    pub fn next_deadline(&self) -> Option<u64> {
        self.0.armed.borrow().keys().next().map(|(deadline, _)| *deadline)
    }

    /// Advances time to `uptime`, in milliseconds, and wakes every sleep that ends by then.
    ///
    /// # Panics
    /// When `uptime` is in the past, or when something else has advanced tokio's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that moves tokio's paused clock")]
    pub async fn advance_to(&self, uptime: u64) {
        assert!(uptime >= self.uptime(), "time does not go back");
        let length = std::time::Duration::from_millis(uptime);
        tokio::time::sleep_until(self.0.started + length).await;
        let elapsed = self.0.started.elapsed();
        assert_eq!(elapsed, length, "nothing else moves the paused clock");
        self.0.uptime.set(uptime);
        let later = self.0.armed.borrow_mut().split_off(&(uptime + 1, 0));
        let due = self.0.armed.replace(later);
        due.into_values().for_each(Waker::wake);
    }

    /// Shifts wall time by `by` milliseconds, forward or back; uptime stays. Every task that sleeps is woken, so that sleeps
    /// until a wall time compute their deadline anew.
    pub fn shift_wall(&self, by: i64) {
        self.0.shifted.set(self.0.shifted.get() + by);
        let waiting: Vec<Waker> = self.0.armed.borrow().values().cloned().collect();
        waiting.into_iter().for_each(Waker::wake);
    }

    fn sleep(&self, deadline: Deadline) -> Sleep {
        Sleep { clock: self.clone(), deadline, armed: None }
    }
}

/// A wait for a time of a [`VirtualClock`]. The first poll arms it; dropping it cancels it.
pub struct Sleep {
    clock: VirtualClock,
    deadline: Deadline,
    armed: Option<(u64, u64)>,
}

/// The axis on which a sleep ends, and its deadline.
#[derive(Clone, Copy)]
enum Deadline {
    Uptime(u64),
    Wall(u64),
}

impl Sleep {
    /// The uptime at which the sleep ends unless wall time is shifted; `None` once it has ended.
    fn due(&self) -> Option<u64> {
        match self.deadline {
            Deadline::Uptime(deadline) => (deadline > self.clock.uptime()).then_some(deadline),
            Deadline::Wall(deadline) => {
                let wall = self.clock.wall();
                (deadline > wall).then(|| self.clock.uptime() + (deadline - wall))
            }
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let inner = Rc::clone(&self.clock.0);
        let Some(due) = self.due() else { return Poll::Ready(()) };
        let number = match self.armed {
            Some(armed) => {
                inner.armed.borrow_mut().remove(&armed);
                armed.1
            }
            None => {
                inner.count.set(inner.count.get() + 1);
                inner.count.get()
            }
        };
        self.armed = Some((due, number));
        inner.armed.borrow_mut().insert((due, number), context.waker().clone());
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

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    /// A waker that counts its wakes.
    #[derive(Default)]
    struct Count(std::sync::atomic::AtomicUsize);

    impl Wake for Count {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    impl Count {
        fn get(&self) -> usize {
            self.0.load(std::sync::atomic::Ordering::Relaxed)
        }
    }

    /// A sleep is armed by its first poll, woken at its deadline and not before, and cancelled when it is dropped.
    #[test]
    fn sleeps_end_at_their_deadline() {
        crate::block_on(async {
            let (clock, count) = (VirtualClock::new(1_000), std::sync::Arc::<Count>::default());
            let waker = Waker::from(std::sync::Arc::clone(&count));
            let mut context = Context::from_waker(&waker);
            let mut sleep = clock.sleep_until(50);
            assert_eq!(clock.next_deadline(), None);
            assert!(Pin::new(&mut sleep).poll(&mut context).is_pending());
            let mut dropped = clock.sleep_until(20);
            assert!(Pin::new(&mut dropped).poll(&mut context).is_pending());
            assert_eq!(clock.next_deadline(), Some(20));
            drop(dropped);
            assert_eq!(clock.next_deadline(), Some(50));
            clock.advance_to(49).await;
            assert_eq!((count.get(), clock.wall()), (0, 1_049));
            clock.advance_to(50).await;
            assert_eq!(count.get(), 1);
            assert!(Pin::new(&mut sleep).poll(&mut context).is_ready());
            assert_eq!(clock.next_deadline(), None);
        });
    }

    /// A sleep until a wall time ends early when wall time is shifted forward, and later when it is shifted back.
    #[test]
    fn wall_time_can_be_shifted() {
        crate::block_on(async {
            let (clock, waker) = (VirtualClock::new(1_000), Waker::noop());
            let mut context = Context::from_waker(waker);
            let mut sleep = clock.sleep_until_wall(1_100);
            assert!(Pin::new(&mut sleep).poll(&mut context).is_pending());
            assert_eq!(clock.next_deadline(), Some(100));
            clock.shift_wall(-30);
            assert!(Pin::new(&mut sleep).poll(&mut context).is_pending());
            assert_eq!((clock.next_deadline(), clock.wall()), (Some(130), 970));
            clock.shift_wall(130);
            assert!(Pin::new(&mut sleep).poll(&mut context).is_ready());
            clock.shift_wall(-10_000);
            assert_eq!(clock.wall(), 0);
        });
    }
}
