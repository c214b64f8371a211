//! A session that is detached and unused is ended eventually (A2 of the catalogue; spec §6): the idle reaper finds what every
//! other path has missed.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::lifecycle::idle::{self, SCAN};
use gateway_core::record::Attachment;
use gateway_core::state::{Registry, Session};
use gateway_core::store::StoredId;

use super::evictions_have_a_cause::last_used;
use super::{Claim, Condition, Invariant, View};
use crate::world::client_log::{Passage, Target};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "idle_sessions_end",
    about: "a session without a client and a turn is ended by the first idle scan after `session_ttl`",
    claim: Claim::OfSession { bound: |scenario| scenario.gateway.session_ttl + SCAN, begun },
};

fn begun(view: &View<'_>, session: &Session, bound: Millis) -> Vec<Condition> {
    let Some(sessions) = view.sessions else { return Vec::new() };
    let within = bound + view.slack();
    let transit = |passage| match passage {
        Passage::Open => view.bounds.frame,
        Passage::HeldBack => view.bounds.held_back,
    };
    if !is_idle(sessions, session) {
        return Vec::new();
    }
    let subject = view.names.label(session.id());
    // What the session itself takes for its last use is not asked: it could put off its end for ever.
    let connections = view.clients.log.connections();
    let maybe = connections.used_without_answer(transit, |target| concerns(view, session, target));
    let era = last_used(view, session, &subject).max(maybe).unwrap_or_default();
    vec![Condition { subject, era, within, detail }]
}

/// Whether a request with this target concerns the session. A row that is not known, by a title of before, may be its own.
fn concerns(view: &View<'_>, session: &Session, target: &Target) -> bool {
    match target {
        Target::Session(id) => session.id().as_str() == id,
        Target::Row(asked) => {
            let row = view.rows.row(&StoredId::new(asked.as_str())).or_else(|| view.rows.titled(asked));
            row.is_none_or(|row| session.read(|record| view.rows.first(&record.agent.row) == view.rows.first(&row.id)))
        }
    }
}

/// Whether it is not in use.
fn is_idle(sessions: &Registry, session: &Session) -> bool {
    session.read(|record| {
        let served = matches!(&record.attachment, Attachment::Attached(connection) if sessions.is_linked(connection));
        idle::is_evictable(record, served)
    })
}

fn detail(session: &str, since: Uptime) -> String {
    format!("session {session} is still live, though unused since {since}")
}
