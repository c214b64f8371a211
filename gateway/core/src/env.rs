//! Everything outside the gateway, in one value.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use crate::agent::{Agent, Agents, BuildError};
use crate::clock::{Clock, Millis, Now, Uptime};
use crate::entropy::{Entropy, Purpose, Stream};
use crate::observe::{Observe, Resource};
use crate::spawn::{Spawn, TaskName, Window};
use crate::store::Store;

/// The capabilities a gateway runs on. Cloning it is cheap and shares them.
///
/// Connections come from a [`Transport`](crate::transport::Transport), which is passed to the server.
#[derive(Clone)]
pub struct Env {
    /// The clock for deadlines and for the times in rows.
    pub clock: Rc<dyn Clock>,
    /// The store of session and message rows.
    pub store: Rc<dyn Store>,
    /// Builds the agent of each session.
    pub agents: Rc<dyn Agents>,
    /// The random numbers behind all ids.
    pub entropy: Rc<dyn Entropy>,
    /// Starts tasks, all on one thread.
    pub spawn: Rc<dyn Spawn>,
    /// The observer of accesses to shared state.
    pub observe: Observe,
}

impl Env {
    /// Reads the clock. A handler calls this once and passes the reading down.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Waits until `deadline`. Cancel safe.
    pub fn sleep_until(&self, deadline: Uptime) -> LocalBoxFuture<'static, ()> {
        self.clock.sleep_until(deadline)
    }

    /// Waits for `length` from now. Cancel safe.
    pub fn sleep(&self, length: Millis) -> LocalBoxFuture<'static, ()> {
        self.clock.sleep_until(self.clock.now().uptime + length)
    }

    /// Starts a task, which runs until it returns.
    pub fn spawn(&self, name: TaskName, task: impl Future<Output = ()> + 'static) {
        self.spawn.spawn(name, Box::pin(task));
    }

    /// Passes a race window; only the alternative of a release that has the window does.
    pub async fn window(&self, window: Window) {
        self.spawn.window(window).await;
    }

    /// Builds an agent. Cancel safe: dropping the future abandons the build.
    pub fn build_agent(&self) -> LocalBoxFuture<'static, Result<Rc<dyn Agent>, BuildError>> {
        self.observe.write(Resource::Agents);
        self.agents.build()
    }

    /// The next 64 bits of a stream. `purpose` says what they become.
    pub fn draw(&self, stream: Stream<'_>, purpose: Purpose) -> u64 {
        self.entropy.draw(stream, purpose)
    }
}
