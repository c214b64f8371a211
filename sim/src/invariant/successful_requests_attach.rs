//! A client that was answered by a session hears what goes on there (spec §4.5): to take it up, or to send it a prompt,
//! is to be attached.

use gateway_core::record::Attachment;

use super::{Breach, Claim, Invariant, View};
use crate::world::told::{Answer, News};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "successful_requests_attach",
    about: "a session that a client has taken up or sent a prompt is not left without a client since before that",
    claim: Claim::Told(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let takes_up = |method: &str| matches!(method, "session.activate" | "session.resume" | "prompt.submit");
    let answers = view.news.iter().filter_map(|news| match news {
        News::Answer(answer) if takes_up(&answer.request.method) => Some(answer),
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
    let detail = format!("session {session} answered {}, but since {since} it has no client", answer.client);
    Some(Breach { subject: session, detail })
}
