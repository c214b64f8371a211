//! The row of a live session is open, or not created yet (I2 of spec §15).

use gateway_core::record::{Record, SessionStage};
use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "live_rows_stay_open",
    about: "the row of a live session is open, or not created yet",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    view.live.iter().filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    session.read(|record| {
        if record.stage == SessionStage::Open && view.rows.was_deleted(&record.agent.row) {
            let session = view.names.label(session.id());
            let detail = format!("session {session} is live, but its row is deleted");
            return Some(Breach { subject: session, detail });
        }
        let row = view.rows.row(&record.agent.row)?;
        let reason = row.end_reason.as_deref()?;
        if record.stage != SessionStage::Open || rotates(record, reason) {
            return None;
        }
        let (session, row) = (view.names.label(session.id()), view.rows.alias(&row.id));
        let detail = format!("session {session} is live, but its row {row} is ended `{reason}`");
        Some(Breach { subject: session, detail })
    })
}

/// Within a turn, a parent is ended a little before the record continues under the child's id.
fn rotates(record: &Record, reason: &str) -> bool {
    reason == "compression" && record.is_running()
}
