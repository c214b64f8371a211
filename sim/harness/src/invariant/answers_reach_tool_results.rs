//! An accepted answer to a question reaches the agent (S31 of the catalogue): it is the result of the tool call that asked,
//! whatever happens between the two.
//!
//! A kill of the process cuts off the answers that no stored result can hold yet. The agents' own log says which these are:
//! the gateway had not asked the agent for another event since the agent reported the result, or the agent still waited.

use gateway_core::store::{NewMessage, Role, StoredId};

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::rows::RowSet;
use crate::world::agent_log::AgentTurn;
use crate::world::client_log::SessionLog;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answers_reach_tool_results",
    about: "at rest, every accepted answer to a question of the agent is the result of a tool call in the rows",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    view.each_stored(|session, log, row| each_answer(view, session, log, row, cases));
}

fn each_answer(view: &View<'_>, session: &str, log: &SessionLog, row: &StoredId, cases: &mut Cases<'_>) {
    if log.answers.is_empty() {
        return;
    }
    // Steering text of the meantime follows the result in the same message.
    let is_result = |message: &NewMessage, text: &str| {
        message.role == Role::Tool && message.content.as_deref().is_some_and(|result| result.starts_with(text))
    };
    let session = view.label(session);
    let turns = view.agents.turns();
    let turns = || turns.get(&session).into_iter().flatten();
    let mut not_received = turns().filter(|turn| turn.is_cut_off_at_question()).count();
    for (place, text) in log.answers.iter().enumerate() {
        let nth = 1 + log.answers[..place].iter().filter(|answer| *answer == text).count();
        let read = view.rows.all_messages(row).iter().filter(|message| is_result(message, text)).count();
        let refused = view.rows.excused(row, |message| is_result(message, text));
        let cut_off = turns().flat_map(AgentTurn::cut_off).filter(|answer| answer.text == *text).count();
        cases.add(if nth <= read {
            Case::Held
        } else if nth <= read + refused {
            Case::Excused(Excuse::WriteRefused)
        } else if nth <= read + refused + cut_off {
            Case::Excused(Excuse::Killed)
        } else if not_received > 0 {
            not_received -= 1;
            Case::Excused(Excuse::Killed)
        } else {
            let detail = format!("session {session} accepted the answer {text:?}, which is the result of no tool call");
            Case::failed(&*session, detail)
        });
    }
}
