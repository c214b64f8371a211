//! The end reason of a row names the actor that ended it (I9 of spec §15): the row of an orphan does not say that the user
//! closed it.

use gateway_core::actor::Actor;
use gateway_core::observe::EndBegan;
use gateway_core::state::Session;
use gateway_core::store::EndReason;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "end_reason_matches_actor",
    about: "a row that a session ends has the end reason of the actor that ended the session",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    if view.events.last_end().is_none() {
        return;
    }
    for (place, session) in view.known.iter().enumerate() {
        cases.look(place, case(view, session));
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    let Some(EndBegan { actor, reason, .. }) = view.events.end(session.id()) else { return Case::NotConcerned };
    session.read(|record| {
        let Some(row) = view.rows.row(&record.agent.row) else { return Case::NotConcerned };
        // Another end may have come first, and the first one wins: only this actor's own reason is judged.
        if row.end_reason.as_deref() != Some(reason.as_str()) {
            return Case::NotConcerned;
        }
        if reason == right_reason(actor) {
            return Case::Held;
        }
        let row = view.rows.alias(&row.id);
        let detail = format!("row {row} has the end reason `{}`, but was ended by {actor:?}", reason.as_str());
        Case::failed(row, detail)
    })
}

/// The reason that each actor writes (spec §7).
fn right_reason(actor: Actor) -> EndReason {
    match actor {
        Actor::Client => EndReason::TuiClose,
        Actor::OrphanTimer => EndReason::WsOrphanReap,
        Actor::Disconnect => EndReason::WsDisconnect,
        Actor::IdleReaper => EndReason::IdleTimeout,
        Actor::Cap => EndReason::LruEvict,
        Actor::Shutdown => EndReason::TuiShutdown,
    }
}
