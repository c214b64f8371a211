//! Questions of an agent to its user in the middle of a turn, and their answers (spec §4.14).

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::agent::{Interrupt, Question, QuestionKind};
use crate::approvals;
use crate::clock::Millis;
use crate::entropy::{Purpose, Stream};
use crate::server::Gateway;
use crate::session::Session;
use crate::spawn::Window;

/// A question that waits for its answer.
pub struct OpenQuestion {
    /// What an answer names; approvals are named by their session.
    pub id: String,
    /// The kind of question.
    pub kind: QuestionKind,
    /// The event that asks it.
    pub(crate) payload: Value,
    answer: oneshot::Sender<String>,
}

impl OpenQuestion {
    /// Gives the answer.
    pub(crate) fn answer(self, text: String) {
        // The turn may have ended at this very instant; then nobody wants the answer any more.
        let _ = self.answer.send(text);
    }

    /// The event that asks the question.
    pub(crate) fn event(&self) -> &'static str {
        self.kind.event()
    }
}

/// Asks, and waits for the answer: of the client, of an interrupt or of the clock, whichever is first.
pub(crate) async fn ask(gateway: &Gateway, session: &Session, question: Question, interrupt: &Interrupt) -> String {
    let bits = gateway.env.draw(Stream::Session(session.id()), Purpose::QuestionId);
    let id = format!("{:08x}", bits as u32);
    let payload = payload(&question, &id);
    let (answer, answered) = oneshot::channel();
    let timeout = timeout(gateway, question.kind);
    session.change(|record| {
        record.question = Some(OpenQuestion { id: id.clone(), kind: question.kind, payload: payload.clone(), answer });
    });
    if question.kind != QuestionKind::Approval || approvals::is_asked(gateway, session) {
        session.emit(question.kind.event(), payload);
    }
    let text = tokio::select! {
        biased; // an answer that has been given counts, also against an interrupt of the same instant
        text = answered => read(gateway, question.kind, text.unwrap_or_default(), interrupt).await,
        () = interrupt.raised() => String::new(),
        () = gateway.env.sleep(timeout) => question.kind.unanswered().to_owned(),
    };
    session.change(|record| record.question = None);
    text
}

/// The turn wakes up and reads the answer. Some releases let an interrupt in before that.
async fn read(gateway: &Gateway, kind: QuestionKind, answer: String, interrupt: &Interrupt) -> String {
    if !gateway.behavior.interrupt.wipes_answer(kind) {
        return answer;
    }
    gateway.env.window(Window::AnsweredNotRead).await;
    if interrupt.is_raised() { String::new() } else { answer }
}

/// Asks the question that is open, if there is one, of a client that has taken the session over meanwhile.
pub(crate) fn ask_again(session: &Session) {
    let asked = session.read(|record| record.question.as_ref().map(|asked| (asked.event(), asked.payload.clone())));
    if let Some((event, payload)) = asked {
        session.emit(event, payload);
    }
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
