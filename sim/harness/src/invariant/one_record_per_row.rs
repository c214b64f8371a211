//! At most one live session writes a row at a time (I4 of spec §15): two agents on one row interleave their messages.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;
use gateway_core::store::StoredId;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant =
    Invariant { name: "one_record_per_row", about: "at most one live session writes a row", claim: Claim::Each(check) };

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for (place, session) in view.changed_live() {
        let Some(row) = written(session) else { continue };
        cases.look(place, Case::Held);
        let writers = view.with_row(&row).filter(|other| written(other).as_ref() == Some(&row));
        let labels: Vec<String> = writers.map(|session| view.names.label(session.id())).collect();
        if labels.len() > 1 {
            let row = view.rows.alias(&row);
            let detail = format!("row {row} is written by the live sessions {}", labels.join(" and "));
            cases.fail(row, detail);
        }
    }
}

/// The row that a session writes; none once it is over.
fn written(session: &Session) -> Option<StoredId> {
    session.read(|record| (record.stage != SessionStage::Finalized).then(|| record.agent.row.clone()))
}
