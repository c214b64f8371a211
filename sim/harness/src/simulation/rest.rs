//! What may be left in the gateway when a run is at rest: nothing that has no owner.

use gateway_core::Gateway;
use gateway_core::record::{Attachment, Record};
use gateway_core::state::Registry;

use crate::task::AnyTask;
use crate::world::names::Names;

/// What is left, in words; nothing when the gateway is at rest. Sessions without a client are left when `keeps_orphans`,
/// because a grace of zero keeps them for ever.
pub(super) fn leftovers(
    tasks: &[AnyTask],
    gateway: Option<&Gateway>,
    names: &Names,
    keeps_orphans: bool,
) -> Vec<String> {
    let mut left: Vec<String> = tasks.iter().map(|task| format!("task {}", task.label)).collect();
    if let Some(gateway) = gateway {
        for session in gateway.sessions.all() {
            let flaw = session.read(|record| flaw(&gateway.sessions, record));
            let flaw = flaw.or((!keeps_orphans).then_some("is still live"));
            left.extend(flaw.map(|flaw| format!("session {} {flaw}", names.label(session.id()))));
        }
    }
    left
}

/// What no record may have at rest.
fn flaw(sessions: &Registry, record: &Record) -> Option<&'static str> {
    match &record.attachment {
        Attachment::Attached(connection) if !sessions.is_linked(connection) => {
            Some("is attached to a connection that is gone")
        }
        _ if record.is_running() => Some("is running"),
        _ if !record.timers.is_empty() => Some("has an armed timer"),
        _ => None,
    }
}
