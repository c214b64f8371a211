//! The row of a session has the source that its client named (spec §1): other programs decide by the source whose row it is.

use gateway_core::store::SessionRow;

use super::{Case, Cases, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::SessionLog;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "rows_keep_their_source",
    about: "at rest, every row of a session has the source that its client named",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    view.clients.log.sessions().iter().for_each(|(session, log)| cases.add(case(view, session, log)));
}

/// The first row of the session's chain that has another source, if there is one. Its rotations are part of the chain.
fn case(view: &View<'_>, session: &str, log: &SessionLog) -> Case {
    let (Some(named), Some(stored)) = (&log.source, &log.stored) else { return Case::NotConcerned };
    let is_of_chain =
        |row: &&SessionRow| row.id == *stored || view.rows.continues(row) && view.rows.first(&row.id) == stored;
    let mut rows = view.rows.rows().iter().filter(is_of_chain).peekable();
    if rows.peek().is_none() {
        return Case::NotConcerned;
    }
    let Some(row) = rows.find(|row| row.source != *named) else { return Case::Held };
    let (session, alias) = (view.label(session), view.rows.alias(&row.id));
    let detail = format!("session {session} has the source `{named}`, its row {alias} has `{}`", row.source);
    Case::failed(session, detail)
}
