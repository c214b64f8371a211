//! A gateway that receives a signal ends its sessions before it exits (spec §11): none of their rows stays open.

use gateway_core::lifecycle::close::is_foreign;
use gateway_core::state::Session;

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
    for session in view.known_to_process() {
        cases.look_at(view, session, case(view, session));
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    session.read(|record| {
        let row = view.rows.row(&record.agent.row).filter(|row| !is_foreign(&row.source));
        let Some(row) = row else { return Case::NotConcerned };
        if row.ended_at.is_some() {
            return Case::Held;
        }
        let row = view.rows.alias(&row.id);
        let detail = format!("the process has exited and left row {row} open");
        Case::failed(row, detail)
    })
}
