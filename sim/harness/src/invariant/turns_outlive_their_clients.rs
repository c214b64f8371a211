//! A healthy turn runs to its end though its client is gone (the acceptance rules of a fix of hermes-agent#44045; S14 upstream
//! went too far): a reaper that finds a running turn waits.

use gateway_core::record::Actor;
use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "turns_outlive_their_clients",
    about: "no orphan timer and no idle reaper ends a session while a turn runs",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    view.known.iter().filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    session.read(|record| {
        let ended = record.ended_by.filter(|ended| matches!(ended.actor, Actor::OrphanTimer | Actor::IdleReaper))?;
        // Some releases admit a prompt to a session that is being ended: that turn is another claim's.
        if record.stage != SessionStage::Closing || !view.events.read(session.id(), |events| events.end_found_turn) {
            return None;
        }
        let session = view.names.label(session.id());
        let detail = format!("session {session} is ended by {:?} while a turn runs", ended.actor);
        Some(Breach { subject: session, detail })
    })
}
