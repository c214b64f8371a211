//! Finds leftovers in the gateway when a run is at rest.

use gateway_core::Gateway;
use gateway_core::record::{Attachment, Record};
use gateway_core::state::Registry;

use crate::task::AnyTask;
use crate::world::names::Names;

/// The leftovers, each as a phrase; empty when the gateway is at rest. Detached sessions are no leftovers if
/// `keeps_orphans`, because a grace of zero keeps them for ever.
pub(super) fn leftovers(
    tasks: &[AnyTask],
    gateway: Option<&Gateway>,
    names: &Names,
    keeps_orphans: bool,
) -> Vec<String> {
    let mut left: Vec<String> = tasks.iter().map(|task| format!("task {}", task.label)).collect();
    if let Some(gateway) = gateway {
        for session in gateway.sessions.all() {
            let leftover = session.read(|record| leftover(&gateway.sessions, record));
            let leftover = leftover.or((!keeps_orphans).then_some("is still live"));
            left.extend(leftover.map(|leftover| format!("session {} {leftover}", names.label(session.id()))));
        }
    }
    left
}

/// The state of a record that is a leftover in any case.
fn leftover(sessions: &Registry, record: &Record) -> Option<&'static str> {
    match &record.attachment {
        Attachment::Attached(connection) if !sessions.is_linked(connection) => {
            Some("is attached to a connection that is gone")
        }
        _ if record.is_running() => Some("is running"),
        _ if !record.timers.is_empty() => Some("has an armed timer"),
        _ => None,
    }
}
