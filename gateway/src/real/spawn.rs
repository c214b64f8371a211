//! Tasks on the thread of the runtime.

use std::future::ready;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::task::unconstrained;

use gateway_core::spawn::{Spawn, TaskName, Window};

/// Starts tasks on the `LocalSet` that is running.
pub struct LocalSpawn;

impl Spawn for LocalSpawn {
    /// Unconstrained, as in every world the gateway runs in: an await on something that is ready goes on at once,
    /// and tokio does not let others in at a place where the code has none. What a client can make ready without
    /// end (its frames) is bounded by its connection.
    #[expect(clippy::disallowed_methods, reason = "this is where tasks are started")]
    fn spawn(&self, _: TaskName, task: LocalBoxFuture<'static, ()>) {
        tokio::task::spawn_local(unconstrained(task));
    }

    fn window(&self, _: Window) -> LocalBoxFuture<'static, ()> {
        ready(()).boxed_local()
    }
}
