//! A turn that has ended, by itself or by an interrupt, has a final message of the agent in the rows (spec §5; 0.16.0 and
//! 0.17.0 omit it): a later reader sees how the turn ended, and that the next prompt begins another.

use gateway_core::store::{NewMessage, Role, StoredId};

use super::{Breach, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::SessionLog;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "finished_turns_store_a_reply",
    about: "at rest, every turn whose end a client received has a final message of the agent in the rows",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &RowSet) -> Vec<Breach> {
    view.of_stored(|session, log, row| breach(view, session, log, row))
}

fn breach(view: &View<'_>, session: &str, log: &SessionLog, row: &StoredId) -> Option<Breach> {
    let (ends, last_words) = (log.ends.len(), last_words(view.rows.all_messages(row)));
    if ends <= last_words {
        return None;
    }
    let session = view.label(session);
    let detail =
        format!("session {session} reported the end of {ends} turns, and stored the final message of {last_words}");
    Some(Breach { subject: session, detail })
}

/// The number of the agent's messages that call no tool and are followed by a prompt, or by nothing.
fn last_words(said: &[NewMessage]) -> usize {
    let is_word = |message: &NewMessage| message.role == Role::Assistant && message.tool_calls.is_none();
    let ends = |place: usize| said.get(place + 1).is_none_or(|next| next.role == Role::User);
    said.iter().enumerate().filter(|(place, message)| is_word(message) && ends(*place)).count()
}
