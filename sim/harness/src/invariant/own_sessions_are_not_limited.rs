//! A client at its session limit can still resume each of its own sessions (spec §4.5): a session that it has takes no more
//! room.

use gateway_core::clock::Uptime;
use gateway_core::record::SessionStage;
use gateway_core::state::Session;
use gateway_core::store::StoredId;

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::world::client_log::{Answer, SESSION_LIMIT};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "own_sessions_are_not_limited",
    about: "no client is refused a session that its connection already has because of the session limit",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.answers_to("session.resume").for_each(|answer| cases.add(case(view, answer)));
}

fn case(view: &View<'_>, answer: &Answer) -> Case {
    // A title may be another row's by now.
    let Some(asked) = view.rows.row(&StoredId::new(answer.request.session())) else { return Case::NotConcerned };
    let Some(session) = held(view, answer, &view.rows.newest(&asked.id)) else { return Case::NotConcerned };
    let is_shared =
        || view.clients.log.connections().may_share(&answer.client, session.id().as_str(), Uptime::default());
    match answer.result {
        Ok(_) => Case::Held,
        Err(SESSION_LIMIT) if is_shared() => Case::Excused(Excuse::MayBeShared),
        Err(SESSION_LIMIT) => {
            let session = view.names.label(session.id());
            let detail =
                format!("{} has session {session}, and is refused it because of the session limit", answer.client);
            Case::failed(session, detail)
        }
        Err(_) => Case::NotConcerned,
    }
}

/// The session with this row that the client's connection was given before it sent the request.
fn held<'a>(view: &View<'a>, answer: &Answer, newest: &StoredId) -> Option<&'a Session> {
    let connections = view.clients.log.connections();
    let given = connections.sessions_of(&answer.client).filter(|(_, since)| *since < answer.request.sent_at);
    let mut sessions = given.filter_map(|(session, _)| view.find(session));
    sessions.find(|session| session.read(|record| record.stage == SessionStage::Open && record.owns(newest)))
}
