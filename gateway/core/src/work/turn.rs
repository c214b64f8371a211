//! One turn, from the prompt to its last event (spec §5).
//!
//! The agent reports events; a turn stores each and sends it to the client. A turn holds its session from the claim in
//! `prompt.submit` until [`finish`] frees it.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::agent::{Agent, Interrupt, Turn, TurnEvent};
use crate::ends::idle;
use crate::legacy;
use crate::legacy::interrupts;
use crate::legacy::windows;
use crate::lifecycle::finish::{FreeTiming, OnFailure, after_forgetting};
use crate::lifecycle::flush::FlushPoint;
use crate::lifecycle::interrupt::InterruptTiming;
use crate::lifecycle::provider::CutBy;
use crate::lifecycle::queue::PrecedingTurn;
use crate::observe::SessionEvent;
use crate::record::{AgentState, Kept, Queued, SessionStage, Transcript, TurnPhase};
use crate::spawn::{TaskName, TaskRole, Window};
use crate::state::{Gateway, Session};
use crate::storage::persist;
use crate::storage::retry;
use crate::storage::rotation;
use crate::store::{NewMessage, Role, StoreError};
use crate::work::build;
use crate::work::calls::RunningCalls;
use crate::work::notice;
use crate::work::prompt::{self, Origin};
use crate::work::question;
use crate::work::review;
use crate::work::silence;
use crate::work::size;

/// How a turn ended.
pub(crate) enum TurnEnd {
    /// The agent completed it with an answer.
    Complete {
        /// The text of the whole answer.
        text: String,
    },
    /// It was asked to stop, and did.
    Interrupted,
    /// The agent gave up, or could not be built.
    Failed {
        /// The text of the error that the client receives.
        message: String,
    },
    /// It ended without an event to clients.
    Silent,
}

/// Starts the turn of a prompt that holds the session and is stored.
pub(crate) fn start(gateway: &Rc<Gateway>, session: &Session, prompt: String) {
    build::start(gateway, session);
    let name = TaskName::session(session.id(), TaskRole::Turn);
    gateway.env.spawn(name, run(Rc::clone(gateway), session.clone(), prompt));
}

/// Stores a prompt that waited and holds the session, and starts its turn. If the prompt cannot be stored, one that is kept
/// in the rows waits again; of any other the client receives an error. The session is free then.
pub(crate) async fn start_next(gateway: &Rc<Gateway>, session: &Session, next: Queued) {
    let now = gateway.env.now();
    if let Err(error) = prompt::store(gateway, session, &next.text, Origin::waited(&next), now).await {
        // In a session that is being ended it waits in the rows for the next resume.
        if next.kept != Kept::Memory && session.read(|record| record.stage == SessionStage::Open) {
            return try_again(gateway, session, next);
        }
        session.emit("error", json!({"message": error.message}));
        session.report(SessionEvent::PromptsEnded(1));
        return abandon(gateway, session);
    }
    start(gateway, session, next.text);
}

/// Begins with what was accepted before the session was brought back.
pub(crate) fn carry_on(gateway: &Rc<Gateway>, session: &Session) {
    let waiting = session.read(|record| record.queue.len());
    if waiting > 0 {
        session.report(SessionEvent::PromptsAccepted(waiting as u64));
        go_on(gateway, session);
    }
}

/// Begins with the first prompt that is kept and waits, if no turn runs.
pub(crate) fn go_on(gateway: &Rc<Gateway>, session: &Session) {
    let is_due = session.read(|record| record.stage == SessionStage::Open && !record.is_running() && record.has_kept());
    if !is_due {
        return;
    }
    let Some(next) = prompt::claim_next(gateway, session, PrecedingTurn::Worked) else { return };
    start_apart(gateway, session, next);
}

