//! A busy session has a turn (I5 of spec §15): without one it stays busy for ever.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::lifecycle::grace;
use gateway_core::record::{Attachment, Record};
use gateway_core::state::Session;

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "busy_sessions_have_a_turn",
    about: "a busy session has a running turn, at the latest a second after its prompt is stored",
    claim: Claim::OfSession { bound: |_| CLAIM, begun },
};

/// The longest time from the admission of a prompt to its turn, without the writes.
const CLAIM: Millis = Millis::from_secs(1);

fn begun(view: &View<'_>, session: &Session, bound: Millis) -> Vec<Condition> {
    let Some(sessions) = view.sessions else { return Vec::new() };
    // Work without a prompt, such as a compression that a client asked for, holds the session but is no turn.
    let prompted = |record: &Record| record.turn.as_ref().is_some_and(|turn| !turn.user.is_empty());
    // The reaper still handles a session without a client.
    let settling = |record: &Record| match &record.attachment {
        Attachment::Attached(connection) => grace::is_settling(record) && sessions.is_linked(connection),
        Attachment::Detached { .. } => false,
    };
    if !session.read(|record| prompted(record) || settling(record)) {
        return Vec::new();
    }
    let subject = view.names.label(session.id());
    if view.has_turn(&subject) {
        return Vec::new();
    }
    let within = bound + view.slack() + view.bounds.queue;
    vec![Condition { subject, era: Uptime::default(), within, detail }]
}

fn detail(session: &str, since: Uptime) -> String {
    format!("session {session} is busy, but has had no turn since {since}")
}
