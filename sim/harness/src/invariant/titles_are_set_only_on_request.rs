//! A stored row gets a title only when a client sets one (B18 of the catalogue): a query changes nothing.

use super::{Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "titles_are_set_only_on_request",
    about: "no write sets a title that no client asked for",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let (set, first) = (view.rows.title_attempts(), view.rows.first_titles());
    cases.so_far(set.len() + first.len());
    let log = view.clients.log;
    let unasked = set.iter().filter(|(_, title)| !log.asked_for_title(title));
    let first = first.iter().filter(|(_, title)| !log.asked_for_title(title) && !log.created_with_title(title));
    for (row, title) in unasked.chain(first) {
        let row = view.rows.alias(row);
        let detail = format!("row {row} was to get the title {title:?}, which no client asked for");
        cases.fail(row, detail);
    }
}
