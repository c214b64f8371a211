//! A client at its session limit can still resume each of its own sessions (spec §4.5): a session that it has takes no more
//! room.

use gateway_core::record::{Attachment, Record, SessionStage};
use gateway_core::state::Session;
use gateway_core::store::StoredId;

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::{Answer, ClientEvent, SESSION_LIMIT};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "own_sessions_are_not_limited",
    about: "no client is refused a session that its connection already has because of the session limit",
    claim: Claim::Received(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let refused = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::Answer(answer) if answer.request.method == "session.resume" => Some(answer),
        _ => None,
    });
    refused.filter(|answer| answer.result == Err(SESSION_LIMIT)).filter_map(|answer| breach(view, answer)).collect()
}

fn breach(view: &View<'_>, answer: &Answer) -> Option<Breach> {
    // Another client may have had the session between the refusal and its arrival.
    if view.scenario.clients().len() > 1 {
        return None;
    }
    let asked = answer.request.session();
    // A title may be another row's by now.
    let asked = view.rows.row(&StoredId::new(asked))?.id.clone();
    let newest = view.rows.newest(&asked);
    let had = |session: &&Session| session.read(|record| record.owns(&newest) && had(view, record, answer));
    let session = view.label(view.live.iter().find(had)?.id().as_str());
    let detail = format!("{} has session {session}, and is refused it because of the session limit", answer.client);
    Some(Breach { subject: session, detail })
}

/// Whether the one connection of the client has had it since before the request.
fn had(view: &View<'_>, record: &Record, Answer { request, .. }: &Answer) -> bool {
    let links = view.sessions.map(|sessions| sessions.links()).unwrap_or_default();
    let is_only = matches!((&record.attachment, &links[..]), (Attachment::Attached(to), [only]) if *to == only.id);
    is_only && record.stage == SessionStage::Open && record.details.last_active.uptime < request.sent_at
}
