//! `prompt.submit`: the claim of a session by a turn.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{history, steer};
use crate::build;
use crate::clock::Now;
use crate::doubt;
use crate::idle;
use crate::lifecycle::claim::{Claimed, FirstWrite};
use crate::lifecycle::flush;
use crate::lifecycle::notice::Moment;
use crate::lifecycle::queue::Before;
use crate::link::Link;
use crate::notice;
use crate::persist;
use crate::reaper;
use crate::record::{Queued, Record, TurnPhase};
use crate::rpc::{Error, code};
use crate::server::Gateway;
use crate::session::Session;
use crate::spawn::{TaskName, Window};
use crate::store::{MessageRow, NewMessage, NewSession, Role, StoreError, StoredId};
use crate::turn;

#[derive(Deserialize)]
pub(super) struct Submit {
    session_id: String,
    text: String,
    truncate_before_user_ordinal: Option<Value>,
}

/// Claims the session, stores the prompt, answers, and starts the turn.
pub(super) async fn submit(gateway: &Rc<Gateway>, link: &Link, params: Submit) -> Result<Value, Error> {
    let session = super::find(gateway, &params.session_id)?;
    super::room_to_attach(gateway, &session, link)?;
    let behavior = &gateway.behavior;
    if behavior.claim.looks_up_apart() {
        gateway.env.window(Window::FoundNotClaimed).await;
    }
    if behavior.attach.prompt_binds_early() {
        reaper::attach(gateway, &session, link);
    }
    let kept = history::kept(gateway, &session, params.truncate_before_user_ordinal.as_ref())?;
    match claim(gateway, &session, &params.text).await {
        Claimed::Start => reaper::attach(gateway, &session, link),
        Claimed::Refuse => return Err(Error::new(code::BUSY, "session busy")),
        Claimed::Enqueue => return enqueue(gateway, &session, link, params.text),
        Claimed::EnqueueAndInterrupt => {
            let answer = enqueue(gateway, &session, link, params.text)?;
            interrupt(gateway, &session);
            return Ok(answer);
        }
        Claimed::Steer => {
            take_over(gateway, &session, link);
            note_waiting(&session);
            steer::leave(gateway, &session, link, &params.text)?;
            return Ok(json!({"status": "steered"}));
        }
        Claimed::Unavailable => {
            return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed or reopened, retry"));
        }
    }
    let now = gateway.env.now();
    let text = params.text;
    if let Err(error) = store(gateway, &session, &text, kept, now).await {
        release(gateway, &session);
        return Err(error);
    }
    // A close that came meanwhile has raised the turn's interrupt and waits for it: it starts, and ends at once.
    session.change(|record| record.facts.accepted += 1);
    build::start(gateway, &session);
    let name = TaskName::session(session.id(), "turn");
    gateway.env.spawn(name, turn::run(Rc::clone(gateway), session, text));
    Ok(json!({"status": "streaming"}))
}

/// The turn holds the session from here on; nobody else can claim it.
async fn claim(gateway: &Gateway, session: &Session, text: &str) -> Claimed {
    let (behavior, mode) = (&gateway.behavior, gateway.config.busy_input_mode);
    if behavior.claim.claims_apart() {
        let decision = session.read(|record| behavior.claim.decide(record, mode));
        if decision != Claimed::Start {
            return decision;
        }
        gateway.env.window(Window::TestedNotClaimed).await;
        session.change_with(|record, handles| handles.claim(record, text, gateway.env.now()));
        return decision;
    }
    session.change_with(|record, handles| {
        let decision = behavior.claim.decide(record, mode);
        if decision == Claimed::Start {
            handles.claim(record, text, gateway.env.now());
        }
        decision
    })
}

/// A prompt that waits interrupts the turn at work.
fn interrupt(gateway: &Rc<Gateway>, session: &Session) {
    if !gateway.behavior.interrupt.goes_out_late() {
        return session.interrupt();
    }
    let (late, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), "interrupt"), async move {
        late.env.window(Window::InterruptOnItsWay).await;
        session.interrupt();
    });
}

/// The session at work goes to the prompt's connection, which is told of the question that is open there.
fn take_over(gateway: &Rc<Gateway>, session: &Session, link: &Link) {
    let is_new = session.read(|record| !record.attachment.is_to(&link.id));
    reaper::attach(gateway, session, link);
    if is_new && gateway.behavior.events.asks_again() {
        session.emit_question();
    }
}

/// A prompt is to wait for the turn: that is right as long as it is not over.
fn note_waiting(session: &Session) {
    let is_over = session.read(|record| record.turn.as_ref().is_some_and(|turn| turn.phase == TurnPhase::Over));
    if is_over {
        session.change(|record| record.facts.kept_waiting = true);
    }
}

/// The prompt waits for the turn that runs.
fn enqueue(gateway: &Rc<Gateway>, session: &Session, link: &Link, text: String) -> Result<Value, Error> {
    let max = gateway.config.max_waiting_prompts;
    if !session.read(|record| gateway.behavior.queue.has_room(&record.queue, max)) {
        return Err(Error::passing(code::BUSY, format!("session busy: {max} prompts wait already")));
    }
    take_over(gateway, session, link);
    note_waiting(session);
    session.change_with(|record, handles| {
        let waiting = record.queue.len() as u64;
        gateway.behavior.queue.push(&mut record.queue, Queued { text, link: Some(link.id.clone()) });
        handles.keep(record, link);
        record.facts.accepted += 1;
        record.facts.over += waiting + 1 - record.queue.len() as u64;
        record.facts.last_active = gateway.env.now();
    });
    Ok(json!({"status": "queued"}))
}

