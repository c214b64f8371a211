//! A session that is added beyond the cap evicts one that is unused (A24 of the catalogue; spec §6).

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::{Attachment, Record, SessionStage};
use gateway_core::state::Session;
use sim_scenario::Scenario;

use super::evictions_have_a_cause::last_used;
use super::{Claim, Condition, Invariant, View, bound};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "session_cap_is_enforced",
    about: "a session that is detached and unused ends within 200 ms after another is added beyond the cap",
    claim: Claim::Within { bound: |_| SWEEP, begun },
};

/// The longest time from the addition of a session to the end of another (spec §6), with a margin for its beginning.
const SWEEP: Millis = Millis(200);

fn begun(view: &View<'_>, bound: Millis) -> Vec<Condition> {
    let Some(cap) = bound::live_sessions(view.scenario).filter(|cap| view.live.len() > *cap) else { return Vec::new() };
    let live = view.live;
    let stays: Vec<&Session> =
        live.iter().filter(|session| session.read(|record| record.stage == SessionStage::Open)).collect();
    let added = stays.iter().map(|session| session.read(|record| record.details.created_at.uptime)).max();
    let Some(added) = added.filter(|_| stays.len() > cap) else { return Vec::new() };
    let unused = stays.into_iter().filter(|session| is_unused(view, session, added));
    // Ends come one after the other.
    let within = bound + view.slack().times(live.len() as u64);
    let condition =
        |session: &Session| Condition { subject: view.names.label(session.id()), era: added, within, detail };
    unused.map(condition).collect()
}

/// Whether it has no client, and was not used since the newest session was added.
fn is_unused(view: &View<'_>, session: &Session, added: Uptime) -> bool {
    let has_left = |record: &Record| {
        let left = matches!(record.attachment, Attachment::Detached { since, from: Some(_) } if since < added);
        left && !record.is_running()
    };
    // A session whose agent is being built is not evicted.
    session.read(has_left) && used_at(view, session) + build(view.scenario) < added
}

/// When a client named it in a request last, or its agent last ended a turn.
fn used_at(view: &View<'_>, session: &Session) -> Uptime {
    let logs = view.clients.log.sessions();
    let requests = logs.get(session.id().as_str()).into_iter().flat_map(|log| &log.requests);
    let asked = requests.map(|request| request.answered.as_ref().map_or(request.sent_at, |reply| reply.at)).max();
    asked.max(last_used(view, session, &view.names.label(session.id()))).unwrap_or_default()
}

/// How long the build of an agent may take after its session was added or resumed.
fn build(scenario: &Scenario) -> Millis {
    scenario.gateway.build_delay + scenario.agent.longest_build()
}

fn detail(session: &str, since: Uptime) -> String {
    format!("session {session} is still live, though unused and beyond the cap since {since}")
}
