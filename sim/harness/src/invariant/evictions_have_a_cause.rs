//! A session is ended as idle, or for others, only with cause (spec §6): it was not used for `session_ttl`, or more sessions are
//! live than may be. The end of a session that has no row has any of the causes that a session can have.
//!
//! For what a session is ended is what its row says. When it was used last is taken from the clients' log and the agents' log, and
//! how many are live is counted here. The actor that the gateway names is not used.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::state::Session;
use gateway_core::store::EndReason;

use super::end_reason_matches_actor::is_closed;
use super::grace_is_not_cut_short::cut_short;
use super::{Case, Cases, Claim, Excuse, Invariant, View, bound};
use crate::claim::End;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "evictions_have_a_cause",
    about: "a session is ended as idle only `session_ttl` after a client or an agent last used it, for room only while more sessions are live than the cap allows, and without a row only if it has any cause to end",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    // Judged at the instant at which an end begins or a row is ended; most events do neither.
    let is_now = |place: usize| view.lives[place].ending == Some(view.now);
    let ends_row = view.rows.row_ends().last().is_some_and(|end| end.at == view.now);
    for (place, session) in view.changed().filter(|(place, _)| ends_row || is_now(*place)) {
        cases.look(place, case(view, place, session));
    }
}

fn case(view: &View<'_>, place: usize, session: &Session) -> Case {
    // Ends of an earlier process, which may have had other settings, were judged then.
    let ended = view.end_of(place, session).filter(|end| !view.was_judged(place, end.at));
    let Some(End { at, row }) = ended else { return Case::NotConcerned };
    let label = view.names.label(session.id());
    let detail = match row.map(|row| row.reason) {
        Some(EndReason::IdleTimeout) => match last_used_by(view, session, &label, at) {
            // No client has received an answer that gave it the session.
            None => return Case::Excused(Excuse::LineInDoubt),
            Some(used) if at < used + view.settings().session_ttl => {
                format!("session {label} is ended as idle at {at}, though used at {used}")
            }
            Some(_) => return Case::Held,
        },
        Some(EndReason::LruEvict) => match (bound::live_sessions(view.scenario), live_at(view, at)) {
            (Some(cap), live) if live <= cap => {
                format!("session {label} is ended for room at {at}, though {live} were live of {cap}")
            }
            _ => return Case::Held,
        },
        Some(_) => return Case::NotConcerned,
        None if at == view.now && is_rowless(view, session) => match has_cause(view, session, &label, at) {
            true => return Case::Held,
            false => format!("session {label}, which has no row, is ended at {at} without cause"),
        },
        None => return Case::NotConcerned,
    };
    Case::failed(label, detail)
}

/// Whether clients have it, and nothing of its conversation was ever stored.
fn is_rowless(view: &View<'_>, session: &Session) -> bool {
    let logs = view.clients.log.sessions();
    let stored = logs.get(session.id().as_str()).and_then(|log| log.stored.as_ref());
    stored.is_some_and(|stored| view.rows.row(stored).is_none() && !view.rows.was_deleted(stored))
}

/// Whether a session that ends at that instant has any cause to end.
fn has_cause(view: &View<'_>, session: &Session, label: &str, at: Uptime) -> bool {
    let logs = view.clients.log.sessions();
    let log = logs.get(session.id().as_str());
    let is_idle = || last_used_by(view, session, label, at).is_none_or(|used| used + view.settings().session_ttl <= at);
    let is_orphan = || view.settings().orphan_grace > Millis::ZERO && cut_short(view, session, at).is_none();
    let is_one_too_many = || bound::live_sessions(view.scenario).is_some_and(|cap| live_at(view, at) > cap);
    let is_with_connection = || {
        let may_close = log.is_some_and(|log| log.closes_on_disconnect != Some(false));
        may_close && view.clients.log.connections().may_have_ended()
    };
    log.is_some_and(|log| is_closed(log, at))
        || view.process.was_signalled(at)
        || is_idle()
        || is_orphan()
        || is_one_too_many()
        || is_with_connection()
}

/// When it was last used, as far as it was used by then.
fn last_used_by(view: &View<'_>, session: &Session, label: &str, at: Uptime) -> Option<Uptime> {
    last_used(view, session, label).filter(|used| *used <= at)
}

/// When a client's request last attached it, undid its last turn or compressed it, or its agent last ended a turn.
pub(super) fn last_used(view: &View<'_>, session: &Session, label: &str) -> Option<Uptime> {
    let turns = view.agents.turns();
    let worked = turns.get(label).into_iter().flatten().filter_map(|turn| turn.over).max();
    worked.max(view.clients.log.connections().used_at(session.id().as_str()))
}

/// How many sessions were live at that instant.
fn live_at(view: &View<'_>, at: Uptime) -> usize {
    view.lives.iter().filter(|life| life.includes(at)).count()
}
