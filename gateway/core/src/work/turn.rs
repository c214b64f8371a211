//! One turn, from the prompt to its last event (spec §5).
//!
//! The agent says what happens; here it is stored, shown and, at the end, written back. A turn holds its session
//! from the claim in `prompt.submit` until [`finish`] frees it.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::agent::{Agent, Interrupt, ToolCall, Turn, TurnEvent};
use crate::ends::idle;
use crate::lifecycle::flush::Moment;
use crate::lifecycle::interrupt::Minds;
use crate::lifecycle::queue::Before;
use crate::record::{AgentState, Queued, Transcript, TurnPhase};
use crate::spawn::{TaskName, Window};
use crate::state::{Gateway, Session};
use crate::storage::persist;
use crate::storage::rotation;
use crate::store::{NewMessage, Role, StoreError};
use crate::work::build;
use crate::work::notice;
use crate::work::prompt;
use crate::work::question;
use crate::work::review;

/// How a turn ended.
pub(crate) enum Ending {
    Complete {
        text: String,
    },
    Interrupted,
    Failed {
        message: String,
    },
    /// Nobody is told.
    Silent,
}

/// Starts the turn of a prompt that is stored and holds the session.
pub(crate) fn start(gateway: &Rc<Gateway>, session: &Session, prompt: String) {
    build::start(gateway, session);
    let name = TaskName::session(session.id(), "turn");
    gateway.env.spawn(name, run(Rc::clone(gateway), session.clone(), prompt));
}

/// Starts the turn of a prompt that waited and holds the session.
pub(crate) async fn start_next(gateway: &Rc<Gateway>, session: &Session, next: Queued) {
    let now = gateway.env.now();
    if let Err(error) = prompt::store(gateway, session, &next.text, now).await {
        session.emit("error", json!({"message": error.message}));
        session.change(|record| record.facts.over += 1);
        return abandon(gateway, session);
    }
    start(gateway, session, next.text);
}

/// The claimed turn does not start after all; a prompt that waits for it does.
pub(crate) fn abandon(gateway: &Rc<Gateway>, session: &Session) {
    let next = free(gateway, session, Before::NeverBegan);
    gateway.emit_info(session);
    let Some(next) = next else { return idle::rearm(gateway, session) };
    let (starting, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), "next"), async move {
        start_next(&starting, &session, next).await;
    });
}

/// Works on the prompt that holds the session.
async fn run(gateway: Rc<Gateway>, session: Session, prompt: String) {
    let Some(interrupt) = begin(&session) else { return };
    // What the conversation goes back to if this turn raises.
    let forgets = !gateway.behavior.finish.keeps_failed();
    let history = forgets.then(|| session.read(|record| record.transcript.before_last()));
    let (ending, before, review) = match agent_ready(&gateway, &session, &interrupt).await {
        Ok(agent) => {
            let interrupt = begin_work(&gateway, &session, interrupt).await;
            session.emit("message.start", Value::Null);
            // An error stays with the messages, which go with the next flush.
            let _ = persist::flush(&gateway, &session, Moment::Start).await;
            let (ending, review) = converse(&gateway, &session, &agent, &prompt, &interrupt).await;
            (ending, Before::Worked, review)
        }
        Err(ending) => {
            if !gateway.behavior.claim.keeps_unbegun() {
                session.change(|record| record.transcript.messages.pop());
            }
            (ending, Before::NeverBegan, None)
        }
    };
    finish(&gateway, &session, ending, before, history).await;
    if let Some(fork) = review {
        review::start(&gateway, &session, fork);
    }
}

/// The turn's work begins; its interrupt. Only a release that frees a claimed session finds that nobody holds it.
fn begin(session: &Session) -> Option<Rc<Interrupt>> {
    session.change_with(|record, handles| match &mut record.turn {
        Some(turn) => {
            turn.phase = TurnPhase::Begun;
            handles.turn_interrupt()
        }
        None => {
            record.facts.over += 1;
            None
        }
    })
}

