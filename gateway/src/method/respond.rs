//! Answers to an agent's questions: `clarify.respond`, `sudo.respond`, `secret.respond`, `approval.respond`.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::QuestionKind;
use crate::rpc::{Error, code};
use crate::server::Gateway;
use crate::session::Record;

/// Parameters; each kind of question has its own name for the answer.
#[derive(Deserialize)]
pub(super) struct Respond {
    request_id: String,
    #[serde(alias = "password", alias = "value", alias = "text")]
    answer: String,
}

/// Gives the answer to the question with an id.
pub(super) fn respond(gateway: &Rc<Gateway>, kind: QuestionKind, params: Respond) -> Result<Value, Error> {
    let asked = |record: &Record| {
        let question = record.question.as_ref();
        question.is_some_and(|question| question.kind == kind && question.id == params.request_id)
    };
    let session = gateway.sessions.find_by(asked);
    let question = session.and_then(|session| session.change(|record| record.question.take()));
    let Some(question) = question else {
        return Err(Error::new(code::BUSY, format!("no pending request {}", params.request_id)));
    };
    question.answer(params.answer);
    Ok(json!({"status": "ok"}))
}

/// Parameters of `approval.respond`, which names its question by the session.
#[derive(Deserialize)]
pub(super) struct Approve {
    session_id: String,
    choice: String,
}

/// Gives or refuses leave to run the command that the session's agent asks about.
pub(super) fn approve(gateway: &Rc<Gateway>, params: Approve) -> Result<Value, Error> {
    let session = super::find(gateway, &params.session_id)?;
    let question = session.change(|record| record.question.take_if(|asked| asked.kind == QuestionKind::Approval));
    let Some(question) = question else {
        return Err(Error::new(code::BUSY, "no pending approval"));
    };
    question.answer(params.choice);
    Ok(json!({"resolved": 1}))
}
