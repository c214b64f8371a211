//! A session that is detached and unused is ended eventually (A2 of the catalogue; spec §6): the idle reaper finds what every
//! other path has missed.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::lifecycle::idle::{self, SCAN};
use gateway_core::record::Attachment;
use gateway_core::state::{Registry, Session};

use super::evictions_have_a_cause::last_used;
use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "idle_sessions_end",
    about: "a session without a client and a turn is ended by the first idle scan after `session_ttl`",
    claim: Claim::Within { bound: |scenario| scenario.gateway.session_ttl + SCAN, begun },
};

fn begun(view: &View<'_>, bound: Millis) -> Vec<Condition> {
    let Some(sessions) = view.sessions else { return Vec::new() };
    let within = bound + view.slack();
    let idle = view.live.iter().filter_map(|session| {
        if !is_idle(sessions, session) {
            return None;
        }
        let subject = view.names.label(session.id());
        // What the session itself takes for its last use is not asked: it could put off its end for ever.
        let connections = view.clients.log.connections();
        let maybe = match connections.may_be_used_later() {
            true => Some(view.now),
            false => connections.may_be_used_at(session.id().as_str()),
        };
        let era = last_used(view, session, &subject).max(maybe).unwrap_or_default();
        Some(Condition { subject, era, within, detail })
    });
    idle.collect()
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
