//! Answers to an agent's questions: `clarify.respond`, `sudo.respond`, `secret.respond`, `approval.respond`.
//!
//! An answer counts for the question that it names, and once. Any other is refused with the reason, and changes nothing.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::session;
use crate::agent::QuestionKind;
use crate::lifecycle::approval::Leave;
use crate::record::{Meant, OpenQuestion, Record, Resolution};
use crate::rpc::{Error, code};
use crate::state::{Gateway, Link, Session};

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
    let takes = |record: &Record| {
        record.question.as_ref().is_some_and(is_asked) && gateway.behavior.interrupt.takes_answer(record)
    };
    let session = gateway.sessions.find_by(takes);
    let answer = session.and_then(|session| {
        session.change_with(|record, handles| handles.take_question(record, Resolution::Answered, is_asked))
    });
    let Some(answer) = answer else {
        return Err(refused(gateway, kind, &params.request_id));
    };
    // The turn may have ended in the same instant; then the answer is dropped.
    let _ = answer.send(params.answer);
    Ok(json!({"status": "ok"}))
}

/// Parameters of `approval.respond`. Clients of old releases name no request.
#[derive(Deserialize)]
pub(super) struct Approve {
    session_id: String,
    request_id: Option<String>,
    choice: String,
}

/// Answers an approval of a session.
pub(super) fn approve(gateway: &Rc<Gateway>, link: &Link, params: Approve) -> Result<Value, Error> {
    let session = session::find(gateway, &params.session_id)?;
    let meant = match gateway.behavior.approval.leave() {
        Leave::Session => None,
        Leave::OneRequest => Some(match params.request_id {
            Some(id) => {
                session.change(|record| record.questions.answered_on(&link.id, &id));
                id
            }
            None => without_id(&session, link)?,
        }),
    };
    let is_asked = |question: &OpenQuestion| {
        question.kind == QuestionKind::Approval && meant.as_ref().is_none_or(|id| *id == question.id)
    };
    let answer = session.change_with(|record, handles| {
        let takes = gateway.behavior.interrupt.takes_answer(record);
        handles.take_question(record, Resolution::Answered, |question| takes && is_asked(question))
    });
    let Some(answer) = answer else {
        return Err(match meant {
            Some(id) => refused(gateway, QuestionKind::Approval, &id),
            None => Error::new(code::BUSY, "no pending approval"),
        });
    };
    let _ = answer.send(params.choice);
    Ok(json!({"resolved": 1}))
}

/// The approval that an answer without an id is meant for.
fn without_id(session: &Session, link: &Link) -> Result<String, Error> {
    match session.change(|record| record.questions.answered_without_id(&link.id)) {
        Meant::One(id) => Ok(id),
        Meant::None => Err(Error::new(code::BUSY, "no pending approval that was sent on this connection")),
        Meant::Unclear(count) => {
            let message = format!(
                "{count} approvals were sent on this connection or an earlier one and have no answer from it; name one by `request_id`"
            );
            Err(Error::new(code::BUSY, message))
        }
    }
}

/// Why an answer to the question `id` of this kind is refused.
fn refused(gateway: &Gateway, kind: QuestionKind, id: &str) -> Error {
    let why = gateway.sessions.all().iter().find_map(|session| session.read(|record| refusal(record, kind, id)));
    let why = why.unwrap_or_else(|| "was not asked by any live session".to_owned());
    Error::new(code::BUSY, format!("no pending request {id}: it {why}"))
}

/// The reason, if the session has asked the question. It is the predicate of a sentence about the question.
fn refusal(record: &Record, kind: QuestionKind, id: &str) -> Option<String> {
    if let Some(open) = record.question.as_ref().filter(|open| open.id == id) {
        let is_stopped = record.turn.as_ref().is_some_and(|turn| turn.interrupted);
        return Some(match open.kind == kind {
            true if is_stopped => Resolution::Interrupted.to_string(),
            true => "belongs to another session".to_owned(),
            false => format!("is answered by `{}`", open.kind.answered_by()),
        });
    }
    record.questions.resolved(id).map(|resolved| resolved.resolution.to_string())
}
