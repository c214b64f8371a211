//! Questions of an agent to its user during a turn (spec §4.14).

use serde_json::{Value, json};

use crate::agent::{Interrupt, Question, QuestionKind};
use crate::clock::Millis;
use crate::entropy::{Purpose, Stream};
use crate::legacy::interrupts;
use crate::record::OpenQuestion;
use crate::state::{Gateway, Session};

/// Asks, and waits for the answer. An interrupt answers with an empty text, a timeout with the kind's default.
pub(crate) async fn ask(gateway: &Gateway, session: &Session, question: Question, interrupt: &Interrupt) -> String {
    let bits = gateway.env.draw(Stream::Session(session.id()), Purpose::QuestionId);
    let id = format!("{:08x}", bits as u32);
    let payload = payload(&question, &id);
    let timeout = timeout(gateway, question.kind);
    let open = OpenQuestion { id, kind: question.kind, payload: payload.clone() };
    let answered = session.change_with(|record, handles| handles.ask(record, open));
    if question.kind != QuestionKind::Approval || gateway.approvals.is_asked(session) {
        session.emit(question.kind.event(), payload);
    }
    let text = tokio::select! {
        biased; // an answer beats an interrupt of the same instant
        text = answered => interrupts::overwrite(gateway, question.kind, text.unwrap_or_default(), interrupt).await,
        () = interrupt.raised() => String::new(),
        () = gateway.env.sleep(timeout) => question.kind.unanswered().to_owned(),
    };
    session.change_with(|record, handles| drop(handles.take_question(record, |_| true)));
    text
}

fn payload(question: &Question, id: &str) -> Value {
    let text = &question.text;
    match question.kind {
        QuestionKind::Clarify => json!({"question": text, "choices": [], "request_id": id}),
        QuestionKind::Sudo => json!({"request_id": id}),
        QuestionKind::Secret => json!({"prompt": text, "env_var": "", "request_id": id}),
        QuestionKind::Approval => json!({"command": text, "description": text, "choices": ["once", "deny"]}),
    }
}

fn timeout(gateway: &Gateway, kind: QuestionKind) -> Millis {
    let config = &gateway.config;
    match kind {
        QuestionKind::Clarify | QuestionKind::Secret => config.clarify_timeout,
        QuestionKind::Sudo => config.sudo_timeout,
        QuestionKind::Approval => gateway.behavior.approval.wait(config.approval_timeout),
    }
}
