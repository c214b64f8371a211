//! The gateway's tasks, spawned in the pool under readable labels.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::future::LocalBoxFuture;
use gateway_core::clock::{Clock, Millis};
use gateway_core::spawn::{Owner, Spawn, TaskName, Window};

use super::SimContext;
use crate::footprint::Resource;
use crate::task::{Role, TaskTag};
use sim_scenario::Latency;

pub(super) struct PoolSpawn {
    context: Rc<SimContext>,
    /// How long the race windows of old releases stay open.
    windows: BTreeMap<Window, Latency>,
}

impl PoolSpawn {
    pub(super) fn new(context: Rc<SimContext>, windows: BTreeMap<Window, Latency>) -> Self {
        Self { context, windows }
    }
}

impl Spawn for PoolSpawn {
    fn spawn(&self, name: TaskName, task: LocalBoxFuture<'static, ()>) {
        // A session's tasks hold channel ends whose other ends are in its record.
        let role = Role::Gateway(name.role);
        let named = match name.owner {
            Owner::Session(id) => {
                TaskTag::new(self.context.names.label(&id), role).task().reading(Resource::Record(id))
            }
            Owner::Client(client) => TaskTag::new(client, role).task(),
            Owner::Gateway => TaskTag::new("gateway", role).task(),
        };
        self.context.pool.spawn(named, task);
    }

    fn window(&self, window: Window) -> LocalBoxFuture<'static, ()> {
        if self.windows.contains_key(&window) {
            self.context.passed(window);
        }
        let range = self.windows.get(&window).copied().unwrap_or_default();
        let length = self.context.latency(&format!("window.{}", window.name()), range);
        if length == Millis::ZERO {
            return Box::pin(YieldOnce { yielded: false });
        }
        self.context.clock.sleep_until(self.context.now() + length)
    }
}

/// Yields once, to the end of the ready list. Which ready task runs next is a choice.
struct YieldOnce {
    yielded: bool,
}

impl Future for YieldOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