/// A prompt that is kept could not become a message: it waits again, before all others, and is tried again a little later.
fn try_again(gateway: &Rc<Gateway>, session: &Session, next: Queued) {
    let wait = retry::wait(gateway, next.refusals);
    let carried = session.change_with(|record, handles| {
        let turn = handles.free(record);
        let waiting = record.queue.len();
        gateway.behavior.steer.carry_over(turn, &mut record.queue);
        let carried = record.queue.len() - waiting;
        // While it was tried nothing named its connection, whose link may be gone.
        record.queue.insert(0, Queued { link: None, refusals: next.refusals.saturating_add(1), ..next });
        carried
    });
    // The prompt that waits again was reported before; words that it leaves to the queue are prompts from now on.
    session.report(SessionEvent::PromptsAccepted(carried as u64));
    gateway.emit_info(session);
    let (waiting, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), TaskRole::Next), async move {
        waiting.env.sleep(wait).await;
        go_on(&waiting, &session);
    });
}

/// Starts the turn of a prompt that holds the session, in a task of its own.
fn start_apart(gateway: &Rc<Gateway>, session: &Session, next: Queued) {
    let (starting, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), TaskRole::Next), async move {
        start_next(&starting, &session, next).await;
    });
}

/// Frees a session whose claimed turn does not start. The next prompt that waits has its turn instead.
pub(crate) fn abandon(gateway: &Rc<Gateway>, session: &Session) {
    let next = free(gateway, session, PrecedingTurn::NeverBegan);
    gateway.emit_info(session);
    match next {
        Some(next) => start_apart(gateway, session, next),
        None => idle::rearm(gateway, session),
    }
}

/// The whole turn, from the claim to the next prompt's.
async fn run(gateway: Rc<Gateway>, session: Session, prompt: String) {
    let Some(interrupt) = begin(&session) else { return };
    let history = session.read(|record| record.transcript.before_last());
    let (ending, before, review) = match agent_ready(&gateway, &session, &interrupt).await {
        Ok(agent) => {
            let interrupt = interrupts::clear(&gateway, &session, interrupt).await;
            session.emit("message.start", Value::Null);
            // On an error the messages stay unsaved and go with the next flush.
            let _ = persist::flush(&gateway, &session, FlushPoint::Start).await;
            size::compress(&gateway, &session, &agent, &interrupt).await;
            let (ending, review) = converse(&gateway, &session, &agent, &prompt, &interrupt).await;
            (ending, PrecedingTurn::Worked, review)
        }
        Err(ending) => {
            if !gateway.behavior.claim.keeps_unbegun() {
                session.change(|record| record.transcript.messages.pop());
            }
            (ending, PrecedingTurn::NeverBegan, None)
        }
    };
    finish(&gateway, &session, ending, before, history).await;
    if let Some(fork) = review {
        review::start(&gateway, &session, fork);
    }
}

/// The turn's task begins. Returns the turn's interrupt; none if the session is free already, which happens only in a
/// release whose interrupt frees a claimed session (S18).
fn begin(session: &Session) -> Option<Rc<Interrupt>> {
    let interrupt = session.change_with(|record, handles| {
        // Its prompt is the last message.
        let began_with = record.transcript.messages.len().saturating_sub(1);
        let turn = record.turn.as_mut()?;
        (turn.phase, turn.began_with) = (TurnPhase::Begun, began_with);
        handles.turn_interrupt()
    });
    if interrupt.is_none() {
        session.report(SessionEvent::PromptsEnded(1));
    }
    interrupt
}

/// Waits for the session's agent, for `agent_wait` at most. An error is the end of the turn that needs it.
pub(crate) async fn agent_ready(
    gateway: &Gateway,
    session: &Session,
    interrupt: &Interrupt,
) -> Result<Rc<dyn Agent>, TurnEnd> {
    let ready = async {
        let built = session.until(|record| match &record.agent.state {
            AgentState::Ready => Some(Ok(())),
            AgentState::Failed(message) => Some(Err(TurnEnd::Failed { message: message.clone() })),
            AgentState::Unbuilt | AgentState::Building => None,
        });
        built.await.map(|()| session.agent().expect("a session whose agent is ready has it"))
    };
    let timing = gateway.behavior.interrupt.while_waiting();
    let ready = tokio::select! {
        biased; // an agent that is ready at the last instant is ready
        ready = ready => ready,
        () = interrupt.raised(), if timing == InterruptTiming::AtOnce => Err(TurnEnd::Interrupted),
        () = gateway.env.sleep(gateway.config.agent_wait) => {
            Err(TurnEnd::Failed { message: "agent init timed out".to_owned() })
        }
    };
    match ready {
        Ok(_) if timing == InterruptTiming::WhenReadyThenCleared && interrupt.is_raised() => Err(TurnEnd::Silent),
        ready => ready,
    }
}