/// The session's agent, waited for as long as the configuration allows, or how the turn ends without one.
pub(crate) async fn agent_ready(
    gateway: &Gateway,
    session: &Session,
    interrupt: &Interrupt,
) -> Result<Rc<dyn Agent>, Ending> {
    let ready = async {
        let built = session.until(|record| match &record.agent.state {
            AgentState::Ready => Some(Ok(())),
            AgentState::Failed(message) => Some(Err(Ending::Failed { message: message.clone() })),
            AgentState::Unbuilt | AgentState::Building => None,
        });
        built.await.map(|()| session.agent().expect("a session whose agent is ready has it"))
    };
    let minds = gateway.behavior.interrupt.while_waiting();
    let ready = tokio::select! {
        biased; // an agent that is ready at the last instant is ready
        ready = ready => ready,
        () = interrupt.raised(), if minds == Minds::AtOnce => Err(Ending::Interrupted),
        () = gateway.env.sleep(gateway.config.agent_wait) => {
            Err(Ending::Failed { message: "agent init timed out".to_owned() })
        }
    };
    match ready {
        Ok(_) if minds == Minds::LaterAndForgets && interrupt.is_raised() => Err(Ending::Silent),
        ready => ready,
    }
}

/// The turn begins. Some releases forget an interrupt that has come since they last looked.
async fn begin_work(gateway: &Gateway, session: &Session, interrupt: Rc<Interrupt>) -> Rc<Interrupt> {
    if gateway.behavior.interrupt.while_waiting() != Minds::LaterAndForgets {
        return interrupt;
    }
    gateway.env.window(Window::TurnNotStarted).await;
    session.change_with(|record, handles| handles.forget_interrupt(record))
}

/// Carries out what the agent reports, to the end; then it may want to look back.
async fn converse(
    gateway: &Rc<Gateway>,
    session: &Session,
    agent: &Rc<dyn Agent>,
    prompt: &str,
    interrupt: &Interrupt,
) -> (Ending, Option<Box<dyn Turn>>) {
    let mut turn = agent.start(prompt);
    loop {
        let event = turn.next(interrupt).await;
        reported(gateway, session);
        let is_late = interrupt.is_raised() && gateway.behavior.interrupt.drops_late_words();
        let step = match event {
            TurnEvent::Delta { .. } | TurnEvent::Said { .. } if is_late => continue,
            TurnEvent::Finished { .. } if is_late => return (Ending::Interrupted, None),
            TurnEvent::Finished { text } => {
                say(gateway, session, &text);
                return (Ending::Complete { text }, turn.review());
            }
            TurnEvent::Failed { message } => return (Ending::Failed { message }, None),
            TurnEvent::Interrupted => return (Ending::Interrupted, None),
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
        if let Err(error) = carry_out(gateway, session, step).await {
            // The messages stay unsaved and go with the next flush; the client learns of it.
            session.emit("status.update", json!({"kind": "status", "text": format!("not stored: {error}")}));
        }
    }
}

/// Waits in the background for the end of a job that the turn has started, unless it is watched already or the session
/// ends first. What came of it becomes a turn.
fn watch_job(gateway: &Rc<Gateway>, session: &Session, agent: Rc<dyn Agent>, job: String) {
    if !notice::begin(gateway, session, &job) {
        return;
    }
    let (watching, session) = (Rc::clone(gateway), session.clone());
    gateway.env.spawn(TaskName::session(session.id(), "job"), async move {
        if let Some(next) = notice::outcome(&watching, &session, &*agent, job).await {
            start_next(&watching, &session, next).await;
        }
    });
}

/// The agent has given a sign of life.
fn reported(gateway: &Gateway, session: &Session) {
    let now = gateway.env.now().uptime;
    session.change(|record| {
        if let Some(turn) = &mut record.turn {
            turn.reported = now;
        }
    });
}

/// Stores and shows one step of a turn.
async fn carry_out(gateway: &Gateway, session: &Session, step: TurnEvent) -> Result<(), StoreError> {
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
            say(gateway, session, &text);
            persist::flush(gateway, session, Moment::Step).await
        }
        TurnEvent::ToolStarted { call } => {
            push(session, call_message(gateway, &call));
            session.emit("tool.start", json!({"tool_id": call.id, "name": call.name, "context": ""}));
            persist::flush(gateway, session, Moment::Step).await
        }
        TurnEvent::ToolFinished { call, result } => {
            let result = read_steers(session, result);
            push(session, result_message(gateway, &call, &result));
            let stored = persist::flush(gateway, session, Moment::Step).await;
            session.emit(
                "tool.complete",
                json!({"tool_id": call.id, "name": call.name, "args": call.args, "result": result}),
            );
            stored
        }
        TurnEvent::Compressing { .. } => {
            session.emit("status.update", json!({"kind": "compressing", "text": "compressing the conversation"}));
            Ok(())
        }
        TurnEvent::Compressed { mode, summary } => {
            rotation::compress(gateway, session, mode, summary, Moment::Compression).await
        }
        TurnEvent::Flush => persist::flush(gateway, session, Moment::Asked).await,
        TurnEvent::JobStarted { .. }
        | TurnEvent::Asked { .. }
        | TurnEvent::Finished { .. }
        | TurnEvent::Failed { .. }
        | TurnEvent::Interrupted => unreachable!("jobs, questions and ends are carried out where they are seen"),
    }
}

