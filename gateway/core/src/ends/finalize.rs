//! Ends a session: its turn, its row, its record.

use serde_json::json;

use crate::actor::Actor;
use crate::legacy::windows;
use crate::lifecycle::agents::OfEnded;
use crate::lifecycle::close::{AfterRefusal, EndRequest, Removal, RowEnd, RunningTurn};
use crate::lifecycle::grace::Timers;
use crate::lifecycle::notice::NoticesAtEnd;
use crate::observe::{EndBegan, SessionEvent};
use crate::record::{AgentState, Cancelled, Record, SessionStage};
use crate::spawn::Window;
use crate::state::{Gateway, Session};
use crate::storage::input;
use crate::storage::persist;
use crate::storage::retry::Retry;
use crate::store::{EndReason, StoreError};

/// Ends a session. Only one caller does: `true` for it, `false` for the others, after the session has ended.
pub(crate) async fn end(gateway: &Gateway, session: &Session, actor: Actor) -> bool {
    let close = &gateway.behavior.close;
    // A session that is being opened is opened first.
    session.until(|record| (record.stage != SessionStage::Opening).then_some(())).await;
    let removal = close.removal(actor);
    let lock = match removal {
        Removal::BeforeEndLocked => Some(gateway.resume_lock.lock().await),
        Removal::AfterEnd | Removal::BeforeEnd => None,
    };
    let Some(kept) = begin(gateway, session, actor) else {
        drop(lock);
        session.until(|record| (record.stage == SessionStage::Finalized).then_some(())).await;
        return false;
    };
    if removal != Removal::AfterEnd {
        gateway.sessions.remove(session);
        windows::pass(gateway, Window::PoppedNotEnded).await;
    }
    match close.turn() {
        RunningTurn::InterruptAndJoin => {
            session.interrupt();
            join_turn(session).await;
        }
        RunningTurn::JoinOnly => join_turn(session).await,
        RunningTurn::LeftRunning => {}
    }
    // A turn that is left running stores its own messages.
    if !session.read(Record::is_running) {
        persist::flush_last(gateway, session).await;
    }
    // What waits in the rows waits for a resume, unless the client has closed the session.
    if actor == Actor::Client && (kept > 0 || gateway.notices.has_kept(session)) {
        input::cancel(gateway, session).await;
    }
    end_row(gateway, session, close.reason(actor)).await;
    if removal == Removal::BeforeEnd {
        windows::pass(gateway, Window::EndedNotTornDown).await;
    }
    gateway.approvals.leave(session);
    close_agent(gateway, session).await;
    gateway.sessions.remove(session);
    match gateway.behavior.notices.at_end() {
        NoticesAtEnd::Drop => gateway.notices.forget(session),
        NoticesAtEnd::Keep => {}
    }
    let agent_closed = session.change_with(|record, handles| {
        record.stage = SessionStage::Finalized;
        let is_ready = record.agent.state == AgentState::Ready;
        match gateway.behavior.build.on_end() {
            OfEnded::LetGo => handles.discard_agent(record),
            OfEnded::Kept => {}
        }
        is_ready
    });
    session.report(SessionEvent::Finalized { agent_closed });
    drop(lock);
    true
}

/// Marks the session as being ended, and cancels its timers and the prompts that wait. Returns how many of those are in the
/// rows; `None` if it is marked already.
fn begin(gateway: &Gateway, session: &Session, actor: Actor) -> Option<usize> {
    let (reason, at) = (gateway.behavior.close.reason(actor), gateway.env.now().uptime);
    let begun = session.change_with(|record, handles| {
        match gateway.behavior.close.on_request(record) {
            EndRequest::Begin => {}
            EndRequest::AwaitOther => return None,
        }
        record.stage = SessionStage::Closing;
        match gateway.behavior.grace.timers() {
            Timers::Single => handles.cancel_timers(record),
            Timers::Pile => {}
        }
        handles.cancel_idle(record);
        let cancelled = match gateway.behavior.close.turn() {
            RunningTurn::InterruptAndJoin | RunningTurn::JoinOnly => record.cancel_waiting(),
            RunningTurn::LeftRunning => Cancelled::default(),
        };
        Some((record.is_running(), cancelled))
    });
    let (found_turn, cancelled) = begun?;
    session.report(SessionEvent::EndBegan(EndBegan { actor, reason, at, found_turn }));
    session.report(SessionEvent::PromptsEnded(cancelled.prompts as u64));
    let left = if actor == Actor::Client { 0 } else { cancelled.kept };
    for _ in left..cancelled.steers + cancelled.prompts {
        session.emit("error", json!({"message": "the session was closed before this prompt had its turn"}));
    }
    if left > 0 {
        let text = format!("{left} accepted prompts wait for the next resume of the conversation");
        session.emit("status.update", json!({"kind": "waiting", "text": text}));
    }
    Some(cancelled.kept)
}

/// Ends the row of a session and leaves its turn and record to the end of the process.
pub(crate) async fn end_rows_only(gateway: &Gateway, session: &Session, reason: EndReason) {
    end_row(gateway, session, reason).await;
    close_agent(gateway, session).await;
}

/// Waits until the session is free.
async fn join_turn(session: &Session) {
    session.until(|record| (!record.is_running()).then_some(())).await;
}

/// Ends the row that the agent writes, which after rotations is the tip of the chain.
async fn end_row(gateway: &Gateway, session: &Session, reason: EndReason) {
    match session.read(|record| gateway.behavior.close.on_row(&record.details.source)) {
        RowEnd::End => end_now(gateway, session, reason).await,
        RowEnd::Leave => {}
    }
}

/// Closes the agent, if there is one. In some releases that ends the row, unless it has an end already (A6, S32).
async fn close_agent(gateway: &Gateway, session: &Session) {
    let is_built = session.read(|record| record.agent.state == AgentState::Ready);
    if is_built && gateway.behavior.close.on_agent_close() == RowEnd::End {
        end_now(gateway, session, EndReason::AgentClose).await;
    }
}

async fn end_now(gateway: &Gateway, session: &Session, reason: EndReason) {
    let mut retry = Retry::default();
    loop {
        let row = session.read(|record| record.agent.row.clone());
        match gateway.rows.end(row, gateway.env.now().wall, reason).await {
            Ok(_) | Err(StoreError::Closed) => return,
            // The first end of a row counts, so a second try is safe also when the answer was lost.
            Err(_) => match gateway.behavior.close.after_refusal() {
                AfterRefusal::Again => retry.wait(gateway).await,
                AfterRefusal::GiveUp => return,
            },
        }
    }
}
