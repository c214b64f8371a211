//! Holds a session for work on its conversation that is no turn: `session.compress` and `session.undo`.
//!
//! A held session is busy for prompts, is not reaped, and an interrupt or an end of the session stops the work.

use std::rc::Rc;

use crate::agent::Interrupt;
use crate::ends::idle;
use crate::lifecycle::history::Hold;
use crate::lifecycle::queue::PrecedingTurn;
use crate::record::{Queued, SessionStage, TurnPhase};
use crate::rpc::{Error, code};
use crate::state::{Gateway, Link, Session};
use crate::work::turn;

/// Holds the session; fails if it is held. The interrupt is raised when the work has to stop.
pub(super) fn take(gateway: &Gateway, session: &Session) -> Result<Rc<Interrupt>, Error> {
    let now = gateway.env.now();
    session.change_with(|record, handles| {
        if record.is_running() {
            return Err(Error::new(code::BUSY, "session busy"));
        }
        match gateway.behavior.history.hold() {
            Hold::AsTurn => {}
            Hold::None => return Ok(Rc::default()),
        }
        if record.stage != SessionStage::Open {
            return Err(Error::passing(code::STORED_NOT_FOUND, "the session is being closed or reopened, retry"));
        }
        let interrupt = handles.claim(record, "", now);
        if let Some(turn) = &mut record.turn {
            turn.phase = TurnPhase::Begun;
        }
        Ok(interrupt)
    })
}

/// Frees the session. Returns the prompt that has waited and claims it now, if there is one.
pub(super) fn release(gateway: &Rc<Gateway>, link: &Link, session: &Session) -> Option<Queued> {
    let next = match gateway.behavior.history.hold() {
        Hold::AsTurn => turn::free(gateway, session, PrecedingTurn::Worked),
        Hold::None => None,
    };
    let info = session.read(|record| record.info(&gateway.config.model));
    gateway.emit_within(link, session, "session.info", info);
    next
}

/// Starts the turn of that prompt, if there is one.
pub(super) async fn go_on(gateway: &Rc<Gateway>, session: &Session, next: Option<Queued>) {
    match next {
        Some(next) => turn::start_next(gateway, session, next).await,
        None => idle::rearm(gateway, session),
    }
}
