//! A turn that has ended, by itself or by an interrupt, has a final message of the agent in the rows (spec §5; 0.16.0 and
//! 0.17.0 omit it): a later reader sees how the turn ended, and that the next prompt begins another.

use gateway_core::store::{NewMessage, Role};

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::rows::RowSet;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "finished_turns_store_a_reply",
    about: "at rest, every turn whose end a client received has a final message of the agent in the rows",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    view.each_stored(|session, log, row| {
        let (ends, last_words) = (log.ends.len(), last_words(view.rows.all_messages(row)));
        let refused = view.rows.excused(row, is_word);
        for nth in 1..=ends {
            cases.add(match () {
                () if nth <= last_words => Case::Held,
                () if nth <= last_words + refused => Case::Excused(Excuse::WriteRefused),
                () => without_a_reply(view, session, ends, last_words),
            });
        }
    });
}

fn without_a_reply(view: &View<'_>, session: &str, ends: usize, last_words: usize) -> Case {
    let session = view.label(session);
    let detail =
        format!("session {session} reported the end of {ends} turns, and stored the final message of {last_words}");
    Case::failed(session, detail)
}

/// The number of the agent's messages that call no tool and are followed by a prompt, or by nothing.
fn last_words(said: &[NewMessage]) -> usize {
    let ends = |place: usize| said.get(place + 1).is_none_or(|next| next.role == Role::User);
    said.iter().enumerate().filter(|(place, message)| is_word(message) && ends(*place)).count()
}

fn is_word(message: &NewMessage) -> bool {
    message.role == Role::Assistant && message.tool_calls.is_none()
}
