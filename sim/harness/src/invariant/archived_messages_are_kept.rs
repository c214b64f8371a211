//! Messages that a compression in place has archived stay in the rows (A19 of the catalogue): they no longer belong to the
//! conversation, and nothing else keeps them.

use super::{Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "archived_messages_are_kept",
    about: "messages that a compression in place has archived are deleted only together with their row",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    cases.so_far(view.rows.compactions());
    for (row, count) in view.rows.lost_archived() {
        let row = view.rows.alias(row);
        let detail = format!("row {row} lost {count} messages that a compression had archived");
        cases.fail(row, detail);
    }
}
