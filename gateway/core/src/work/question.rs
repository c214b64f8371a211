//! Questions of an agent to its user during a turn (spec §4.14).

use serde_json::{Value, json};

use crate::agent::{Interrupt, Question, QuestionKind};
use crate::clock::Millis;
use crate::entropy::{Purpose, Stream};
use crate::legacy::interrupts;
use crate::lifecycle::approval::Leave;
use crate::lifecycle::events::Resolved;
use crate::record::{OpenQuestion, Record, Resolution, SessionStage};
use crate::rpc;
use crate::state::{Gateway, Link, Session};

/// Asks, and waits for the answer. An interrupt answers with an empty text, a timeout with the kind's default.
pub(crate) async fn ask(gateway: &Gateway, session: &Session, question: Question, interrupt: &Interrupt) -> String {
    let bits = gateway.env.draw(Stream::Session(session.id()), Purpose::QuestionId);
    let id = format!("{:08x}", bits as u32);
    let payload = payload(&question, &id, gateway.behavior.approval.leave());
    let timeout = timeout(gateway, question.kind);
    let is_sent = question.kind != QuestionKind::Approval || gateway.approvals.is_asked(session);
    let open = OpenQuestion { id: id.clone(), kind: question.kind, payload: payload.clone(), shown: Vec::new() };
    let answered = session.change_with(|record, handles| {
        record.ask(open, !is_sent);
        handles.ask()
    });
    if is_sent {
        session.emit(question.kind.event(), payload);
    }
    let (text, resolution) = tokio::select! {
        biased; // an answer beats an interrupt of the same instant
        text = answered => {
            let text = text.unwrap_or_default();
            (interrupts::overwrite(gateway, question.kind, text, interrupt).await, Resolution::Answered)
        }
        () = interrupt.raised(), if gateway.behavior.interrupt.ends_questions() => (String::new(), session.read(interrupted)),
        () = gateway.env.sleep(timeout) => (question.kind.unanswered().to_owned(), Resolution::TimedOut),
    };
    session.change_with(|record, handles| drop(handles.take_question(record, resolution, |_| true)));
    match gateway.behavior.events.resolved() {
        Resolved::Announced => session.emit_resolved(&id),
        Resolved::Silent => {}
    }
    text
}

/// Waits until no session of the connection has an open question, unless the frame answers one.
pub(crate) async fn answered(gateway: &Gateway, link: &Link, frame: &str) {
    if matches!(rpc::parse(frame), Some(Ok(request)) if request.method.ends_with(".respond")) {
        return;
    }
    let asks = |record: &Record| record.question.is_some() && record.is_heard_by(&link.id);
    while let Some(session) = gateway.sessions.find_by(asks) {
        session.until(|record| record.question.is_none().then_some(())).await;
    }
}

/// How the question of a turn is resolved that was interrupted.
fn interrupted(record: &Record) -> Resolution {
    match record.stage {
        SessionStage::Closing | SessionStage::Finalized => Resolution::SessionEnded,
        SessionStage::Opening | SessionStage::Open => Resolution::Interrupted,
    }
}

fn payload(question: &Question, id: &str, leave: Leave) -> Value {
    let text = &question.text;
    match question.kind {
        QuestionKind::Clarify => json!({"question": text, "choices": [], "request_id": id}),
        QuestionKind::Sudo => json!({"request_id": id}),
        QuestionKind::Secret => json!({"prompt": text, "env_var": "", "request_id": id}),
        QuestionKind::Approval => {
            let mut payload = json!({"command": text, "description": text, "choices": ["once", "deny"]});
            match leave {
                Leave::OneRequest => payload["request_id"] = id.into(),
                Leave::Session => {}
            }
            payload
        }
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
