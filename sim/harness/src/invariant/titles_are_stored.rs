//! A title that was acknowledged to a client is stored (spec §4.8), also one for a session without a prompt.

use super::{Breach, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::SessionLog;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "titles_are_stored",
    about: "at rest, every acknowledged title, and one of the pending titles that stayed free, was stored in a row of its conversation",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, _: &RowSet) -> Vec<Breach> {
    let logs = view.clients.log.sessions();
    logs.iter().filter_map(|(session, log)| breach(view, session, log)).collect()
}

fn breach(view: &View<'_>, session: &str, log: &SessionLog) -> Option<Breach> {
    let row = log.stored.as_ref()?;
    // A session that began with messages gets its row with its first prompt: without that, no row can have its title.
    let had_row = view.rows.row(row).is_some() || view.rows.was_deleted(row);
    let has_row_to_come = log.began_with_messages && log.started.is_empty() && !had_row;
    let was_given = |title: &&String| view.rows.was_titled(row, title);
    let given = log.titles.iter().find(|title| !was_given(title));
    // The last pending title counts. Two clients may receive the titles in different orders, and a client that has
    // lost its connection may never receive them.
    let another_stands = log.asked_titles.iter().any(|title| was_given(&title));
    // A pending title is not reserved: the first session with a row may take it.
    let is_due = |title: &&String| !another_stands && !has_row_to_come && !view.rows.was_refused_title(row, title);
    let waits = log.waiting_titles.last().filter(is_due);
    let title = given.or(waits)?;
    let session = view.label(session);
    let detail = format!("session {session} accepted the title {title:?}, which none of its rows ever had");
    Some(Breach { subject: session, detail })
}
