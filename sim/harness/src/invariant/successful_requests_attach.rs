//! A client whose request a session accepted receives the events of that session (spec §4.5): to resume or activate a session,
//! or to prompt it, is to attach. A repeated prompt is answered also when its session has ended since the first one or its connection has no
//! room for another session, and a prompt that waits when its session has ended while it was stored. The answer says then that
//! nothing was attached, which is not so otherwise.

use gateway_core::record::Attachment;

use super::{Case, Cases, Claim, Excuse, Invariant, View, room};
use crate::world::client_log::{Answer, is_unattached};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "successful_requests_attach",
    about: "after a successful `session.resume`, `session.activate` or `prompt.submit` the session is attached",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let takes_up = |method: &str| matches!(method, "session.activate" | "session.resume" | "prompt.submit");
    let answers = view.clients.answers().filter(|answer| takes_up(&answer.request.method));
    answers.for_each(|answer| cases.add(case(view, answer)));
}

fn case(view: &View<'_>, answer: &Answer) -> Case {
    let Ok(result) = &answer.result else { return Case::NotConcerned };
    let session = view.find(result["session_id"].as_str().unwrap_or(answer.request.session()));
    let Some(session) = session else { return Case::Excused(Excuse::ChangedMeanwhile) };
    let since = session.read(|record| match record.attachment {
        Attachment::Detached { since, .. } => Some(since),
        Attachment::Attached(_) => None,
    });
    let Some(since) = since else { return Case::Held };
    let may_be_unattached = view.events.end(session.id()).is_some() || has_no_room(view, answer);
    if is_unattached(result) && may_be_unattached {
        return Case::NotConcerned;
    }
    if since >= answer.request.sent_at {
        return Case::Excused(Excuse::ChangedMeanwhile);
    }
    let session = view.names.label(session.id());
    let detail = format!("session {session} answered {}, but has had no client since {since}", answer.client);
    Case::failed(session, detail)
}

/// Whether it answers a repeated prompt on a connection that may have had as many sessions as the settings allow.
fn has_no_room(view: &View<'_>, answer: &Answer) -> bool {
    let max = view.settings().max_sessions_per_connection as usize;
    let is_full = || room::sessions_at_most(view, &answer.client, &answer.request) >= max;
    max > 0 && room::may_be_repeated(view, &answer.request) && is_full()
}
