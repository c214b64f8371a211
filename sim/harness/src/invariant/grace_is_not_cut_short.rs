//! A detached session has a whole grace from the instant at which its last client left (the acceptance rules of a fix of
//! hermes-agent#44045): a timer of an earlier absence does not shorten it.
//!
//! That it is reaped as an orphan is what its row says; when its client left, and whether one is connected, is what the
//! clients' own log says. A session without a row leaves no such trace: `evictions_have_a_cause` judges its end.

use gateway_core::clock::Uptime;
use gateway_core::state::Session;
use gateway_core::store::EndReason;

use super::end_reason_matches_actor::is_closed;
use super::{Case, Cases, Claim, Invariant, View};
use crate::claim::End;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "grace_is_not_cut_short",
    about: "no session is reaped as an orphan before a whole grace has passed since its last client left",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    // A row is ended at one instant; most events end none.
    if view.rows.row_ends().last().is_none_or(|end| end.at != view.now) {
        return;
    }
    for (place, session) in view.changed() {
        cases.look(place, case(view, place, session));
    }
}

fn case(view: &View<'_>, place: usize, session: &Session) -> Case {
    match view.end_of(place, session) {
        // Ends of an earlier process, which may have had another grace, were judged then.
        Some(End { at, row: Some(row) }) if !view.was_judged(place, at) && is_reaped(view, session, at, row.reason) => {
            let label = view.names.label(session.id());
            match cut_short(view, session, at) {
                None => Case::Held,
                Some(though) => Case::failed(&*label, format!("session {label} is reaped at {at}, though {though}")),
            }
        }
        _ => Case::NotConcerned,
    }
}

/// Whether the row says that the session was an orphan, or that a client closed it, which no client has asked for.
fn is_reaped(view: &View<'_>, session: &Session, at: Uptime, reason: EndReason) -> bool {
    let logs = view.clients.log.sessions();
    let is_closed = || logs.get(session.id().as_str()).is_some_and(|log| is_closed(log, at));
    reason == EndReason::WsOrphanReap || reason == EndReason::TuiClose && !is_closed()
}

/// Why a session may not be reaped as an orphan at that instant; none if it may.
pub(super) fn cut_short(view: &View<'_>, session: &Session, at: Uptime) -> Option<String> {
    let (id, grace) = (session.id().as_str(), view.settings().orphan_grace);
    let connections = view.clients.log.connections();
    // The gateway cannot learn of the end of a connection before its client has ended it.
    if let Some(left) = connections.left_at(id).filter(|left| *left <= at && at < *left + grace) {
        return Some(format!("its client ended the connection at {left}"));
    }
    // A client learns that the gateway has ended a connection within the time of a frame.
    let held = connections.held_since(id).filter(|since| *since <= at && view.bounds.frame < grace);
    held.map(|since| format!("since {since} a client is connected that has it"))
}
