//! A session that ends has stored its messages (A13 of the catalogue): messages that the store refused are written again until it
//! takes them, however long that lasts, and only then the session has ended.
//!
//! What is stored is taken from the committed writes, not from the session's own count.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;
use gateway_core::store::NewMessage;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "session_end_flushes_messages",
    about: "a session that ends has stored all of its messages",
    claim: Claim::Each(check),
};

/// The numbers of messages of one session that are told apart in the counts.
const LENGTHS: usize = 64;

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for (place, session) in view.changed() {
        let messages = session.read(|record| match record.stage {
            SessionStage::Finalized => Some(record.transcript.messages.len()),
            SessionStage::Opening | SessionStage::Open | SessionStage::Closing => None,
        });
        // Another session may continue with the row later, so a session is judged or excused once, unless its messages change.
        let Some(messages) = messages else { continue };
        let place = place * LENGTHS + messages.min(LENGTHS - 1);
        if !cases.was_judged(place) {
            cases.look(place, case(view, session));
        }
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    if view.events.end(session.id()).is_none() {
        return Case::NotConcerned;
    }
    session.read(|record| {
        // A turn that an old release leaves running stores its messages itself. A deleted row takes none.
        if record.is_running() || view.rows.row(&record.agent.row).is_none() {
            return Case::NotConcerned;
        }
        let (stored, ever) = (view.rows.messages(&record.agent.row), view.rows.all_messages(&record.agent.row));
        let is_stored = |message: &NewMessage| stored.contains(message) || ever.contains(message);
        let left: Vec<&NewMessage> = record.transcript.messages.iter().filter(|message| !is_stored(message)).collect();
        if left.is_empty() {
            return Case::Held;
        }
        let (label, row) = (view.names.label(session.id()), view.rows.alias(&record.agent.row));
        let detail = format!("session {label} has ended, but {} of its messages are not in its row {row}", left.len());
        Case::failed(label, detail)
    })
}
