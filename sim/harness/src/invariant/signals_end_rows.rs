//! A gateway that receives a signal ends its sessions before it exits (spec §11): none of their rows stays open. If its time for that
//! is over before, the rows of the sessions that are left are ended all the same, unless the store does not take it.
//!
//! Which rows are its own is seen from outside: those that it has opened or written messages to, and those of the sessions that
//! it has given to clients. A row that a resume only looked at is as the process before has left it, and the sweep after the
//! next start ends it.

use std::collections::BTreeSet;

use gateway_core::clock::Millis;
use gateway_core::lifecycle::close::is_foreign;
use gateway_core::store::{SessionRow, StoredId};

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::world::process::ProcessEnd;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "signals_end_rows",
    about: "a process that exits after a signal leaves none of its rows open",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let Some(ProcessEnd::Signalled | ProcessEnd::CutShort(_)) = view.process.ended else { return };
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
    if is_excused(view) {
        return Case::Excused(Excuse::Exiting);
    }
    let row = view.rows.alias(&row.id);
    let detail = format!("the process has exited and left row {row} open");
    Case::failed(row, detail)
}

/// How long the gateway waits for the last try to end its rows, after its time is over.
const LAST_TRY: Millis = Millis::from_secs(1);

/// Whether the process had no more time, and the store may have kept its last try from ending the rows: the store failed since,
/// another process held the database, or the writes take longer than the gateway waits.
fn is_excused(view: &View<'_>) -> bool {
    let Some(ProcessEnd::CutShort(due)) = view.process.ended else { return false };
    let store = view.store;
    store.broken_at.is_some_and(|at| at >= due)
        || store.waited_since(due)
        || view.slack() + store.delay_since(due) >= LAST_TRY
}

/// The newest rows of the conversations that clients were given sessions of, by this process.
fn given(view: &View<'_>) -> BTreeSet<StoredId> {
    let logs = view.clients.log.sessions();
    let known = view.known_to_process().iter();
    let stored = known.filter_map(|session| logs.get(session.id().as_str())?.stored.as_ref());
    stored.map(|stored| view.rows.newest(stored)).collect()
}
