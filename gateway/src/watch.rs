//! Who looks on as tasks use what they share.
//!
//! Between two awaits a task does something that no other can see in pieces: a *step*. Whether the order of two steps
//! matters depends on what they touch. So each accessor of what is shared says what it touches, and whether it may
//! change it. In production nobody looks on.

use std::rc::Rc;

use tokio::sync::{Mutex, MutexGuard};

use crate::session::SessionId;

/// Something that several tasks share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared<'a> {
    /// Which sessions are live, and in which order they came.
    Registry,
    /// Which connections are served.
    Links,
    /// Which sessions own which rows, and are attached to which connections.
    Places,
    /// Which row ids were given.
    RowIds,
    /// A session's record.
    Record(&'a SessionId),
    /// A session's numbered events.
    Events(&'a SessionId),
    /// What waits for a client, by the name of its connection.
    Backlog(&'a str),
    /// The table of those who are asked.
    Approvals,
    /// What jobs have said.
    Notices,
    /// The lock under which old releases look for a live session.
    ResumeLock,
    /// Whether the gateway is being shut down.
    Stopping,
    /// How many agents were built, which may decide how the next build goes.
    Agents,
}

/// What a step does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Looks at it.
    Read,
    /// Changes it, or may.
    Write,
}

/// Somebody who looks on.
pub trait Watcher {
    /// The step that runs touches this.
    fn touch(&self, shared: Shared<'_>, access: Access);
}

/// Whoever looks on; nobody by default.
#[derive(Clone, Default)]
pub struct Watch(Option<Rc<dyn Watcher>>);

impl Watch {
    /// This one looks on.
    pub fn by(watcher: Rc<dyn Watcher>) -> Self {
        Self(Some(watcher))
    }

    pub(crate) fn read(&self, shared: Shared<'_>) {
        if let Some(watcher) = &self.0 {
            watcher.touch(shared, Access::Read);
        }
    }

    pub(crate) fn write(&self, shared: Shared<'_>) {
        if let Some(watcher) = &self.0 {
            watcher.touch(shared, Access::Write);
        }
    }
}

/// The lock of the resumes, which is touched when it is taken and when it is given back.
pub(crate) struct ResumeLock {
    lock: Mutex<()>,
    watch: Watch,
}

/// The lock is held. Giving it back is a step's doing like any other, hence the `Drop`; it writes no row and sends no
/// frame.
pub(crate) struct Held<'a> {
    _guard: MutexGuard<'a, ()>,
    watch: &'a Watch,
}

impl ResumeLock {
    pub(crate) fn new(watch: Watch) -> Self {
        Self { lock: Mutex::default(), watch }
    }

    /// Waits for its turn. Cancel safe.
    pub(crate) async fn lock(&self) -> Held<'_> {
        self.watch.write(Shared::ResumeLock);
        let guard = self.lock.lock().await;
        self.watch.write(Shared::ResumeLock);
        Held { _guard: guard, watch: &self.watch }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.watch.write(Shared::ResumeLock);
    }
}