/// Stores the rest, frees the session and tells its client, in the order that the release has.
async fn finish(gateway: &Rc<Gateway>, session: &Session, ending: Ending, before: Before, history: Option<Transcript>) {
    if matches!(ending, Ending::Interrupted) && gateway.behavior.finish.says_interrupted() {
        say(gateway, session, "Operation interrupted.");
    }
    let moment = match ending {
        Ending::Failed { .. } | Ending::Silent => Moment::Failure,
        Ending::Complete { .. } | Ending::Interrupted => Moment::End,
    };
    let forgotten = history.filter(|_| moment == Moment::Failure);
    if forgotten.is_none() || before == Before::Worked {
        // What cannot be stored stays in the transcript and is tried again with the next flush, at the latest at the
        // end.
        let _ = persist::flush(gateway, session, moment).await;
    }
    if forgotten.is_none() {
        gateway.approvals.follow_row(session);
    }
    session.change(|record| {
        record.facts.over += 1;
        if let Some(turn) = &mut record.turn {
            turn.phase = TurnPhase::Over;
        }
        match forgotten {
            None => record.transcript.version += 1,
            Some(history) => record.transcript = history,
        }
    });
    let frees_first = gateway.behavior.finish.frees_first();
    let mut next = None;
    if frees_first {
        next = free(gateway, session, before);
    }
    match ending {
        Ending::Complete { text } => complete(session, &text, "complete"),
        Ending::Interrupted => complete(session, "", "interrupted"),
        Ending::Failed { message } => session.emit("error", json!({"message": message})),
        Ending::Silent => {}
    }
    if !frees_first {
        gateway.env.window(Window::CompleteStillRunning).await;
        next = free(gateway, session, before);
    }
    gateway.emit_info(session);
    match next {
        Some(next) => start_next(gateway, session, next).await,
        None => idle::rearm(gateway, session),
    }
}

fn complete(session: &Session, text: &str, status: &str) {
    session.emit("message.complete", json!({"text": text, "usage": {}, "status": status}));
}

/// Nobody holds the session any more, unless a prompt has waited for that, or words that the turn has not read.
pub(crate) fn free(gateway: &Rc<Gateway>, session: &Session, before: Before) -> Option<Queued> {
    let now = gateway.env.now();
    session.change_with(|record, handles| {
        let unread = handles.free(record).map(|turn| turn.steers).unwrap_or_default();
        let waiting = record.queue.len();
        gateway.behavior.steer.carry_over(unread, &mut record.queue);
        record.facts.accepted += (record.queue.len() - waiting) as u64;
        record.facts.last_active = now;
    });
    prompt::claim_next(gateway, session, before)
}

/// The turn reads what was said to it with the next result of a tool.
fn read_steers(session: &Session, result: String) -> String {
    let steers = session.change(|record| {
        let turn = record.turn.as_mut();
        turn.map(|turn| std::mem::take(&mut turn.steers)).unwrap_or_default()
    });
    steers.into_iter().fold(result, |result, steer| format!("{result}\n\nUser guidance: {}", steer.text))
}

fn say(gateway: &Gateway, session: &Session, text: &str) {
    push(session, NewMessage::text(Role::Assistant, text, gateway.env.now().wall));
}

fn push(session: &Session, message: NewMessage) {
    session.change(|record| record.transcript.messages.push(message));
}

fn call_message(gateway: &Gateway, call: &ToolCall) -> NewMessage {
    let calls = json!([{"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.args}}]);
    NewMessage { tool_calls: Some(calls.to_string()), ..NewMessage::text(Role::Assistant, "", gateway.env.now().wall) }
}

fn result_message(gateway: &Gateway, call: &ToolCall, result: &str) -> NewMessage {
    NewMessage {
        tool_call_id: Some(call.id.clone()),
        tool_name: Some(call.name.clone()),
        ..NewMessage::text(Role::Tool, result, gateway.env.now().wall)
    }
}
