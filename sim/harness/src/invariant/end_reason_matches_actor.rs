//! The end reason of a row names the actor that ended it (I9 of spec §15): the row of an orphan does not say that the user
//! closed it.

use gateway_core::actor::Actor;
use gateway_core::observe::EndBegan;
use gateway_core::state::Session;
use gateway_core::store::EndReason;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "end_reason_matches_actor",
    about: "a row that a session ends has the end reason of the actor that ended the session",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    view.known.iter().filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    let EndBegan { actor, reason, .. } = view.events.end(session.id())?;
    session.read(|record| {
        let row = view.rows.row(&record.agent.row)?;
        // Another end may have come first, and the first one wins: only this actor's own reason is judged.
        if row.end_reason.as_deref() != Some(reason.as_str()) || reason == right_reason(actor) {
            return None;
        }
        let row = view.rows.alias(&row.id);
        let detail = format!("row {row} has the end reason `{}`, but was ended by {actor:?}", reason.as_str());
        Some(Breach { subject: row, detail })
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
