//! `session.close` and `session.interrupt`.

use std::rc::Rc;

use serde_json::{Value, json};

use super::session::OfSession;
use crate::actor::Actor;
use crate::ends::finalize;
use crate::lifecycle::interrupt::{InterruptTarget, OnQueue};
use crate::observe::SessionEvent;
use crate::record::Cancelled;
use crate::rpc::Error;
use crate::state::Gateway;
use crate::storage::input;

/// Ends a session, then answers. An unknown session is no error: it is closed already.
pub(super) async fn close(gateway: &Rc<Gateway>, params: &OfSession) -> Result<Value, Error> {
    let Ok(session) = params.find(gateway) else {
        return Ok(json!({"closed": false}));
    };
    let closed = finalize::end(gateway, &session, Actor::Client).await;
    Ok(json!({"closed": closed}))
}

/// Asks the turn to stop. Prompts that wait have their turn next; some releases cancel them.
pub(super) async fn interrupt(gateway: &Rc<Gateway>, params: &OfSession) -> Result<Value, Error> {
    let session = params.find(gateway)?;
    let cancelled = session.change_with(|record, handles| {
        match gateway.behavior.interrupt.target(record) {
            InterruptTarget::Turn => handles.interrupt(record),
            InterruptTarget::Claim => {
                handles.interrupt(record);
                handles.free(record);
            }
            InterruptTarget::NextTurn => record.details.stale_interrupt = true,
            InterruptTarget::Nothing => {}
        }
        match gateway.behavior.interrupt.on_queue() {
            OnQueue::Kept => Cancelled::default(),
            OnQueue::Cancelled => record.cancel_waiting(),
        }
    });
    session.report(SessionEvent::PromptsEnded(cancelled.prompts as u64));
    if cancelled.kept > 0 {
        input::cancel(gateway, &session).await;
    }
    for _ in 0..cancelled.steers + cancelled.prompts {
        session.emit("error", json!({"message": "cancelled before it had its turn"}));
    }
    Ok(json!({"status": "interrupted"}))
}
