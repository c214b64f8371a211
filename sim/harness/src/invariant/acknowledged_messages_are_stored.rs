//! Messages that a client was shown are stored (prefix durability, design §5; A14, B3 and B4 of the catalogue): a prompt that
//! started, a tool's result and an answer are in the rows of the conversation, also after a kill.
//!
//! An undo or a compression may remove them later. The claim is that each was stored at some time.

use gateway_core::store::{NewMessage, Role, StoredId};

use super::{Breach, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::{SessionLog, TurnEnd};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "acknowledged_messages_are_stored",
    about: "at rest, every prompt, tool result and answer that clients were shown was stored in a row of their conversation",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &RowSet) -> Vec<Breach> {
    view.of_stored(|session, log, row| breach(view, session, log, row))
}

fn breach(view: &View<'_>, session: &str, log: &SessionLog, row: &StoredId) -> Option<Breach> {
    let said = view.rows.all_messages(row);
    let answers = log.ends.iter().filter_map(|end| match end {
        TurnEnd::Complete(text) => Some(text.as_str()),
        TurnEnd::Interrupted => None,
    });
    let lost = lost(Role::User, log.started.iter().map(String::as_str), said)
        .or_else(|| lost(Role::Tool, log.results.iter().map(String::as_str), said))
        .or_else(|| lost(Role::Assistant, answers, said))?;
    let detail =
        format!("session {} reported {lost}, which its row {} never held", view.label(session), view.rows.alias(row));
    Some(Breach { subject: view.label(session), detail })
}

/// A message that clients were shown more often than it was stored.
fn lost<'a>(role: Role, shown: impl Iterator<Item = &'a str>, said: &[NewMessage]) -> Option<String> {
    let shown: Vec<&str> = shown.collect();
    let stored = |text: &str| {
        said.iter().filter(|message| message.role == role && message.content.as_deref() == Some(text)).count()
    };
    let often = |text: &str| shown.iter().filter(|shown| **shown == text).count();
    let text = shown.iter().find(|text| stored(text) < often(text))?;
    Some(format!(
        "{} {text:?}",
        match role {
            Role::User => "the prompt",
            Role::Tool => "the tool's result",
            Role::Assistant => "the answer",
        }
    ))
}
