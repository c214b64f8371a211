//! An ended row gets no more messages (I7 of spec §15): a finalized session writes nothing.

use super::{Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "ended_rows_are_immutable",
    about: "no message is added to an ended row",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    cases.so_far(view.rows.ends());
    for (row, reason) in view.rows.written_late() {
        let row = view.rows.alias(row);
        let detail = format!("row {row} got messages after it was ended `{reason}`");
        cases.fail(row, detail);
    }
}
