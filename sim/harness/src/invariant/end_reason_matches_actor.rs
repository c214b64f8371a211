//! The end reason of a row names the actor that ended it (I9 of spec §15): the row of an orphan does not say that the user
//! closed it.
//!
//! Whether that actor had to act is seen from outside: a client has asked to close, a connection has ended, the process had
//! received a signal. That an orphan, an idle session or one too many was one is the matter of `grace_is_not_cut_short` and
//! `evictions_have_a_cause`. The actor that the gateway names is not used.

use gateway_core::clock::Uptime;
use gateway_core::store::EndReason;

use super::healthy_turns_are_not_stopped::may_close;
use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::world::client_log::{LoggedRequest, SessionLog};
use crate::world::mirror::RowEnd;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "end_reason_matches_actor",
    about: "a row says that it was closed by the user, with its connection or with the process only if a client asked to close it, its connection ended, or the process received a signal",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    // Most events end no row.
    let ends = view.rows.row_ends().iter().enumerate();
    for (place, end) in ends.rev().take_while(|(_, end)| end.at == view.now) {
        cases.look(place, case(view, end));
    }
}

fn case(view: &View<'_>, end: &RowEnd) -> Case {
    let sessions = view.clients.log.sessions();
    let first = view.rows.first(&end.row);
    let is_its = |log: &&SessionLog| log.stored.as_ref().is_some_and(|stored| view.rows.first(stored) == first);
    let logs: Vec<&SessionLog> = sessions.values().filter(is_its).collect();
    // No client knows of it.
    if logs.is_empty() {
        return Case::NotConcerned;
    }
    let is_right = match end.reason {
        EndReason::TuiClose => closed_before(view, end) < requests_to_close(&logs, end.at),
        EndReason::TuiShutdown => view.process.was_signalled(end.at),
        EndReason::WsDisconnect => match is_ended_with_a_connection(view, &logs) {
            Ok(is_right) => is_right,
            Err(excuse) => return Case::Excused(excuse),
        },
        EndReason::WsOrphanReap | EndReason::IdleTimeout | EndReason::LruEvict => true,
        _ => return Case::NotConcerned,
    };
    let name = view.rows.alias(&end.row);
    let detail = || format!("row {name} has the end reason `{}`, for which there was no cause", end.reason.as_str());
    if is_right { Case::Held } else { Case::failed(&*name, detail()) }
}

/// Whether a session of the conversation was to be ended with its connection, and one has ended.
fn is_ended_with_a_connection(view: &View<'_>, logs: &[&SessionLog]) -> Result<bool, Excuse> {
    let closes = |how: Option<bool>| logs.iter().any(|log| log.closes_on_disconnect == how);
    let has_ended = view.clients.log.connections().may_have_ended();
    if closes(Some(true)) && has_ended {
        return Ok(true);
    }
    // A resume that the store has broken off ends what it may have opened as if its connection had ended.
    if view.store.broken_at.is_some() {
        return Err(Excuse::WriteRefused);
    }
    // No client has seen how it was created.
    if closes(None) && may_close(view) && has_ended { Err(Excuse::LineInDoubt) } else { Ok(false) }
}

/// How many ends before this one say that a client has closed the conversation. Each has had its own request.
fn closed_before(view: &View<'_>, end: &RowEnd) -> usize {
    let first = view.rows.first(&end.row);
    let earlier = view.rows.row_ends().iter().take_while(|other| !std::ptr::eq(*other, end));
    earlier.filter(|other| other.reason == EndReason::TuiClose && view.rows.first(&other.row) == first).count()
}

fn requests_to_close(logs: &[&SessionLog], at: Uptime) -> usize {
    logs.iter().flat_map(|log| closes(log)).filter(|close| close.sent_at <= at).count()
}

/// The requests to close the session.
fn closes(log: &SessionLog) -> impl Iterator<Item = &LoggedRequest> {
    log.requests.iter().filter(|request| request.method == "session.close")
}

/// Whether a client had asked to close the session by then.
pub(super) fn is_closed(log: &SessionLog, at: Uptime) -> bool {
    closes(log).any(|close| close.sent_at <= at)
}
