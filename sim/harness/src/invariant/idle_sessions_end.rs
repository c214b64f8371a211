//! A session that is detached and unused is ended eventually (A2 of the catalogue; spec §6): the idle reaper finds what every
//! other path has missed.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::lifecycle::idle::{self, SCAN};
use gateway_core::record::Attachment;
use gateway_core::state::{Registry, Session};

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
        let era = idle_since(sessions, session)?;
        Some(Condition { subject: view.names.label(session.id()), era, within, detail })
    });
    idle.collect()
}

/// When it was used last. `None`: it is in use.
fn idle_since(sessions: &Registry, session: &Session) -> Option<Uptime> {
    session.read(|record| {
        let served = matches!(&record.attachment, Attachment::Attached(connection) if sessions.is_linked(connection));
        idle::is_evictable(record, served).then_some(record.details.last_active.uptime)
    })
}

fn detail(session: &str, since: Uptime) -> String {
    format!("session {session} is still live, though unused since {since}")
}
