//! The list of stored sessions contains no row twice (B7 of the catalogue): each entry is a conversation of its own.

use std::collections::BTreeSet;

use gateway_core::store::StoredId;

use super::{Case, Cases, Claim, Invariant, View};
use crate::world::client_log::Answer;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "lists_have_no_duplicates",
    about: "`session.list` contains no row twice",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.answers_to("session.list").for_each(|answer| cases.add(case(view, answer)));
}

fn case(view: &View<'_>, Answer { client, result, .. }: &Answer) -> Case {
    let listed = result.as_ref().ok().and_then(|result| result["sessions"].as_array());
    let Some(listed) = listed.filter(|listed| listed.len() > 1) else { return Case::NotConcerned };
    let mut seen = BTreeSet::new();
    let twice = listed.iter().filter_map(|session| session["id"].as_str()).find(|id| !seen.insert(*id));
    let Some(twice) = twice else { return Case::Held };
    let row = view.rows.alias(&StoredId::new(twice));
    Case::failed(client, format!("the list that {client} received contains row {row} twice"))
}
