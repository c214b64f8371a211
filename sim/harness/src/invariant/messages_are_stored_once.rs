//! A message is stored once (B5 of the catalogue): messages that a resume has loaded from a row are not written to it again.

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "messages_are_stored_once",
    about: "no row gets a message that it already holds",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let again = view.rows.stored_again().iter();
    again
        .map(|(row, text)| {
            let row = view.rows.alias(row);
            Breach { detail: format!("row {row} got {text:?} a second time"), subject: row }
        })
        .collect()
}
