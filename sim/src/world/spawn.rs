//! Tasks of the gateway, in the pool under labels that the scenario's author can read.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::future::LocalBoxFuture;
use gateway::spawn::{Owner, Spawn, TaskName, Window};

use super::Stage;

pub(super) struct PoolSpawn {
    stage: Rc<Stage>,
}

impl PoolSpawn {
    pub(super) fn new(stage: Rc<Stage>) -> Self {
        Self { stage }
    }
}

impl Spawn for PoolSpawn {
    fn spawn(&self, name: TaskName, task: LocalBoxFuture<'static, ()>) {
        let label = match &name.owner {
            Owner::Session(id) => format!("{}/{}", self.stage.names.label(id), name.role),
            Owner::Gateway | Owner::Client(_) => name.to_string(),
        };
        self.stage.pool.spawn(label, task);
    }

    fn window(&self, _window: Window) -> LocalBoxFuture<'static, ()> {
        Box::pin(LetOthersGo { gone: false })
    }
}

/// Goes to the end of the ready list once: whoever is ready may run in between, and who does is a choice.
struct LetOthersGo {
    gone: bool,
}

impl Future for LetOthersGo {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.gone, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
