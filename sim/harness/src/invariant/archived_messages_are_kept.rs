//! Messages that a compression in place has archived stay in the rows (A19 of the catalogue): they no longer belong to the
//! conversation, and nothing else keeps them.

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "archived_messages_are_kept",
    about: "messages that a compression in place has archived are deleted only together with their row",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let lost = view.rows.lost_archived().iter();
    lost.map(|(row, count)| {
        let row = view.rows.alias(row);
        Breach { detail: format!("row {row} lost {count} messages that a compression had archived"), subject: row }
    })
    .collect()
}
