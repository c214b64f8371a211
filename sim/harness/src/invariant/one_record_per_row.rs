//! At most one live session writes a row at a time (I4 of spec §15): two agents on one row interleave their messages.

use std::collections::BTreeMap;

use gateway_core::record::SessionStage;
use gateway_core::state::Session;
use gateway_core::store::StoredId;

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant =
    Invariant { name: "one_record_per_row", about: "at most one live session writes a row", claim: Claim::Each(check) };

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let mut writers: BTreeMap<StoredId, Vec<&Session>> = BTreeMap::new();
    for session in view.live {
        let (row, stage) = session.read(|record| (record.agent.row.clone(), record.stage));
        if stage != SessionStage::Finalized {
            writers.entry(row).or_default().push(session);
            cases.look_at(view, session, Case::Held);
        }
    }
    for (row, sessions) in writers.into_iter().filter(|(_, sessions)| sessions.len() > 1) {
        let row = view.rows.alias(&row);
        let sessions: Vec<String> = sessions.iter().map(|session| view.names.label(session.id())).collect();
        let detail = format!("row {row} is written by the live sessions {}", sessions.join(" and "));
        cases.fail(row, detail);
    }
}
