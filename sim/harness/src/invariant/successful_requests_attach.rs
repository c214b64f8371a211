//! A client whose request a session accepted receives the events of that session (spec §4.5): to resume or activate a session,
//! or to prompt it, is to attach.

use gateway_core::record::Attachment;

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::{Answer, ClientEvent};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "successful_requests_attach",
    about: "after a successful `session.resume`, `session.activate` or `prompt.submit` the session is attached",
    claim: Claim::Received(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let takes_up = |method: &str| matches!(method, "session.activate" | "session.resume" | "prompt.submit");
    let answers = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::Answer(answer) if takes_up(&answer.request.method) => Some(answer),
        _ => None,
    });
    answers.filter_map(|answer| breach(view, answer)).collect()
}

fn breach(view: &View<'_>, answer: &Answer) -> Option<Breach> {
    let result = answer.result.as_ref().ok()?;
    let session = view.find(result["session_id"].as_str().unwrap_or(answer.request.session()))?;
    let since = session.read(|record| match record.attachment {
        Attachment::Detached { since, .. } => Some(since),
        Attachment::Attached(_) => None,
    })?;
    if since >= answer.request.sent_at {
        return None;
    }
    let session = view.names.label(session.id());
    let detail = format!("session {session} answered {}, but has had no client since {since}", answer.client);
    Some(Breach { subject: session, detail })
}
