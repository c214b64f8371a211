//! What a compression in place has put aside stays in the rows (A19 of the catalogue): it is no part of the conversation any
//! more, and yet all that is left of what was said.

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "archived_messages_are_kept",
    about: "messages that a compression in place has put aside go only with their row",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let lost = view.rows.lost_aside().iter();
    lost.map(|(row, count)| {
        let row = view.rows.alias(row);
        Breach { detail: format!("row {row} lost {count} messages that a compression had put aside"), subject: row }
    })
    .collect()
}
