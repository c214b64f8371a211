//! A stored row gets a title only when a client sets one (B18 of the catalogue): a query changes nothing.

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "titles_are_set_only_on_request",
    about: "no write sets a title that no client asked for",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let given = view.rows.title_attempts().iter();
    let unasked = given.filter(|(_, title)| !view.clients.log.asked_for_title(title));
    unasked
        .map(|(row, title)| {
            let row = view.rows.alias(row);
            Breach {
                detail: format!("row {row} was to get the title {title:?}, which no client asked for"),
                subject: row,
            }
        })
        .collect()
}
