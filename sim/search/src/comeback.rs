//! What follows a crash: the process starts again, and the clients that were connected come back.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::Millis;
use sim_scenario::{
    Action, ConnectionStep, Memory, OnSkip, PROCESS, Presence, ProcessStep, RequestStep, ResumeMode, ResumeTarget,
    Scenario, SettingChanges, Step,
};

/// Adds the restart of a process that crashes at `crash`, or soon after it, and the return of the clients that the script has
/// connected by then. They resume the sessions that they had.
pub(crate) fn come_back(scenario: &mut Scenario, crash: Millis, restart: Millis, back: Millis) {
    let changes = SettingChanges::default();
    let mut steps = vec![step(restart, PROCESS, ProcessStep::Restart { changes }.into())];
    for (client, sessions) in connected(scenario, crash) {
        let connect = ConnectionStep::Connect { memory: Memory::Kept };
        steps.push(step(back, &client, connect.into()));
        steps.extend(sessions.into_iter().map(|session| step(back, &client, resume(session).into())));
    }
    add(scenario, steps);
}

/// Adds steps to the script. The sort keeps the order of the steps of an instant.
pub(crate) fn add(scenario: &mut Scenario, steps: impl IntoIterator<Item = Step>) {
    scenario.steps.extend(steps);
    scenario.steps.sort_by_key(|step| step.at);
}

/// The clients that the script has connected by this time, each with the sessions that it had last and has not closed.
fn connected(scenario: &Scenario, at: Millis) -> BTreeMap<String, BTreeSet<String>> {
    let mut clients: BTreeSet<&str> = BTreeSet::new();
    let mut sessions: BTreeMap<&str, &str> = BTreeMap::new();
    for Step { client, action, .. } in scenario.steps.iter().filter(|step| step.at <= at) {
        match action.presence() {
            Presence::Connects => drop(clients.insert(client)),
            Presence::Disconnects => drop(clients.remove(client.as_str())),
            Presence::DisconnectsAll => clients.clear(),
            Presence::Connected | Presence::NoClient => {}
        }
        let is_end = matches!(action, Action::Request(RequestStep::CloseSession { .. } | RequestStep::Delete { .. }));
        let is_resume = matches!(action, Action::Request(RequestStep::Resume { .. }));
        match (action.names(), action.session()) {
            (_, Some(session)) if is_end => drop(sessions.remove(session)),
            (Some(name), _) => drop(sessions.insert(name, client)),
            (None, Some(session)) if is_resume => drop(sessions.insert(session, client)),
            _ => {}
        }
    }
    let of =
        |client: &str| sessions.iter().filter(|(_, of)| **of == client).map(|(name, _)| (*name).to_owned()).collect();
    clients.into_iter().map(|client| (client.to_owned(), of(client))).collect()
}

/// A resume of a session by its stored id.
pub(crate) fn resume(session: String) -> RequestStep {
    let (target, mode) = (ResumeTarget::Stored, ResumeMode::Continue);
    RequestStep::Resume { session, target, name: None, model: None, last_seen: None, mode }
}

/// A step that may be impossible, because a crash came before it or did not come.
pub(crate) fn step(at: Millis, client: &str, action: Action) -> Step {
    Step { at, client: client.to_owned(), action, on_skip: OnSkip::Allowed, line: 0 }
}
