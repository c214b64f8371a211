//! An ended row gets no more messages (I7 of spec §15): a finalized session writes nothing.

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "ended_rows_are_immutable",
    about: "no message is added to an ended row",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let late = view.rows.written_late().iter();
    late.map(|(row, reason)| {
        let row = view.rows.alias(row);
        let detail = format!("row {row} got messages after it was ended `{reason}`");
        Breach { subject: row, detail }
    })
    .collect()
}
