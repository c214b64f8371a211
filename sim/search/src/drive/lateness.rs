//! Measures how late the machine is: the delay that it adds to the times of a script.
//!
//! A fast play leaves the machine little time. When it was late, rows may differ without a fault of the gateway, and the
//! caller repeats the play at a lower speed.
#![expect(clippy::disallowed_methods, reason = "the machine's own time is what is measured")]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use gateway_core::store::{Found, Pending, Read, Store, Write, Written};
use tokio::time::Instant;

/// The sum of all delays.
#[derive(Clone, Default)]
pub(super) struct Lateness(Rc<Cell<Duration>>);

/// The period of the ticks, and the tolerance for the system's timer resolution.
const TICK: Duration = Duration::from_millis(5);
const GRAIN: Duration = Duration::from_millis(2);

impl Lateness {
    pub(super) fn sum(&self) -> Duration {
        self.0.get()
    }

    fn add(&self, late: Duration) {
        self.0.set(self.0.get() + late);
    }

    /// Adds up the delay of each tick. Never completes.
    pub(super) async fn watch(&self) {
        loop {
            let due = Instant::now() + TICK;
            tokio::time::sleep_until(due).await;
            self.add(due.elapsed().saturating_sub(GRAIN));
        }
    }
}

/// A store decorator that adds up the latency of calls, which is zero in a simulated run.
pub(super) struct TimedStore<S> {
    pub(super) store: Rc<S>,
    pub(super) lateness: Lateness,
}

impl<S> TimedStore<S> {
    fn timed<T: 'static>(&self, answer: Pending<T>) -> Pending<T> {
        let (lateness, called) = (self.lateness.clone(), Instant::now());
        Box::pin(async move {
            let answer = answer.await;
            lateness.add(called.elapsed());
            answer
        })
    }
}

impl<S: Store> Store for TimedStore<S> {
    fn write(&self, write: Write) -> Pending<Written> {
        self.timed(self.store.write(write))
    }

    fn read(&self, read: Read) -> Pending<Found> {
        self.timed(self.store.read(read))
    }
}
