//! A session is ended as idle, or for others, only with cause (spec §6): it was not used for `session_ttl`, or more sessions are
//! live than may be.
//!
//! When a session was used last is taken from the clients' log and the agents' log, and how many are live is counted here.

use gateway_core::actor::Actor;
use gateway_core::clock::Uptime;
use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Case, Cases, Claim, Excuse, Invariant, View, bound};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "evictions_have_a_cause",
    about: "a session is ended as idle only `session_ttl` after a client or an agent last used it, and for room only while more sessions are live than the cap allows",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    // Judged at the instant at which an end begins; most events begin none.
    if view.events.last_end() != Some(view.now) {
        return;
    }
    for (place, session) in view.known.iter().enumerate() {
        cases.look(place, case(view, session));
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    let ended = view.events.end(session.id()).filter(|ended| ended.at == view.now);
    let Some(ended) = ended else { return Case::NotConcerned };
    let label = view.names.label(session.id());
    let detail = match ended.actor {
        Actor::IdleReaper => {
            // No client has received an answer that gave it the session.
            let Some(used) = last_used(view, session, &label) else { return Case::Excused(Excuse::LineInDoubt) };
            let is_early = ended.at < used + view.settings().session_ttl;
            is_early.then(|| format!("session {label} is ended as idle at {}, though used at {used}", ended.at))
        }
        Actor::Cap => {
            let Some(cap) = bound::live_sessions(view.scenario) else { return Case::NotConcerned };
            let live = view.known.iter().filter(|session| was_live(view, session)).count();
            let of = format!("session {label} is ended for room at {}, though {live} were live of {cap}", ended.at);
            (live <= cap).then_some(of)
        }
        Actor::Client | Actor::OrphanTimer | Actor::Disconnect | Actor::Shutdown => return Case::NotConcerned,
    };
    detail.map_or(Case::Held, |detail| Case::failed(label, detail))
}

/// When a client's request last attached it, undid its last turn or compressed it, or its agent last ended a turn.
pub(super) fn last_used(view: &View<'_>, session: &Session, label: &str) -> Option<Uptime> {
    let turns = view.agents.turns();
    let worked = turns.get(label).into_iter().flatten().filter_map(|turn| turn.over).max();
    worked.max(view.clients.log.connections().used_at(session.id().as_str()))
}

/// Whether it was live at the beginning of this instant, or has been registered since.
fn was_live(view: &View<'_>, session: &Session) -> bool {
    match session.read(|record| record.stage) {
        SessionStage::Opening | SessionStage::Open => true,
        SessionStage::Closing | SessionStage::Finalized => {
            view.events.end(session.id()).is_some_and(|ended| ended.at == view.now)
        }
    }
}