/// Carries out the agent's events up to the end. Returns the end, and the work of a review if the agent wants one.
async fn converse(
    gateway: &Rc<Gateway>,
    session: &Session,
    agent: &Rc<dyn Agent>,
    prompt: &str,
    interrupt: &Interrupt,
) -> (TurnEnd, Option<Box<dyn Turn>>) {
    let request = session.read(|record| gateway.behavior.provider.request(&record.transcript.messages));
    let (mut turn, mut running) = (agent.start(&request, prompt), RunningCalls::default());
    silence::ends(gateway, session);
    loop {
        let event = turn.next(interrupt).await;
        silence::ends(gateway, session);
        let is_late = interrupt.is_raised() && gateway.behavior.interrupt.drops_late_words();
        let step = match event {
            TurnEvent::Delta { .. } | TurnEvent::Said { .. } if is_late => continue,
            TurnEvent::Finished { .. } if is_late => return (TurnEnd::Interrupted, None),
            TurnEvent::Finished { text } => {
                let text = gateway.behavior.provider.said(text);
                say(gateway, session, &text);
                return (TurnEnd::Complete { text }, turn.review());
            }
            TurnEvent::Failed { message } => return (TurnEnd::Failed { message }, None),
            TurnEvent::Interrupted => return (TurnEnd::Interrupted, None),
            TurnEvent::JobStarted { job } => {
                watch_job(gateway, session, Rc::clone(agent), job);
                continue;
            }
            TurnEvent::Asked { question } => {
                let text = question::ask(gateway, session, question, interrupt).await;
                turn.answer(text);
                continue;
            }
            other => other,
        };
        if let Err(error) = carry_out(gateway, session, &mut running, step).await {
            // The messages stay unsaved and go with the next flush; the client receives a status.
            session.emit("status.update", json!({"kind": "status", "text": format!("not stored: {error}")}));
        }
    }
}

/// Starts a task that waits for the end of a job, unless the job has one. The job's outcome becomes a prompt.
fn watch_job(gateway: &Rc<Gateway>, session: &Session, agent: Rc<dyn Agent>, job: String) {
    if !notice::begin(gateway, session, &job) {
        return;
    }
    let (watching, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), TaskRole::Job), async move {
        if let Some(next) = notice::outcome(&watching, &session, &*agent, job).await {
            start_next(&watching, &session, next).await;
        }
    });
}

/// Stores one event of the agent and sends it to the client.
async fn carry_out(
    gateway: &Gateway,
    session: &Session,
    running: &mut RunningCalls,
    step: TurnEvent,
) -> Result<(), StoreError> {
    match step {
        TurnEvent::Delta { text } => {
            session.change(|record| {
                if let Some(turn) = &mut record.turn {
                    turn.assistant.push_str(&text);
                }
            });
            session.emit("message.delta", json!({"text": text}));
            Ok(())
        }
        TurnEvent::Said { text } => {
            say(gateway, session, &gateway.behavior.provider.said(text));
            persist::flush(gateway, session, FlushPoint::Said).await
        }
        TurnEvent::ToolsStarted { calls } => running.start(gateway, session, calls).await,
        TurnEvent::ToolFinished { call, result } => running.finish(gateway, session, call, result).await,
        TurnEvent::Compressing { .. } => {
            session.begin_compression();
            Ok(())
        }
        TurnEvent::Compressed { mode, summary } => {
            let compressed = rotation::compress(gateway, session, mode, summary).await;
            session.change(|record| record.note_compressing(false));
            compressed
        }
        TurnEvent::Flush => persist::flush(gateway, session, FlushPoint::Asked).await,
        TurnEvent::JobStarted { .. }
        | TurnEvent::Asked { .. }
        | TurnEvent::Finished { .. }
        | TurnEvent::Failed { .. }
        | TurnEvent::Interrupted => unreachable!("`converse` handles jobs, questions and ends"),
    }
}

