//! An accepted answer to a question reaches the agent (S31 of the catalogue): it is the result of the tool call that asked,
//! whatever happens between the two.

use gateway_core::store::Role;

use super::{Breach, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::SessionLog;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answers_reach_tool_results",
    about: "at rest, every accepted answer to a question of the agent is the result of a tool call in the rows",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &RowSet) -> Vec<Breach> {
    if view.store.faults > 0 || view.process.was_killed {
        return Vec::new();
    }
    let logs = view.clients.log.sessions();
    let answered = logs.iter().filter(|(_, log)| !log.answers.is_empty());
    answered.filter_map(|(session, log)| breach(view, session, log)).collect()
}

fn breach(view: &View<'_>, session: &str, log: &SessionLog) -> Option<Breach> {
    let row = log.stored.as_ref().filter(|row| !view.rows.lost_a_row(row))?;
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
