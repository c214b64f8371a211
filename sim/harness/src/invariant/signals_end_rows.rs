//! A gateway that receives a signal ends its sessions before it exits (spec §11): none of their rows stays open.
//!
//! Which rows are its own is seen from outside: those that it has opened or written messages to, and those of the sessions that
//! it has given to clients. A row that a resume only looked at is as the process before has left it, and the sweep after the
//! next start ends it.

use std::collections::BTreeSet;

use gateway_core::lifecycle::close::is_foreign;
use gateway_core::store::{SessionRow, StoredId};

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
    let given = given(view);
    let own = |row: &&SessionRow| view.rows.was_used(&row.id) || given.contains(&row.id);
    for row in view.rows.rows().iter().filter(own).filter(|row| !is_foreign(&row.source)) {
        cases.look(view.rows.place(&row.id), case(view, row));
    }
}

fn case(view: &View<'_>, row: &SessionRow) -> Case {
    if row.ended_at.is_some() {
        return Case::Held;
    }
    let row = view.rows.alias(&row.id);
    let detail = format!("the process has exited and left row {row} open");
    Case::failed(row, detail)
}

/// The newest rows of the conversations that clients were given sessions of, by this process.
fn given(view: &View<'_>) -> BTreeSet<StoredId> {
    let logs = view.clients.log.sessions();
    let known = view.known_to_process().iter();
    let stored = known.filter_map(|session| logs.get(session.id().as_str())?.stored.as_ref());
    stored.map(|stored| view.rows.newest(stored)).collect()
}