/// Stores what is left, frees the session and emits the end, in the release's order. Then the next prompt has its turn.
///
/// `history` is the conversation before the turn: some releases go back to it if the turn fails.
async fn finish(gateway: &Rc<Gateway>, session: &Session, ending: TurnEnd, before: PrecedingTurn, history: Transcript) {
    close_calls(gateway, session, &ending);
    let last = session.read(|record| record.transcript.messages.last().map(|message| message.role));
    if matches!(ending, TurnEnd::Interrupted) && gateway.behavior.finish.says_interrupted(last) {
        say(gateway, session, "Operation interrupted.");
    }
    let (point, on_failure) = match ending {
        TurnEnd::Failed { .. } | TurnEnd::Silent => (FlushPoint::Failure, gateway.behavior.finish.on_failure()),
        TurnEnd::Complete { .. } | TurnEnd::Interrupted => (FlushPoint::End, OnFailure::Keep),
    };
    if on_failure == OnFailure::Keep || before == PrecedingTurn::Worked {
        // On an error the messages stay unsaved and go with the next flush, at the latest at the session's end.
        let _ = persist::flush(gateway, session, point).await;
    }
    if on_failure == OnFailure::Keep {
        gateway.approvals.follow_row(session);
    }
    session.report(SessionEvent::PromptsEnded(1));
    session.change(|record| {
        if let Some(turn) = &mut record.turn {
            turn.phase = TurnPhase::Over;
        }
        match on_failure {
            OnFailure::Keep => {
                record.transcript.history = record.transcript.messages.len();
                record.transcript.version += 1;
            }
            OnFailure::Forget { mistaken } => {
                record.transcript = after_forgetting(history, &record.transcript, mistaken)
            }
        }
    });
    let timing = gateway.behavior.finish.free_timing();
    let mut next = None;
    if timing == FreeTiming::BeforeComplete {
        next = free(gateway, session, before);
    }
    match ending {
        TurnEnd::Complete { text } => {
            complete(session, &text, "complete");
            legacy::title::apply(gateway, session).await;
        }
        TurnEnd::Interrupted => complete(session, "", "interrupted"),
        TurnEnd::Failed { message } => session.emit("error", json!({"message": message})),
        TurnEnd::Silent => {}
    }
    if timing == FreeTiming::AfterComplete {
        windows::pass(gateway, Window::CompleteStillRunning).await;
        next = free(gateway, session, before);
    }
    gateway.emit_info(session);
    match next {
        Some(next) => start_next(gateway, session, next).await,
        None => idle::rearm(gateway, session),
    }
}

/// The turn is over: each of its calls that has no result gets one.
fn close_calls(gateway: &Gateway, session: &Session, ending: &TurnEnd) {
    let cut_by = if matches!(ending, TurnEnd::Interrupted) { CutBy::Interrupt } else { CutBy::Failure };
    let at = gateway.env.now().wall;
    let closing = session.read(|record| gateway.behavior.provider.closing(&record.transcript.messages, cut_by, at));
    if !closing.is_empty() {
        session.change(|record| record.transcript.messages.extend(closing));
    }
}

fn complete(session: &Session, text: &str, status: &str) {
    session.emit("message.complete", json!({"text": text, "usage": {}, "status": status}));
}

/// Frees the session. Words that the turn has not read become prompts; the first prompt that waits claims the session in
/// the same step, and is returned.
pub(crate) fn free(gateway: &Rc<Gateway>, session: &Session, before: PrecedingTurn) -> Option<Queued> {
    let now = gateway.env.now();
    let carried = session.change_with(|record, handles| {
        let turn = handles.free(record);
        let waiting = record.queue.len();
        gateway.behavior.steer.carry_over(turn, &mut record.queue);
        record.details.last_active = now;
        record.queue.len() - waiting
    });
    session.report(SessionEvent::PromptsAccepted(carried as u64));
    prompt::claim_next(gateway, session, before)
}

fn say(gateway: &Gateway, session: &Session, text: &str) {
    let message = NewMessage::text(Role::Assistant, text, gateway.env.now().wall);
    session.change(|record| record.transcript.messages.push(message));
}
