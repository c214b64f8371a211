//! Accepted input is stored (I6 of spec §15; A17, S20; spec §4.3). A queued prompt becomes a turn of its own with its text
//! unchanged; steering text is read by the running turn or becomes a prompt. Only an interrupt or an end cancels them.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;
use gateway_core::store::StoredId;

use super::{Breach, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::SessionLog;

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
    if log.stops > 0 || !ended_at_rest(view, session) {
        return None;
    }
    let said: Vec<&str> = view.rows.all_messages(row).iter().filter_map(|message| message.content.as_deref()).collect();
    let prompts: Vec<&String> = log.started.iter().chain(&log.queued).collect();
    let as_sent = |text: &str| said.iter().filter(|said| **said == text).count();
    let read = |text: &str| said.iter().map(|said| said.matches(text).count()).sum::<usize>();
    let sent = |text: &str| prompts.iter().filter(|prompt| **prompt == text).count();
    let steered = |text: &str| log.steers.iter().filter(|steer| *steer == text).count();
    let unsaid = log.queued.iter().find(|text| as_sent(text) < sent(text));
    let unread = log.steers.iter().find(|text| read(text) < steered(text));
    let text = unsaid.or(unread)?;
    let session = view.label(id);
    Some(Breach { detail: format!("session {session} accepted {text:?} and never stored it"), subject: session })
}

/// Whether the session came to its end when nothing was left to do.
fn ended_at_rest(view: &View<'_>, session: &Session) -> bool {
    session.read(|record| record.stage == SessionStage::Finalized)
        && view.events.end(session.id()).is_some_and(|end| !end.found_turn)
}
