//! A gateway that receives a signal ends its sessions before it exits (spec §11): none of their rows stays open.

use gateway_core::lifecycle::close::is_foreign;
use gateway_core::state::Session;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "signals_end_rows",
    about: "a process that exits after a signal leaves none of its rows open",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    if !view.process.is_signalled {
        return Vec::new();
    }
    view.known_to_process().iter().filter_map(|session| breach(view, session)).collect()
}

fn breach(view: &View<'_>, session: &Session) -> Option<Breach> {
    session.read(|record| {
        let row = view.rows.row(&record.agent.row)?;
        if is_foreign(&row.source) || row.ended_at.is_some() {
            return None;
        }
        let row = view.rows.alias(&row.id);
        Some(Breach { detail: format!("the process has exited and left row {row} open"), subject: row })
    })
}
