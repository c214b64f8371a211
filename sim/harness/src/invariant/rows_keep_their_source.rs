//! The row of a session has the source that its client named (spec §1): other programs decide by the source whose row it is.

use gateway_core::store::SessionRow;

use super::{Breach, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::SessionLog;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "rows_keep_their_source",
    about: "at rest, every row of a session has the source that its client named",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &RowSet) -> Vec<Breach> {
    view.clients.log.sessions().iter().filter_map(|(session, log)| breach(view, session, log)).collect()
}

/// The first row of the session's chain that has another source, if there is one. Its rotations are part of the chain.
fn breach(view: &View<'_>, session: &str, log: &SessionLog) -> Option<Breach> {
    let (named, stored) = (log.source.as_ref()?, log.stored.as_ref()?);
    let is_of_chain =
        |row: &&SessionRow| row.id == *stored || view.rows.continues(row) && view.rows.first(&row.id) == stored;
    let row = view.rows.rows().iter().filter(is_of_chain).find(|row| row.source != *named)?;
    let (session, alias) = (view.label(session), view.rows.alias(&row.id));
    let detail = format!("session {session} has the source `{named}`, its row {alias} has `{}`", row.source);
    Some(Breach { subject: session, detail })
}
