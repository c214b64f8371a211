//! Ending a session: its turn, its row, its record.

use crate::clock::Millis;
use crate::lifecycle::flush::Moment;
use crate::persist;
use crate::server::Gateway;
use crate::session::{AgentState, Session, Stage};
use crate::spawn::Window;
use crate::store::{EndReason, StoreError};

/// How long to wait before a row whose end could not be stored is tried again.
const RETRY: Millis = Millis::from_secs(1);

/// Ends a session once. False if somebody else ends or has ended it, and then only after they are done.
pub(crate) async fn end(gateway: &Gateway, session: &Session, reason: EndReason) -> bool {
    let close = &gateway.behavior.close;
    // A record that is being brought back is first brought back.
    session.until(|record| (record.stage != Stage::Opening).then_some(())).await;
    let begun = session.change(|record| {
        let begins = close.may_begin(record);
        if begins {
            record.stage = Stage::Closing(reason);
            record.timers.clear();
        }
        begins
    });
    if !begun {
        session.until(|record| (record.stage == Stage::Finalized).then_some(())).await;
        return false;
    }
    if close.pops_first() {
        gateway.sessions.remove(session);
        gateway.env.window(Window::PoppedNotEnded).await;
    }
    if close.joins_turn() {
        stop_turn(session).await;
        // What cannot be stored now is lost with the record, but the row must still be ended.
        let _ = persist::flush(gateway, session, Moment::End).await;
    }
    end_row(gateway, session, reason).await;
    gateway.sessions.remove(session);
    session.change(|record| {
        record.stage = Stage::Finalized;
        record.agent.state = AgentState::Unbuilt;
    });
    true
}

/// Interrupts the turn, if one runs, and waits until it has left the session.
async fn stop_turn(session: &Session) {
    session.read(|record| {
        if let Some(turn) = &record.turn {
            turn.interrupt.raise();
        }
    });
    session.until(|record| (!record.is_running()).then_some(())).await;
}

/// Ends the row that the agent writes, which after rotations is the tip of the chain.
async fn end_row(gateway: &Gateway, session: &Session, reason: EndReason) {
    loop {
        let row = session.read(|record| record.agent.row.clone());
        match gateway.rows.end(row, gateway.env.now().wall, reason).await {
            Ok(_) | Err(StoreError::Closed) => return,
            // First end wins, so trying again is safe also when the answer was lost.
            Err(_) => gateway.env.sleep(RETRY).await,
        }
    }
}
