//! `prompt.submit`: a prompt claims its session, or waits for it.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::session::{self, room_to_attach};
use super::{history, steer};
use crate::clock::Now;
use crate::ends::reaper;
use crate::legacy::{self, windows};
use crate::lifecycle::attach::PromptBinds;
use crate::lifecycle::claim::{Admission, Sections};
use crate::lifecycle::events::Questions;
use crate::lifecycle::interrupt::BusyInterrupt;
use crate::observe::SessionEvent;
use crate::record::{Queued, TurnPhase};
use crate::rpc::{Error, code};
use crate::spawn::Window;
use crate::state::{Gateway, Link, Session};
use crate::work::prompt;
use crate::work::turn;

#[derive(Deserialize)]
pub(super) struct Submit {
    session_id: String,
    text: String,
    truncate_before_user_ordinal: Option<Value>,
}

/// Claims the session, stores the prompt, answers, and starts the turn.
pub(super) async fn submit(gateway: &Rc<Gateway>, link: &Link, params: Submit) -> Result<Value, Error> {
    let session = session::find(gateway, &params.session_id)?;
    room_to_attach(gateway, &session, link)?;
    let behavior = &gateway.behavior;
    windows::pass(gateway, Window::FoundNotClaimed).await;
    if behavior.attach.on_prompt() == PromptBinds::BeforeBusyCheck {
        reaper::attach(gateway, &session, link);
    }
    let kept = history::kept(gateway, &session, params.truncate_before_user_ordinal.as_ref())?;
    match claim(gateway, &session, &params.text).await {
        Admission::Start => reaper::attach(gateway, &session, link),
        Admission::Reject => return Err(Error::new(code::BUSY, "session busy")),
        Admission::Queue => return enqueue(gateway, &session, link, params.text),
        Admission::QueueAndInterrupt => {
            let answer = enqueue(gateway, &session, link, params.text)?;
            interrupt(gateway, &session);
            return Ok(answer);
        }
        Admission::Steer => {
            // A prompt that is refused takes nothing over.
            steer::leave(gateway, &session, link, &params.text)?;
            take_over(gateway, &session, link);
            report_waiting(&session);
            return Ok(json!({"status": "steered"}));
        }
        Admission::Unavailable => {
            return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed or reopened, retry"));
        }
    }
    let now = gateway.env.now();
    let text = params.text;
    if let Err(error) = store(gateway, &session, &text, kept, now).await {
        turn::abandon(gateway, &session);
        return Err(error);
    }
    // A close that came meanwhile has raised the turn's interrupt and waits: the turn starts, and ends at once.
    session.report(SessionEvent::PromptsAccepted(1));
    turn::start(gateway, &session, text);
    Ok(json!({"status": "streaming"}))
}

/// Decides on a prompt, and claims the session for it if it starts, in one step.
async fn claim(gateway: &Gateway, session: &Session, text: &str) -> Admission {
    let (behavior, mode) = (&gateway.behavior, gateway.config.busy_input_mode);
    match behavior.claim.sections() {
        Sections::One => session.change_with(|record, handles| {
            let decision = behavior.claim.admit(record, mode);
            if decision == Admission::Start {
                handles.claim(record, text, gateway.env.now());
            }
            decision
        }),
        Sections::TestedThenClaimed => legacy::prompt::claim_later(gateway, session, text).await,
    }
}

/// Interrupts the turn that runs, for a prompt that waits.
fn interrupt(gateway: &Rc<Gateway>, session: &Session) {
    match gateway.behavior.interrupt.on_busy() {
        BusyInterrupt::TurnAtWork => session.interrupt(),
        BusyInterrupt::TurnOfTheMoment => legacy::prompt::interrupt_later(gateway, session),
    }
}

/// Attaches the session to the connection of a prompt that waits, and emits its open question there.
fn take_over(gateway: &Rc<Gateway>, session: &Session, link: &Link) {
    let is_new = session.read(|record| !record.is_heard_by(&link.id));
    reaper::attach(gateway, session, link);
    if is_new && gateway.behavior.events.questions() == Questions::AskedAgain {
        session.emit_question();
    }
}

/// Reports a prompt that waits for a turn that is over (S27).
fn report_waiting(session: &Session) {
    let is_over = session.read(|record| record.turn.as_ref().is_some_and(|turn| turn.phase == TurnPhase::Over));
    if is_over {
        session.report(SessionEvent::PromptWaitsForFinishedTurn);
    }
}

/// Adds the prompt to the queue.
fn enqueue(gateway: &Rc<Gateway>, session: &Session, link: &Link, text: String) -> Result<Value, Error> {
    let max = gateway.config.max_waiting_prompts;
    if !session.read(|record| gateway.behavior.queue.has_room(&record.queue, max)) {
        return Err(Error::passing(code::BUSY, format!("session busy: {max} prompts wait already")));
    }
    take_over(gateway, session, link);
    report_waiting(session);
    let merged = session.change_with(|record, handles| {
        let waiting = record.queue.len();
        gateway.behavior.queue.push(&mut record.queue, Queued { text, link: Some(link.id.clone()) });
        handles.keep(record, link);
        record.details.last_active = gateway.env.now();
        waiting + 1 - record.queue.len()
    });
    session.report(SessionEvent::PromptsAccepted(1));
    session.report(SessionEvent::PromptsEnded(merged as u64));
    Ok(json!({"status": "queued"}))
}

/// Truncates the conversation, if the prompt replaces a part of it, and stores the prompt.
async fn store(gateway: &Gateway, session: &Session, text: &str, kept: Option<usize>, now: Now) -> Result<(), Error> {
    if let Some(kept) = kept {
        history::cut(gateway, session, kept).await?;
    }
    prompt::store(gateway, session, text, now).await
}
