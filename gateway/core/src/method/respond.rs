//! Answers to an agent's questions: `clarify.respond`, `sudo.respond`, `secret.respond`, `approval.respond`.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::session;
use crate::agent::QuestionKind;
use crate::record::OpenQuestion;
use crate::rpc::{Error, code};
use crate::state::Gateway;

/// Parameters; each kind of question has its own name for the answer.
#[derive(Deserialize)]
pub(super) struct Respond {
    request_id: String,
    #[serde(alias = "password", alias = "value", alias = "text")]
    answer: String,
}

/// Answers the question with an id.
pub(super) fn respond(gateway: &Rc<Gateway>, kind: QuestionKind, params: Respond) -> Result<Value, Error> {
    let is_meant = |question: &str| gateway.behavior.events.answers().is_meant(question, &params.request_id);
    let is_asked = |question: &OpenQuestion| question.kind == kind && is_meant(&question.id);
    let session = gateway.sessions.find_by(|record| record.question.as_ref().is_some_and(is_asked));
    let answer =
        session.and_then(|session| session.change_with(|record, handles| handles.take_question(record, is_asked)));
    let Some(answer) = answer else {
        return Err(Error::new(code::BUSY, format!("no pending request {}", params.request_id)));
    };
    // The turn may have ended in the same instant; then the answer is dropped.
    let _ = answer.send(params.answer);
    Ok(json!({"status": "ok"}))
}

/// Parameters of `approval.respond`, which names its question by the session.
#[derive(Deserialize)]
pub(super) struct Approve {
    session_id: String,
    choice: String,
}

/// Answers the open approval of a session.
pub(super) fn approve(gateway: &Rc<Gateway>, params: Approve) -> Result<Value, Error> {
    let session = session::find(gateway, &params.session_id)?;
    let is_asked = |question: &OpenQuestion| question.kind == QuestionKind::Approval;
    let Some(answer) = session.change_with(|record, handles| handles.take_question(record, is_asked)) else {
        return Err(Error::new(code::BUSY, "no pending approval"));
    };
    let _ = answer.send(params.choice);
    Ok(json!({"resolved": 1}))
}
