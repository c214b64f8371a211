//! An ended session does no more work (I7 of spec §15): no turn starts, none keeps running, and no client receives an event of it.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "ended_sessions_are_silent",
    about: "no turn runs for an ended session, and no client receives an event of it",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let ended = view.known.iter().filter(|session| session.read(|record| record.stage == SessionStage::Finalized));
    ended.filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    let label = view.names.label(session.id());
    let what = if view.has_turn(&label) {
        "a turn runs for"
    } else if view.events.read(session.id(), |events| events.sent_after_removal) {
        "a client is sent an event of"
    } else {
        return None;
    };
    Some(Breach { detail: format!("{what} session {label}, which is ended"), subject: label })
}
