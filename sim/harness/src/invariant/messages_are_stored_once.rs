//! A message is stored once (B5 of the catalogue): messages that a resume has loaded from a row are not written to it again.

use super::{Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "messages_are_stored_once",
    about: "no row gets a message that it already holds",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    cases.so_far(view.rows.added());
    for (row, text) in view.rows.stored_again() {
        let row = view.rows.alias(row);
        let detail = format!("row {row} got {text:?} a second time");
        cases.fail(row, detail);
    }
}
