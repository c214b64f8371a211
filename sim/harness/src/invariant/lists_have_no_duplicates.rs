//! The list of stored sessions contains no conversation twice (B7 of the catalogue): a chain of rows has one entry, also after a
//! deletion.

use std::collections::BTreeSet;

use gateway_core::store::StoredId;

use super::{Case, Cases, Claim, Invariant, View};
use crate::world::client_log::Answer;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "lists_have_no_duplicates",
    about: "`session.list` contains no conversation twice",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.answers_to("session.list").for_each(|answer| cases.add(case(view, answer)));
}

fn case(view: &View<'_>, Answer { client, result, .. }: &Answer) -> Case {
    let listed = result.as_ref().ok().and_then(|result| result["sessions"].as_array());
    let Some(listed) = listed.filter(|listed| listed.len() > 1) else { return Case::NotConcerned };
    let mut seen = BTreeSet::new();
    let mut rows = listed.iter().filter_map(|session| session["id"].as_str()).map(StoredId::new);
    let twice = rows.find(|row| !seen.insert(view.rows.first(row).clone()));
    let Some(twice) = twice else { return Case::Held };
    let row = view.rows.alias(&twice);
    Case::failed(client, format!("the list that {client} received contains the conversation of row {row} twice"))
}
