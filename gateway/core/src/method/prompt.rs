//! `prompt.submit`: a prompt claims its session, or waits for it.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::keyed::{self, Asked, Begun, Key};
use super::session::{self, room_to_attach};
use super::{history, steer};
use crate::agent::Interrupt;
use crate::clock::Now;
use crate::ends::reaper;
use crate::legacy::{self, windows};
use crate::lifecycle::attach::PromptBinds;
use crate::lifecycle::claim::{Admission, Sections};
use crate::lifecycle::events::Questions;
use crate::lifecycle::interrupt::BusyInterrupt;
use crate::lifecycle::queue::Storage;
use crate::observe::SessionEvent;
use crate::record::Record;
use crate::record::{Queued, SessionStage, TurnPhase};
use crate::rpc::{Error, code};
use crate::spawn::Window;
use crate::state::{Gateway, Link, Session};
use crate::storage::input;
use crate::store::InputKind;
use crate::work::prompt::{self, Origin};
use crate::work::turn;

#[derive(Deserialize)]
pub(super) struct Submit {
    session_id: String,
    text: String,
    truncate_before_user_ordinal: Option<Value>,
    idempotency_key: Option<String>,
}

/// Carries out a prompt, unless one with its key was carried out before: then that one's answer is given again.
pub(super) async fn submit(gateway: &Rc<Gateway>, link: &Link, params: Submit) -> Result<Value, Error> {
    let asked = || Asked {
        text: params.text.clone(),
        replaces: params.truncate_before_user_ordinal.clone().unwrap_or_default(),
    };
    match keyed::begin(gateway, params.idempotency_key.as_deref(), &params.session_id, asked).await? {
        Begun::Answered(mut answer) => {
            // The client takes the session over as with the first request, if it is still there and the connection has room.
            let session = session::find(gateway, &params.session_id).ok();
            if let Some(session) = &session
                && room_to_attach(gateway, session, link).is_ok()
            {
                take_over(gateway, session, link);
                session.change(|record| record.details.last_active = gateway.env.now());
            }
            // The first answer says what the session did then; a client must not take that for now.
            answer["repeated"] = true.into();
            let is_attached = session.as_ref().is_some_and(|session| is_attached(session, link));
            answer["running"] = session.is_some_and(|session| session.read(Record::is_running)).into();
            answer["attached"] = is_attached.into();
            Ok(answer)
        }
        Begun::New(key) => admit(gateway, link, params, &key).await,
    }
}

/// Claims the session, stores the prompt, answers, and starts the turn.
async fn admit(gateway: &Rc<Gateway>, link: &Link, params: Submit, key: &Key<'_>) -> Result<Value, Error> {
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
        Admission::Queue => return enqueue(gateway, &session, link, params.text, key).await,
        Admission::QueueAndInterrupt => {
            let at_work = session.turn_interrupt();
            let answer = enqueue(gateway, &session, link, params.text, key).await?;
            interrupt(gateway, &session, at_work);
            return Ok(answer);
        }
        Admission::Steer => {
            // A prompt that is refused takes nothing over.
            let answer = json!({"status": "steered"});
            steer::leave(gateway, &session, link, &params.text, key.answered(gateway, &answer)).await?;
            return Ok(waits(gateway, &session, link, answer));
        }
        Admission::Unavailable => {
            return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed or reopened, retry"));
        }
    }
    let now = gateway.env.now();
    let (text, answer) = (params.text, json!({"status": "streaming"}));
    let origin = Origin { keyed: key.answered(gateway, &answer), ..Origin::default() };
    if let Err(error) = store(gateway, &session, &text, origin, kept, now).await {
        turn::abandon(gateway, &session);
        return Err(Error { has_attached: is_attached(&session, link), ..error });
    }
    // A close that came meanwhile has raised the turn's interrupt and waits: the turn starts, and ends at once.
    session.report(SessionEvent::PromptsAccepted(1));
    turn::start(gateway, &session, text);
    Ok(answer)
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

