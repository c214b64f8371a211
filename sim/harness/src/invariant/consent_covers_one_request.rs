//! An answer counts for one question, once (hermes-agent#82554): no command runs on leave that was given for another one, after
//! its time, after its turn was told to stop, or a second time; the same holds for a password, a secret and a word.
//!
//! What a client agreed to is what it had on its screen when it sent the answer, or the question that the answer names. What the
//! agent did is in the agents' own log, and the ids of its questions are those that the simulator has drawn. The gateway's account
//! of either is not used.

use gateway_core::agent::QuestionKind;

use super::{Case, Cases, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::agent_log::Answered;
use crate::world::client_log::{LoggedRequest, Receipt, SentRequest, SessionLog};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "consent_covers_one_request",
    about: "an agent acts on an answer only if a client has sent it while it had this very question on its screen, and only once for each answer",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    let turns = view.agents.turns();
    let (responses, receipts) = (view.clients.log.responses(), view.clients.log.receipts());
    let logs = view.clients.log.sessions();
    for session in view.known {
        let label = view.names.label(session.id());
        let answers = turns.get(&label).into_iter().flatten().flat_map(|turn| &turn.answers);
        // An empty text or the default is what an interrupt or a timeout answers.
        let given =
            answers.filter(|answer| !answer.text.is_empty() && answer.text != answer.question.kind.unanswered());
        let mut used = vec![false; responses.len()];
        for answer in given {
            let covers = |(place, response): &(usize, &SentRequest)| {
                let log = logs.get(session.id().as_str());
                !used[*place]
                    && is_for(response, answer, session.id().as_str(), &receipts)
                    && !log.is_some_and(|log| is_withdrawn(log, response, answer))
            };
            if let Some((place, _)) = responses.iter().enumerate().find(covers) {
                used[place] = true;
                cases.add(Case::Held);
                continue;
            }
            let (kind, text) = (answer.question.kind.name(), &answer.question.text);
            let detail = format!(
                "session {label} took {:?} for an answer to its {kind} question {text:?}, for which no client has sent it",
                answer.text
            );
            cases.add(Case::failed(label, detail));
            break;
        }
    }
}

/// Whether a client has sent this answer to this question of the session.
fn is_for(response: &SentRequest, answer: &Answered, session: &str, receipts: &[Receipt]) -> bool {
    let params = &response.params;
    let text = params["answer"].as_str().or_else(|| params["choice"].as_str());
    if text != Some(&answer.text)
        || response.sent_at > answer.at
        || response.method != answer.question.kind.answered_by()
    {
        return false;
    }
    match params["request_id"].as_str() {
        Some(named) => answer.id.as_deref() == Some(named),
        None => {
            let is_shown = |receipt: &&Receipt| {
                receipt.client == response.client
                    && receipt.session == session
                    && receipt.kind == answer.question.kind.event()
                    && receipt.revision <= response.questions
            };
            response.session() == session
                && receipts.iter().rev().find(is_shown).is_some_and(|receipt| is_question(receipt, answer))
        }
    }
}

/// Whether a client has received this question.
fn is_question(receipt: &Receipt, answer: &Answered) -> bool {
    match receipt.payload["request_id"].as_str() {
        Some(id) => answer.id.as_deref() == Some(id),
        None => {
            let shows = |text: &str| receipt.payload["command"] == text;
            let is_text = answer.question.kind != QuestionKind::Approval || shows(&answer.question.text);
            is_text && receipt.at >= answer.asked_at
        }
    }
}

/// Whether the client had stopped the turn before it sent the answer. Requests of a connection are carried out in their order.
fn is_withdrawn(log: &SessionLog, response: &SentRequest, answer: &Answered) -> bool {
    let is_before = |stop: &&LoggedRequest| {
        stop.client == response.client && stop.number < response.number && stop.sent_at > answer.asked_at
    };
    let is_done = |stop: &LoggedRequest| stop.answered.as_ref().is_some_and(|reply| reply.status.is_ok());
    log.requests.iter().filter(|request| request.stops()).filter(is_before).any(is_done)
}
