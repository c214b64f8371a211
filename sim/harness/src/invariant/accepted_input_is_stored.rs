//! Accepted input is stored (I6 of spec §15; A17, S20; spec §4.3). A queued prompt becomes a turn of its own with its text
//! unchanged; steering text is read by the running turn or becomes a prompt. Only an interrupt or an end cancels them.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;
use gateway_core::store::StoredId;

use super::{Breach, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::{LoggedRequest, SessionLog};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "accepted_input_is_stored",
    about: "at rest, every queued prompt is stored with its text unchanged, and every steering text is part of a stored message",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &RowSet) -> Vec<Breach> {
    view.of_stored(|session, log, row| breach(view, session, log, row))
}

fn breach(view: &View<'_>, id: &str, log: &SessionLog, row: &StoredId) -> Option<Breach> {
    if log.queued.is_empty() && log.steers.is_empty() {
        return None;
    }
    let session = view.known.iter().find(|session| session.id().as_str() == id)?;
    if !ended_at_rest(view, session) {
        return None;
    }
    let standing = |method: &'static str| log.requests.iter().filter(move |input| stands(log, input, method)).map(text);
    let (queued, steers): (Vec<_>, Vec<_>) = (standing("prompt.submit").collect(), standing("session.steer").collect());
    let said: Vec<&str> = view.rows.all_messages(row).iter().filter_map(|message| message.content.as_deref()).collect();
    let prompts: Vec<&str> = log.started.iter().map(String::as_str).chain(queued.iter().copied()).collect();
    let as_sent = |text: &str| said.iter().filter(|said| **said == text).count();
    let read = |text: &str| said.iter().map(|said| said.matches(text).count()).sum::<usize>();
    let sent = |text: &str| prompts.iter().filter(|prompt| **prompt == text).count();
    let steered = |text: &str| steers.iter().filter(|steer| **steer == text).count();
    let unsaid = queued.iter().find(|text| as_sent(text) < sent(text));
    let unread = steers.iter().find(|text| read(text) < steered(text));
    let text = unsaid.or(unread)?;
    let session = view.label(id);
    Some(Breach { detail: format!("session {session} accepted {text:?} and never stored it"), subject: session })
}

/// Whether a prompt or a steer was accepted and waits, and no request to stop may have cancelled it.
fn stands(log: &SessionLog, input: &LoggedRequest, method: &str) -> bool {
    let mut stops = log.requests.iter().filter(|request| request.stops());
    let spared = stops.all(|stop| stop.answered.as_ref().is_some_and(|reply| reply.at < input.sent_at));
    spared && input.was(method, &["queued"])
}

fn text(input: &LoggedRequest) -> &str {
    &input.text
}

/// Whether the session came to its end when nothing was left to do.
fn ended_at_rest(view: &View<'_>, session: &Session) -> bool {
    session.read(|record| record.stage == SessionStage::Finalized)
        && view.events.end(session.id()).is_some_and(|end| !end.found_turn)
}
