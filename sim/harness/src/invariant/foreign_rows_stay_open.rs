//! A row of a messaging platform is not ended here (I10 of spec §15): the platform's own gateway still uses it. A row of any other
//! program on the database, such as the command line, is not ended either unless this gateway has resumed it
//! (hermes-agent#94895).

use gateway_core::lifecycle::close::{is_foreign, is_of_another_program};
use gateway_core::store::SessionRow;

use super::{Case, Cases, Claim, Invariant, View};
use crate::world::mirror::Mirror;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "foreign_rows_stay_open",
    about: "a row of a messaging platform is ended only by its own gateway or by a compression, and a row of another program only if this gateway has resumed it",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for row in view.changed_rows() {
        let is_theirs =
            is_foreign(&row.source) || is_of_another_program(&row.source) && view.rows.is_untouched(&row.id);
        if is_theirs && !Mirror::is_ended_elsewhere(row) {
            cases.look(view.rows.place(&row.id), case(view, row));
        }
    }
}

fn case(view: &View<'_>, row: &SessionRow) -> Case {
    let Some(reason) = row.end_reason.as_deref().filter(|reason| *reason != "compression") else { return Case::Held };
    if view.rows.has_initial_end(row) {
        return Case::Held;
    }
    let name = view.rows.alias(&row.id);
    let detail = format!("row {name} of {} is ended `{reason}`", row.source);
    Case::failed(name, detail)
}
