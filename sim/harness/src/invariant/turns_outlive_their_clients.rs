//! A healthy turn runs to its end though its client is gone (the acceptance rules of a fix of hermes-agent#44045; S14 upstream
//! went too far): a reaper that finds a running turn waits.

use gateway_core::actor::Actor;
use gateway_core::clock::Uptime;
use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "turns_outlive_their_clients",
    about: "no orphan timer and no idle reaper ends a session while a turn runs",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for (place, session) in view.changed() {
        cases.look(place, case(view, session));
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    let is_reaper = |actor| matches!(actor, Actor::OrphanTimer | Actor::IdleReaper);
    // Some releases admit a prompt to a session that is being ended: that turn is another claim's.
    let ended = view.events.end(session.id()).filter(|ended| is_reaper(ended.actor));
    let Some(ended) = ended else { return Case::NotConcerned };
    if !ended.found_turn && !ran_at(view, session, ended.at) {
        return Case::Held;
    }
    if session.read(|record| record.stage != SessionStage::Closing) {
        return Case::NotConcerned;
    }
    let session = view.names.label(session.id());
    let detail = format!("session {session} is ended by {:?} while a turn runs", ended.actor);
    Case::failed(session, detail)
}

/// Whether an agent worked for the session at that instant and after it, by the agents' own log.
fn ran_at(view: &View<'_>, session: &Session, at: Uptime) -> bool {
    let turns = view.agents.turns();
    let mut turns = turns.get(&view.names.label(session.id())).into_iter().flatten();
    turns.any(|turn| turn.began < at && turn.over.is_none_or(|over| over > at))
}
