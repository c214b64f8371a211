//! Ending a session: its turn, its row, its record.

use serde_json::json;

use crate::lifecycle::close::Popping;
use crate::record::Actor;
use crate::record::{AgentState, Ended, Record, SessionStage};
use crate::spawn::Window;
use crate::state::{Gateway, Session};
use crate::storage::persist;
use crate::storage::reconcile::RETRY;
use crate::store::{EndReason, StoreError};

/// Ends a session once. False if somebody else ends or has ended it, and then only after they are done.
pub(crate) async fn end(gateway: &Gateway, session: &Session, actor: Actor) -> bool {
    let close = &gateway.behavior.close;
    // A record that is being brought back is first brought back.
    session.until(|record| (record.stage != SessionStage::Opening).then_some(())).await;
    let popping = close.popping(actor);
    let lock = match popping {
        Popping::BeforeEndLocked => Some(gateway.resume_lock.lock().await),
        Popping::AfterEnd | Popping::BeforeEnd => None,
    };
    let ended = Ended {
        actor,
        reason: close.reason(actor),
        at: gateway.env.now().uptime,
        found_turn: session.read(Record::is_running),
    };
    if !begin(gateway, session, ended) {
        drop(lock);
        session.until(|record| (record.stage == SessionStage::Finalized).then_some(())).await;
        return false;
    }
    if popping != Popping::AfterEnd {
        gateway.sessions.remove(session);
        gateway.env.window(Window::PoppedNotEnded).await;
    }
    if close.joins_turn() {
        stop_turn(session).await;
    }
    // A turn that is left running stores what it says itself.
    if !session.read(Record::is_running) {
        persist::flush_last(gateway, session).await;
    }
    end_row(gateway, session, ended.reason).await;
    if popping == Popping::BeforeEnd {
        gateway.env.window(Window::EndedNotTornDown).await;
    }
    gateway.approvals.leave(session);
    close_agent(gateway, session).await;
    gateway.sessions.remove(session);
    if gateway.behavior.notices.end_with_session() {
        gateway.notices.forget(session);
    }
    session.change_with(|record, handles| {
        record.stage = SessionStage::Finalized;
        record.agent.closed = record.agent.state == AgentState::Ready;
        if !gateway.behavior.build.keeps_after_end() {
            handles.discard_agent(record);
        }
    });
    drop(lock);
    true
}

/// Marks the session as being ended, if nobody else has.
fn begin(gateway: &Gateway, session: &Session, ended: Ended) -> bool {
    let cancelled = session.change_with(|record, handles| {
        if !gateway.behavior.close.may_begin(record) {
            return None;
        }
        record.stage = SessionStage::Closing;
        record.ended_by = Some(ended);
        if gateway.behavior.grace.disarms() {
            handles.cancel_timers(record);
        }
        handles.cancel_idle(record);
        Some(if gateway.behavior.close.joins_turn() { record.take_waiting() } else { Vec::new() })
    });
    let Some(cancelled) = cancelled else { return false };
    for _ in cancelled {
        session.emit("error", json!({"message": "the session was closed before this prompt had its turn"}));
    }
    true
}

/// Ends the rows of a session whose turn and record are left to the end of the process.
pub(crate) async fn end_rows_only(gateway: &Gateway, session: &Session, reason: EndReason) {
    end_row(gateway, session, reason).await;
    close_agent(gateway, session).await;
}

/// Interrupts the turn, if one runs, and waits until it has left the session.
async fn stop_turn(session: &Session) {
    session.interrupt();
    session.until(|record| (!record.is_running()).then_some(())).await;
}

/// Ends the row that the agent writes, which after rotations is the tip of the chain.
async fn end_row(gateway: &Gateway, session: &Session, reason: EndReason) {
    if session.read(|record| gateway.behavior.close.ends_row(&record.facts.source)) {
        end_now(gateway, session, reason).await;
    }
}

/// Lets the agent go, if there is one. In some releases it ends its row by itself, unless that has an end already.
async fn close_agent(gateway: &Gateway, session: &Session) {
    let is_built = session.read(|record| record.agent.state == AgentState::Ready);
    if is_built && gateway.behavior.close.agent_ends_row() {
        end_now(gateway, session, EndReason::AgentClose).await;
    }
}

async fn end_now(gateway: &Gateway, session: &Session, reason: EndReason) {
    loop {
        let row = session.read(|record| record.agent.row.clone());
        match gateway.rows.end(row, gateway.env.now().wall, reason).await {
            Ok(_) | Err(StoreError::Closed) => return,
            // First end wins, so trying again is safe also when the answer was lost.
            Err(_) => gateway.env.sleep(RETRY).await,
        }
    }
}
