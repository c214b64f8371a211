//! A session that is added beyond the cap evicts one that is unused (A24 of the catalogue; spec §6).

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::{Attachment, Record, SessionStage};
use gateway_core::state::Session;

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "session_cap_is_enforced",
    about: "a session that is detached and unused ends within 200 ms after another is added beyond the cap",
    claim: Claim::Within(begun),
};

/// The longest time from the addition of a session to the end of another (spec §6), with a margin for its beginning.
const SWEEP: Millis = Millis(200);

fn begun(view: &View<'_>) -> Vec<Condition> {
    let Some(cap) = view.bounds.cap.filter(|cap| view.live.len() > *cap) else { return Vec::new() };
    let live = view.live;
    let stays: Vec<&Session> =
        live.iter().filter(|session| session.read(|record| record.stage == SessionStage::Open)).collect();
    let added = stays.iter().map(|session| session.read(|record| record.details.created_at.uptime)).max();
    let Some(added) = added.filter(|_| stays.len() > cap) else { return Vec::new() };
    let unused = stays.into_iter().filter(|session| session.read(|record| is_unused(view, record, added)));
    // Ends come one after the other.
    let within = SWEEP + view.bounds.slack.times(live.len() as u64);
    let condition =
        |session: &Session| Condition { subject: view.names.label(session.id()), era: added, within, detail };
    unused.map(condition).collect()
}

/// Whether it has no client, and was not used since the newest session was added.
fn is_unused(view: &View<'_>, record: &Record, added: Uptime) -> bool {
    let left = matches!(record.attachment, Attachment::Detached { since, from: Some(_) } if since < added);
    // A session whose agent is being built is not evicted.
    left && !record.is_running() && record.details.last_active.uptime + view.bounds.build < added
}

fn detail(session: &str, since: Uptime) -> String {
    format!("session {session} is still live, though unused and beyond the cap since {since}")
}
