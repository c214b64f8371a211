//! A session that is busy has a turn (I5 of spec §15): otherwise it is busy for ever.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::lifecycle::grace;
use gateway_core::record::{Attachment, Record};

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "busy_sessions_have_a_turn",
    about: "a session that is busy for its client has a turn, or gets one as soon as its prompt is stored",
    claim: Claim::Within(begun),
};

/// How long the claim of a session may take beside its writes.
const CLAIM: Millis = Millis::from_secs(1);

fn begun(view: &View<'_>) -> Vec<Condition> {
    let Some(sessions) = view.sessions else { return Vec::new() };
    // What holds a session without a prompt, such as a compression that a client asked for, is no turn.
    let prompted = |record: &Record| record.turn.as_ref().is_some_and(|turn| !turn.user.is_empty());
    // One without a client is still looked at by the reaper.
    let settling = |record: &Record| match &record.attachment {
        Attachment::Attached(connection) => grace::is_settling(record) && sessions.is_linked(connection),
        Attachment::Detached { .. } => false,
    };
    let busy = view.live.iter().filter(|session| session.read(|record| prompted(record) || settling(record)));
    let labels = busy.map(|session| view.names.label(session.id()));
    let stuck = labels.filter(|label| !view.has_turn(label));
    stuck
        .map(|subject| Condition { subject, era: Uptime::default(), within: view.bounds.slack + CLAIM, detail })
        .collect()
}

fn detail(session: &str, since: Uptime) -> String {
    format!("session {session} is busy, though since {since} it has no turn")
}
