//! Messages that a client was shown are stored (prefix durability, design §5; A14, B3 and B4 of the catalogue): a prompt that
//! started, a tool's result and an answer are in the rows of the conversation, also after a kill.
//!
//! An undo or a compression may remove them later. The claim is that each was stored at some time.

use gateway_core::store::{NewMessage, Role, StoredId};

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::{SessionLog, TurnEnd};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "acknowledged_messages_are_stored",
    about: "at rest, every prompt, tool result and answer that clients were shown was stored in a row of their conversation",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    view.each_stored(|session, log, row| each_shown(view, session, log, row, cases));
}

fn each_shown(view: &View<'_>, session: &str, log: &SessionLog, row: &StoredId, cases: &mut Cases<'_>) {
    let answers = log.ends.iter().filter_map(|end| match end {
        TurnEnd::Complete(text) => Some(text.as_str()),
        TurnEnd::Interrupted => None,
    });
    let shown =
        [(Role::User, texts(&log.started)), (Role::Tool, texts(&log.results)), (Role::Assistant, answers.collect())];
    for (role, shown) in shown {
        for (place, text) in shown.iter().enumerate() {
            // Of several with one text, the first ones are those that are stored.
            let nth = 1 + shown[..place].iter().filter(|earlier| *earlier == text).count();
            let is_it = |message: &NewMessage| message.role == role && message.content.as_deref() == Some(text);
            let stored = view.rows.all_messages(row).iter().filter(|message| is_it(message)).count();
            let refused = view.rows.excused(row, is_it);
            cases.add(match () {
                () if nth <= stored => Case::Held,
                () if nth <= stored + refused => Case::Excused(Excuse::WriteRefused),
                () => lost(view, session, row, role, text),
            });
        }
    }
}

fn lost(view: &View<'_>, session: &str, row: &StoredId, role: Role, text: &str) -> Case {
    let (session, row) = (view.label(session), view.rows.alias(row));
    let what = match role {
        Role::User => "the prompt",
        Role::Tool => "the tool's result",
        Role::Assistant => "the answer",
    };
    let detail = format!("session {session} reported {what} {text:?}, which its row {row} never held");
    Case::failed(session, detail)
}

fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
