//! An ended session does no more work (I7 of spec §15): no turn starts, none keeps running, and no client receives an event of it.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "ended_sessions_are_silent",
    about: "no turn runs for an ended session, and no client receives an event of it",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for (place, session) in view.known.iter().enumerate() {
        if session.read(|record| record.stage == SessionStage::Finalized) {
            cases.look(place, case(view, session));
        }
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    let label = view.names.label(session.id());
    let what = if view.has_turn(&label) {
        "a turn runs for"
    } else if view.events.read(session.id(), |events| events.sent_after_removal) {
        "a client is sent an event of"
    } else {
        return Case::Held;
    };
    let detail = format!("{what} session {label}, which is ended");
    Case::failed(label, detail)
}
