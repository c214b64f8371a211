//! The row of a live session is open, or not created yet (I2 of spec §15).

use gateway_core::record::{Record, SessionStage};
use gateway_core::state::Session;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "live_rows_stay_open",
    about: "the row of a live session is open, or not created yet",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for (place, session) in view.changed_live() {
        cases.look(place, case(view, session));
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    session.read(|record| {
        if record.stage == SessionStage::Open && view.rows.was_deleted(&record.agent.row) {
            let session = view.names.label(session.id());
            let detail = format!("session {session} is live, but its row is deleted");
            return Case::failed(session, detail);
        }
        let row = view.rows.row(&record.agent.row).filter(|_| record.stage == SessionStage::Open);
        let Some(row) = row else { return Case::NotConcerned };
        let Some(reason) = row.end_reason.as_deref().filter(|reason| !rotates(record, reason)) else {
            return Case::Held;
        };
        let (session, row) = (view.names.label(session.id()), view.rows.alias(&row.id));
        let detail = format!("session {session} is live, but its row {row} is ended `{reason}`");
        Case::failed(session, detail)
    })
}

/// Within a turn, a parent is ended a little before the record continues under the child's id.
fn rotates(record: &Record, reason: &str) -> bool {
    reason == "compression" && record.is_running()
}
