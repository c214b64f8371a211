//! A row that is there gets a title only when a client gives one (B18 of the catalogue): a question changes nothing.

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "titles_are_set_only_on_request",
    about: "no row is given a title, or tried to be, that no client has asked to give",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let given = view.rows.given_titles().iter();
    let unasked = given.filter(|(_, title)| !view.told.asked_for_title(title));
    unasked
        .map(|(row, title)| {
            let row = view.rows.alias(row);
            Breach {
                detail: format!("row {row} was to get the title {title:?}, and nobody had asked for that"),
                subject: row,
            }
        })
        .collect()
}
