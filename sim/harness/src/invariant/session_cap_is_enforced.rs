//! A session that is added beyond the cap evicts one that is unused (A24 of the catalogue; spec §6).
//!
//! When a session was added is when the simulator first saw it in the registry. Whether one is unused is taken from the clients'
//! log and the agents' log.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::SessionStage;
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
    // One that is being ended or opened leaves or stays for another reason.
    let is_open = |session: &Session| session.read(|record| record.stage == SessionStage::Open);
    let places = view.live_places.iter().map(|place| (&view.known[*place], view.lives[*place].from));
    let stays: Vec<(&Session, Uptime)> = places.filter(|(session, _)| is_open(session)).collect();
    let added = stays.iter().map(|(_, from)| *from).max();
    let Some(added) = added.filter(|_| stays.len() > cap) else { return Vec::new() };
    let unused = stays.into_iter().filter(|(session, _)| is_unused(view, session, added));
    // Ends come one after the other, and begin when an agent that a resume builds at once is there.
    let within = bound + build(view.scenario) + view.slack().times(view.live.len() as u64);
    let condition = |(session, _): (&Session, Uptime)| Condition {
        subject: view.names.label(session.id()),
        era: added,
        within,
        detail,
    };
    unused.map(condition).collect()
}

/// Whether it has no client, and was not used since the newest session was added.
fn is_unused(view: &View<'_>, session: &Session, added: Uptime) -> bool {
    let (id, label) = (session.id().as_str(), view.names.label(session.id()));
    let connections = view.clients.log.connections();
    // A gateway learns of the end of a connection after its client, and of a silent one much later.
    let noticed = view.bounds.notice;
    let has_left = connections.left_at(id).is_some_and(|left| left + noticed < added) && !connections.may_be_held(id);
    // A session whose agent is being built is not evicted, nor one that stores the end of its turn.
    let busy = build(view.scenario) + view.slack();
    has_left && !view.has_turn(&label) && used_at(view, session, &label).is_some_and(|used| used + busy < added)
}

/// When a client named it in a request last, or its agent last ended a turn. `None`: a request has no answer.
fn used_at(view: &View<'_>, session: &Session, label: &str) -> Option<Uptime> {
    let logs = view.clients.log.sessions();
    let requests = logs.get(session.id().as_str()).into_iter().flat_map(|log| &log.requests);
    let asked: Option<Vec<Uptime>> = requests.map(|request| Some(request.answered.as_ref()?.at)).collect();
    Some(asked?.into_iter().max().max(last_used(view, session, label)).unwrap_or_default())
}

/// How long the build of an agent may take after its session was added or resumed.
fn build(scenario: &Scenario) -> Millis {
    scenario.gateway.build_delay + scenario.agent.longest_build()
}

fn detail(session: &str, since: Uptime) -> String {
    format!("session {session} is still live, though unused and beyond the cap since {since}")
}
