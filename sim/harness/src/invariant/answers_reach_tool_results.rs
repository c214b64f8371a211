//! An accepted answer to a question reaches the agent (S31 of the catalogue): it is the result of the tool call that asked,
//! whatever happens between the two.

use gateway_core::store::{Role, StoredId};

use super::{Breach, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::SessionLog;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answers_reach_tool_results",
    about: "at rest, every accepted answer to a question of the agent is the result of a tool call in the rows",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &RowSet) -> Vec<Breach> {
    if view.process.was_killed {
        return Vec::new();
    }
    view.of_stored(|session, log, row| breach(view, session, log, row))
}

fn breach(view: &View<'_>, session: &str, log: &SessionLog, row: &StoredId) -> Option<Breach> {
    if log.answers.is_empty() {
        return None;
    }
    let results = view.rows.all_messages(row).iter().filter(|message| message.role == Role::Tool);
    let results: Vec<&str> = results.filter_map(|message| message.content.as_deref()).collect();
    // Steering text of the meantime follows the result in the same message.
    let read = |text: &str| results.iter().filter(|result| result.starts_with(text)).count();
    let given = |text: &str| log.answers.iter().filter(|answer| *answer == text).count();
    let unread = log.answers.iter().find(|text| read(text) < given(text))?;
    let session = view.label(session);
    Some(Breach {
        detail: format!("session {session} accepted the answer {unread:?}, which is the result of no tool call"),
        subject: session,
    })
}
