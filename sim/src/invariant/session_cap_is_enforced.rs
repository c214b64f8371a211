//! When a session is added to as many as there may be, one that nobody has makes room (A24 of the catalogue; spec §6).

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::{Attachment, Record, SessionStage};
use gateway_core::state::Session;

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "session_cap_is_enforced",
    about: "a session that nobody has does not outlive the adding of one beyond the cap",
    claim: Claim::Within(begun),
};

/// How long after a session was added the others may stay (spec §6), and a little for the end to begin.
const SWEEP: Millis = Millis(200);

fn begun(view: &View<'_>) -> Vec<Condition> {
    let Some(cap) = view.bounds.cap.filter(|cap| view.live.len() > *cap) else { return Vec::new() };
    let live = view.live;
    let stays: Vec<&Session> =
        live.iter().filter(|session| session.read(|record| record.stage == SessionStage::Open)).collect();
    let added = stays.iter().map(|session| session.read(|record| record.facts.created_at.uptime)).max();
    let Some(added) = added.filter(|_| stays.len() > cap) else { return Vec::new() };
    let unused = stays.into_iter().filter(|session| session.read(|record| is_unused(view, record, added)));
    // Ends come one after the other.
    let within = SWEEP + view.bounds.slack.times(live.len() as u64);
    let condition =
        |session: &Session| Condition { subject: view.names.label(session.id()), era: added, within, detail };
    unused.map(condition).collect()
}

/// Whether nobody has it, and nobody has used it since the newest was added.
fn is_unused(view: &View<'_>, record: &Record, added: Uptime) -> bool {
    let left = matches!(record.attachment, Attachment::Detached { since, from: Some(_) } if since < added);
    // What its last use has begun to build is let be until it is there.
    left && !record.is_running() && record.facts.last_active.uptime + view.bounds.build < added
}

fn detail(session: &str, since: Uptime) -> String {
    format!("session {session} is still there, though since {since} there are too many and nobody uses it")
}
