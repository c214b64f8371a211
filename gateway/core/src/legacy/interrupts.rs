//! Interrupts that old releases lose, or let overwrite an answer.

use std::rc::Rc;

use crate::agent::{Interrupt, QuestionKind};
use crate::legacy::windows;
use crate::lifecycle::interrupt::{Answer, InterruptTiming};
use crate::spawn::Window;
use crate::state::{Gateway, Session};

/// The agent is ready, and the turn begins its work. Returns the interrupt of the turn: in some releases a new one, so that
/// an interrupt since the last check is lost (S17).
pub(crate) async fn clear(gateway: &Gateway, session: &Session, interrupt: Rc<Interrupt>) -> Rc<Interrupt> {
    if gateway.behavior.interrupt.while_waiting() != InterruptTiming::WhenReadyThenCleared {
        return interrupt;
    }
    windows::pass(gateway, Window::TurnNotStarted).await;
    session.change_with(|record, handles| handles.forget_interrupt(record))
}

/// The turn reads an answer. In some releases an interrupt before that replaces the answer by an empty one (S31).
pub(crate) async fn overwrite(gateway: &Gateway, kind: QuestionKind, answer: String, interrupt: &Interrupt) -> String {
    match gateway.behavior.interrupt.on_unread(kind) {
        Answer::Kept => return answer,
        Answer::Wiped => {}
    }
    windows::pass(gateway, Window::AnsweredNotRead).await;
    if interrupt.is_raised() { String::new() } else { answer }
}
