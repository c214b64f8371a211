//! A gateway that receives a signal ends its sessions before it exits (spec §11): none of their rows stays open.
//!
//! A session whose opening has failed never had its row: that is as the process before has left it, and the sweep after the
//! next start ends it.

use gateway_core::lifecycle::close::is_foreign;
use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "signals_end_rows",
    about: "a process that exits after a signal leaves none of its rows open",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    if !view.process.is_signalled {
        return;
    }
    for session in view.known_to_process() {
        cases.look_at(view, session, case(view, session));
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    if never_opened(view, session) {
        return Case::NotConcerned;
    }
    session.read(|record| {
        let row = view.rows.row(&record.agent.row).filter(|row| !is_foreign(&row.source));
        let Some(row) = row else { return Case::NotConcerned };
        if row.ended_at.is_some() {
            return Case::Held;
        }
        let row = view.rows.alias(&row.id);
        let detail = format!("the process has exited and left row {row} open");
        Case::failed(row, detail)
    })
}

/// Whether the session was over before any client could have it: its opening has failed.
fn never_opened(view: &View<'_>, session: &Session) -> bool {
    let is_over = session.read(|record| record.stage == SessionStage::Finalized);
    is_over
        && view.events.end(session.id()).is_none()
        && view.clients.log.sessions().get(session.id().as_str()).is_none_or(|log| log.stored.is_none())
}
