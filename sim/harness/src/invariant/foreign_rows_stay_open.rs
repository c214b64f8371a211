//! A row of a messaging platform is not ended here (I10 of spec §15): the platform's own gateway still uses it.

use gateway_core::lifecycle::close::is_foreign;

use super::{Breach, Claim, Invariant, View};
use crate::world::mirror::Mirror;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "foreign_rows_stay_open",
    about: "a row of a messaging platform is ended only by its own gateway or by a compression",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let foreign = view.rows.rows().iter().filter(|row| is_foreign(&row.source));
    let ours = foreign.filter(|row| !Mirror::is_ended_elsewhere(row));
    let ended =
        ours.filter_map(|row| Some((row, row.end_reason.as_deref().filter(|reason| *reason != "compression")?)));
    ended
        .map(|(row, reason)| {
            let name = view.rows.alias(&row.id);
            let detail = format!("row {name} of {} is ended `{reason}`", row.source);
            Breach { subject: name, detail }
        })
        .collect()
}