/// Interrupts the turn that ran when a prompt arrived, for the prompt, which waits now. That turn may have ended while the
/// prompt was being stored.
fn interrupt(gateway: &Rc<Gateway>, session: &Session, at_work: Option<Rc<Interrupt>>) {
    let runs = session.turn_interrupt().zip(at_work).is_some_and(|(now, then)| Rc::ptr_eq(&now, &then));
    match gateway.behavior.interrupt.on_busy() {
        // It may have begun a compression meanwhile.
        BusyInterrupt::TurnAtWork if runs && !session.read(|record| gateway.behavior.claim.spares(record)) => {
            session.interrupt();
        }
        BusyInterrupt::TurnAtWork => {}
        BusyInterrupt::TurnOfTheMoment => legacy::prompt::interrupt_later(gateway, session),
    }
}

/// Attaches the session to the connection of a prompt that waits, and emits its open question there. The session may have
/// ended while the prompt was being stored.
fn take_over(gateway: &Rc<Gateway>, session: &Session, link: &Link) {
    if gateway.behavior.queue.storage() == Storage::Rows && session.read(|record| record.stage != SessionStage::Open) {
        return;
    }
    let is_new = session.read(|record| !record.is_heard_by(&link.id));
    reaper::attach(gateway, session, link);
    if is_new && gateway.behavior.events.questions() == Questions::AskedAgain {
        session.emit_question();
    }
}

/// Whether the session is open, and its events reach the connection.
fn is_attached(session: &Session, link: &Link) -> bool {
    session.read(|record| record.stage == SessionStage::Open && record.is_heard_by(&link.id))
}

/// Reports a prompt that waits for a turn that is over (S27).
fn report_waiting(session: &Session) {
    let is_over = session.read(|record| record.turn.as_ref().is_some_and(|turn| turn.phase == TurnPhase::Over));
    if is_over {
        session.report(SessionEvent::PromptWaitsForFinishedTurn);
    }
}

/// Adds the prompt to the queue, and stores it.
async fn enqueue(
    gateway: &Rc<Gateway>,
    session: &Session,
    link: &Link,
    text: String,
    key: &Key<'_>,
) -> Result<Value, Error> {
    let max = gateway.config.max_waiting_prompts;
    if !session.read(|record| gateway.behavior.queue.has_room(&record.queue, max)) {
        return Err(Error::passing(code::BUSY, format!("session busy: {max} prompts wait already")));
    }
    let (kept, said) = (input::kept(gateway, session), text.clone());
    let merged = session.change_with(|record, handles| {
        let waiting = record.queue.len();
        gateway
            .behavior
            .queue
            .push(&mut record.queue, Queued { text, link: Some(link.id.clone()), kept: kept.clone(), refusals: 0 });
        handles.keep(record, link);
        record.details.last_active = gateway.env.now();
        waiting + 1 - record.queue.len()
    });
    session.report(SessionEvent::PromptsAccepted(1));
    session.report(SessionEvent::PromptsEnded(merged as u64));
    let answer = json!({"status": "queued"});
    let stored = input::store(gateway, session, kept, InputKind::Prompt, said, key.answered(gateway, &answer)).await;
    turn::go_on(gateway, session);
    stored?;
    // A prompt that is refused takes nothing over.
    Ok(waits(gateway, session, link, answer))
}

/// Attaches the session of a prompt that is accepted and waits. The answer says so if the session has ended meanwhile: the
/// prompt waits in the rows for the next resume then, and nothing is attached.
fn waits(gateway: &Rc<Gateway>, session: &Session, link: &Link, mut answer: Value) -> Value {
    take_over(gateway, session, link);
    report_waiting(session);
    if gateway.behavior.queue.storage() == Storage::Rows && session.read(|record| record.stage != SessionStage::Open) {
        answer["attached"] = false.into();
    }
    answer
}

/// Truncates the conversation, if the prompt replaces a part of it, and stores the prompt.
async fn store(
    gateway: &Gateway,
    session: &Session,
    text: &str,
    origin: Origin,
    kept: Option<usize>,
    now: Now,
) -> Result<(), Error> {
    if let Some(kept) = kept {
        history::cut(gateway, session, kept).await?;
    }
    prompt::store(gateway, session, text, origin, now).await
}
