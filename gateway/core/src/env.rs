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
/// Connections come in through [`Transport`](crate::transport::Transport), which the server is given apart.
#[derive(Clone)]
pub struct Env {
    /// Time.
    pub clock: Rc<dyn Clock>,
    /// Rows.
    pub store: Rc<dyn Store>,
    /// Agents.
    pub agents: Rc<dyn Agents>,
    /// Random numbers.
    pub entropy: Rc<dyn Entropy>,
    /// Tasks.
    pub spawn: Rc<dyn Spawn>,
    /// The observer of accesses to shared state.
    pub observe: Observe,
}

impl Env {
    /// Reads the clock.
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

    /// Starts a task.
    pub fn spawn(&self, name: TaskName, task: impl Future<Output = ()> + 'static) {
        self.spawn.spawn(name, Box::pin(task));
    }

    /// Passes a race window; only the alternative of a release that has the window does.
    pub async fn window(&self, window: Window) {
        self.spawn.window(window).await;
    }

    /// Builds an agent. Dropping the future gives the build up.
    pub fn build_agent(&self) -> LocalBoxFuture<'static, Result<Rc<dyn Agent>, BuildError>> {
        self.observe.write(Resource::Agents);
        self.agents.build()
    }

    /// The next number of a stream.
    pub fn draw(&self, stream: Stream<'_>, purpose: Purpose) -> u64 {
        self.entropy.draw(stream, purpose)
    }
}
