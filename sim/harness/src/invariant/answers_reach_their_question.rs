//! An answer reaches the question that it was given to (spec §4.14): leave for one command, or a word for one session, is not
//! taken for another.
//!
//! What an agent received is in the agents' own log, what clients asked and answered in theirs.

use gateway_core::agent::QuestionKind;

use super::{Cases, Claim, Invariant, View};
use crate::world::agent_log::Answered;
use crate::world::client_log::SentRequest;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answers_reach_their_question",
    about: "an agent receives as an answer only what a client has sent to this question of its session",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let turns = view.agents.turns();
    // Most runs ask nothing, and the claim is judged after each event.
    let answers = view.agents.answers();
    if answers == 0 {
        return;
    }
    cases.so_far(answers);
    for (_, session) in view.changed() {
        let label = view.names.label(session.id());
        let answers = turns.get(&label).into_iter().flatten().flat_map(|turn| &turn.answers);
        // An empty text or the default is what an interrupt or a timeout answers.
        let mut given =
            answers.filter(|answer| !answer.text.is_empty() && answer.text != answer.question.kind.unanswered());
        let Some(stray) = given.find(|answer| !was_given(view, session.id().as_str(), answer)) else { continue };
        let detail = format!("session {label} was answered {:?}, which no client has sent to its question", stray.text);
        cases.fail(label, detail);
    }
}

/// Whether a client had sent this answer to this question of the session.
fn was_given(view: &View<'_>, session: &str, answer: &Answered) -> bool {
    let questions = view.clients.log.questions();
    let kind = answer.question.kind;
    let is_it = |response: &&SentRequest| {
        let params = &response.params;
        let text = params["answer"].as_str().or_else(|| params["choice"].as_str());
        let names_it = match params["request_id"].as_str() {
            Some(id) => questions.get(id).is_some_and(|asked| {
                let shows_text = || {
                    asked
                        .payload
                        .as_object()
                        .is_some_and(|payload| payload.values().any(|value| *value == answer.question.text))
                };
                asked.session == session && asked.kind == kind.event() && (kind == QuestionKind::Sudo || shows_text())
            }),
            None => {
                response.session() == session && response.method == "approval.respond" && kind == QuestionKind::Approval
            }
        };
        names_it && text == Some(&answer.text) && response.sent_at <= answer.at
    };
    view.clients.log.responses().iter().any(|response| is_it(&response))
}
