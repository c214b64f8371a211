//! An accepted answer to a question reaches the agent (S31 of the catalogue): it is the result of the tool call that asked,
//! whatever happens between the two.
//!
//! A kill of the process cuts off the answers that no stored result can hold yet. The agents' own log says which these are:
//! the gateway had not asked the agent for another event since the agent reported the result, or the agent still waited.

use std::collections::BTreeSet;

use gateway_core::store::{Role, StoredId};

use super::{Breach, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::agent_log::AgentTurn;
use crate::world::client_log::SessionLog;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answers_reach_tool_results",
    about: "at rest, every accepted answer to a question of the agent is the result of a tool call in the rows",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &RowSet) -> Vec<Breach> {
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
    let session = view.label(session);
    let turns = view.agents.turns();
    let turns = || turns.get(&session).into_iter().flatten();
    let cut_off = |text: &str| turns().flat_map(AgentTurn::cut_off).filter(|answer| answer.text == text).count();
    let unread = |text: &str| given(text).saturating_sub(read(text) + cut_off(text));
    let texts: BTreeSet<&str> = log.answers.iter().map(String::as_str).collect();
    let not_received = turns().filter(|turn| turn.is_cut_off_at_question()).count();
    if texts.into_iter().map(unread).sum::<usize>() <= not_received {
        return None;
    }
    let text = log.answers.iter().find(|text| unread(text) > 0)?;
    Some(Breach {
        detail: format!("session {session} accepted the answer {text:?}, which is the result of no tool call"),
        subject: session,
    })
}
