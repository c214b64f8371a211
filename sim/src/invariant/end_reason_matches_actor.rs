//! A row says who ended it (I9 of spec §15): an orphan's row does not say that the user closed it.

use gateway_core::record::Actor;
use gateway_core::record::Ended;
use gateway_core::state::Session;
use gateway_core::store::EndReason;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "end_reason_matches_actor",
    about: "the reason of an ended row is that of whoever ended its session",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    view.known.iter().filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    session.read(|record| {
        let Ended { actor, reason, .. } = record.ended_by?;
        let row = view.rows.row(&record.agent.row)?;
        // Another end may have come first, and the first end wins: only this actor's own word is judged.
        if row.end_reason.as_deref() != Some(reason.as_str()) || reason == right_reason(actor) {
            return None;
        }
        let row = view.rows.alias(&row.id);
        let detail = format!("row {row} is ended `{}` by {actor:?}", reason.as_str());
        Some(Breach { subject: row, detail })
    })
}

/// What each actor's rows say (spec §7).
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
