//! Finds leftovers in the gateway when a run is at rest.

use std::collections::BTreeSet;

use gateway_core::Gateway;
use gateway_core::clock::Millis;
use gateway_core::record::{Attachment, Record};
use gateway_core::state::{Registry, Session};
use sim_scenario::Scenario;

use crate::claim::endless::is_endless;
use crate::task::AnyTask;
use crate::world::names::Names;

/// The leftovers, each as a phrase; empty when the gateway is at rest. Detached sessions are no leftovers under a grace of
/// zero, which keeps them for ever. A turn that nothing ends is none either, nor is its session.
pub(super) fn leftovers(
    tasks: &[AnyTask],
    gateway: Option<&Gateway>,
    names: &Names,
    scenario: &Scenario,
) -> Vec<String> {
    let live = gateway.map(|gateway| gateway.sessions.all()).unwrap_or_default();
    let is_endless = |session: &&Session| session.read(|record| is_endless(scenario, record));
    let endless: BTreeSet<String> = live.iter().filter(is_endless).map(|session| names.label(session.id())).collect();
    let is_left = |task: &&AnyTask| {
        let owner = task.tag.owner.as_deref();
        !(task.tag.role.is_turn() || task.tag.role.is_grace()) || !owner.is_some_and(|owner| endless.contains(owner))
    };
    let mut left: Vec<String> = tasks.iter().filter(is_left).map(|task| format!("task {}", task.label)).collect();
    let keeps_orphans = scenario.gateway.orphan_grace == Millis::ZERO;
    for (gateway, session) in gateway.iter().flat_map(|gateway| live.iter().map(move |session| (gateway, session))) {
        let label = names.label(session.id());
        if endless.contains(&label) {
            continue;
        }
        let leftover = session.read(|record| leftover(&gateway.sessions, record));
        let leftover = leftover.or((!keeps_orphans).then_some("is still live"));
        left.extend(leftover.map(|leftover| format!("session {label} {leftover}")));
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
