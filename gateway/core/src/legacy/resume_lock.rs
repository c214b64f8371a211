//! The resume lock of old releases: held while a resume looks for a live session, and while some ends take one out.

use tokio::sync::{Mutex, MutexGuard};

use crate::observe::{Observe, Resource};

/// The lock. Taking it and giving it back are accesses.
pub(crate) struct ResumeLock {
    lock: Mutex<()>,
    observe: Observe,
}

/// The lock is held until this is dropped, which is an access too; it writes no row and sends no frame.
pub(crate) struct Held<'a> {
    _guard: MutexGuard<'a, ()>,
    observe: &'a Observe,
}

impl ResumeLock {
    pub(crate) fn new(observe: Observe) -> Self {
        Self { lock: Mutex::default(), observe }
    }

    /// Waits for its turn. Cancel safe.
    pub(crate) async fn lock(&self) -> Held<'_> {
        self.observe.write(Resource::ResumeLock);
        let guard = self.lock.lock().await;
        self.observe.write(Resource::ResumeLock);
        Held { _guard: guard, observe: &self.observe }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.observe.write(Resource::ResumeLock);
    }
}