/// The next prompt that waits claims the session, in the step in which the turn before has freed it; without one, what
/// a background job has to say does.
pub(crate) fn claim_next(gateway: &Rc<Gateway>, session: &Session, before: Before) -> Option<Queued> {
    let now = gateway.env.now();
    let queued = session.change_with(|record, handles| {
        if record.queue.is_empty() || !gateway.behavior.queue.drains(record, before) {
            return None;
        }
        let next = record.queue.remove(0);
        handles.claim(record, &next.text, now);
        Some(next)
    });
    let Some(next) = queued else { return notice::claim(gateway, session, Moment::TurnOver) };
    if let Some(connection) = gateway.behavior.queue.binds(&next) {
        session.change(|record| record.attach(&connection));
    }
    Some(next)
}

/// Starts the turn of a prompt that waited and holds the session.
pub(crate) async fn start_next(gateway: &Rc<Gateway>, session: &Session, next: Queued) {
    let now = gateway.env.now();
    if let Err(error) = store_prompt(gateway, session, &next.text, now).await {
        session.emit("error", json!({"message": error.message}));
        session.change(|record| record.facts.over += 1);
        return release(gateway, session);
    }
    build::start(gateway, session);
    let name = TaskName::session(session.id(), "turn");
    gateway.env.spawn(name, turn::run(Rc::clone(gateway), session.clone(), next.text));
}

/// Cuts the conversation, if that was asked for, and stores the prompt.
async fn store(gateway: &Gateway, session: &Session, text: &str, kept: Option<usize>, now: Now) -> Result<(), Error> {
    if let Some(kept) = kept {
        history::cut(gateway, session, kept).await?;
    }
    store_prompt(gateway, session, text, now).await
}

async fn store_prompt(gateway: &Gateway, session: &Session, text: &str, now: Now) -> Result<(), Error> {
    let refused = |error: StoreError| Error::new(code::STORAGE, format!("the prompt was not accepted: {error}"));
    let first_write = gateway.behavior.claim.first_write();
    if first_write == FirstWrite::RowAndPrompt {
        // What an earlier turn could not store comes first, so that the rows stay in order.
        persist::flush(gateway, session, flush::Moment::Asked).await.map_err(refused)?;
    }
    let message = NewMessage::text(Role::User, text, now.wall);
    let (row, count) = session.change(|record| {
        record.transcript.messages.push(message.clone());
        (row_of(gateway, record, now), record.transcript.messages.len())
    });
    let draft_apart =
        session.read(|record| record.transcript.draft > 0) && !gateway.behavior.lineage.stores_draft_at_once();
    if first_write == FirstWrite::RowAlone {
        gateway.env.window(Window::ClaimedNotInserted).await;
    }
    // Errors are swallowed by the releases that go these ways.
    if first_write == FirstWrite::RowAlone || draft_apart {
        let _ = gateway.rows.create_session(row.clone()).await;
    }
    if draft_apart {
        let _ = store_one_by_one(gateway, session, &row.id).await;
    }
    if first_write == FirstWrite::RowAndPrompt {
        if let Err(error) = start(gateway, session, row, vec![message]).await {
            session.change(|record| record.transcript.messages.pop());
            return Err(refused(error));
        }
        session.change(|record| record.transcript.mark_stored(count));
    }
    Ok(())
}

/// Stores `messages`, with the row if there is none, and before them what a draft was given.
async fn start(
    gateway: &Gateway,
    session: &Session,
    row: NewSession,
    mut messages: Vec<NewMessage>,
) -> Result<(), StoreError> {
    let (id, draft) = (row.id.clone(), session.read(|record| record.transcript.draft));
    session.read(|record| drop(messages.splice(..0, record.transcript.messages[..draft].iter().cloned())));
    let written = gateway.rows.start_turn(row, messages.clone()).await;
    let look = || gateway.rows.messages(id.clone());
    doubt::settle(gateway, written, look, |rows: &Vec<MessageRow>| doubt::ends_with(rows, &messages)).await?;
    session.change(|record| record.transcript.draft = 0);
    Ok(())
}

/// A session that is held and has no row yet, because it is a draft, gets it.
pub(super) async fn store_draft(gateway: &Gateway, session: &Session) -> Result<(), StoreError> {
    let is_draft = session.read(|record| record.transcript.draft > 0);
    if !is_draft || !gateway.behavior.lineage.stores_draft_at_once() {
        return Ok(());
    }
    let row = session.read(|record| row_of(gateway, record, gateway.env.now()));
    start(gateway, session, row, Vec::new()).await
}

/// Stores what a draft was given, each message on its own. Only after the last one it counts as stored.
async fn store_one_by_one(gateway: &Gateway, session: &Session, row: &StoredId) -> Result<(), StoreError> {
    for message in session.read(|record| record.transcript.messages[..record.transcript.draft].to_vec()) {
        gateway.rows.append(row.clone(), vec![message]).await?;
    }
    session.change(|record| record.transcript.draft = 0);
    Ok(())
}

/// The row of a session that has none yet.
pub(super) fn row_of(gateway: &Gateway, record: &Record, now: Now) -> NewSession {
    NewSession {
        id: record.agent.row.clone(),
        source: record.facts.source.clone(),
        model: Some(gateway.config.model.clone()),
        parent: record.facts.branch_of.clone(),
        branched_from: record.facts.branch_of.clone(),
        started_at: now.wall,
        cwd: record.facts.cwd.clone(),
        title: record.facts.pending_title.clone(),
    }
}

/// The claimed turn does not start after all; a prompt that waits for it does.
fn release(gateway: &Rc<Gateway>, session: &Session) {
    let next = turn::free(gateway, session, Before::NeverBegan);
    gateway.emit_info(session);
    let Some(next) = next else { return idle::rearm(gateway, session) };
    let (starting, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), "next"), async move {
        start_next(&starting, &session, next).await;
    });
}
