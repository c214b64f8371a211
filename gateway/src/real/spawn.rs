//! Tasks on the thread of the runtime.

use std::future::ready;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::task::unconstrained;

use gateway_core::spawn::{Spawn, TaskName, Window};

/// Starts tasks on the `LocalSet` that is running.
pub struct LocalSpawn;

impl Spawn for LocalSpawn {
    /// Starts the task unconstrained, as the simulator does: an await on a ready future continues at once, so that tokio's
    /// budget adds no scheduling point that the code does not have. Frames, the one input that a client can keep ready
    /// without end, are bounded by its connection.
    #[expect(clippy::disallowed_methods, reason = "the one place that starts tasks")]
    fn spawn(&self, _: TaskName, task: LocalBoxFuture<'static, ()>) {
        tokio::task::spawn_local(unconstrained(task));
    }

    fn window(&self, _: Window) -> LocalBoxFuture<'static, ()> {
        ready(()).boxed_local()
    }
}
