//! How late the machine is: what it adds by itself to the times of a script.
//!
//! A script that is played fast leaves the machine little time for anything. Where it was later than rows may be off, a
//! difference says nothing about the gateway, and who compares plays once more, slower.
#![expect(clippy::disallowed_methods, reason = "the machine's own time is what is measured")]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use gateway_core::store::{Found, Pending, Read, Store, Write, Written};
use tokio::time::Instant;

/// The sum of all that came late.
#[derive(Clone, Default)]
pub(super) struct Lateness(Rc<Cell<Duration>>);

/// How often it is looked at, and how much later than that the system's own grain may make it.
const TICK: Duration = Duration::from_millis(5);
const GRAIN: Duration = Duration::from_millis(2);

impl Lateness {
    pub(super) fn sum(&self) -> Duration {
        self.0.get()
    }

    fn add(&self, late: Duration) {
        self.0.set(self.0.get() + late);
    }

    /// Counts how late each tick comes. Never ends.
    pub(super) async fn watch(&self) {
        loop {
            let due = Instant::now() + TICK;
            tokio::time::sleep_until(due).await;
            self.add(due.elapsed().saturating_sub(GRAIN));
        }
    }
}

/// A store that counts how long its answers take, which in a simulated run is no time.
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
