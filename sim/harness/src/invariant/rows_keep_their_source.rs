//! The row of a session has the source that its client named (spec §1): other programs decide by the source whose row it is.

use super::{Breach, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::SessionLog;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "rows_keep_their_source",
    about: "at rest, the row of a session has the source that its client named",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &RowSet) -> Vec<Breach> {
    view.clients.log.sessions().iter().filter_map(|(session, log)| breach(view, session, log)).collect()
}

fn breach(view: &View<'_>, session: &str, log: &SessionLog) -> Option<Breach> {
    let (named, row) = (log.source.as_ref()?, view.rows.row(log.stored.as_ref()?)?);
    let (session, alias) = (view.label(session), view.rows.alias(&row.id));
    let detail = format!("session {session} has the source `{named}`, its row {alias} has `{}`", row.source);
    (row.source != *named).then_some(Breach { subject: session, detail })
}
