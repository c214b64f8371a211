//! The list of stored sessions contains no row twice (B7 of the catalogue): each entry is a conversation of its own.

use std::collections::BTreeSet;

use gateway_core::store::StoredId;

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::{Answer, ClientEvent};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "lists_have_no_duplicates",
    about: "`session.list` contains no row twice",
    claim: Claim::Received(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let lists = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::Answer(answer) if answer.request.method == "session.list" => Some(answer),
        _ => None,
    });
    lists.filter_map(|answer| breach(view, answer)).collect()
}

fn breach(view: &View<'_>, Answer { client, result, .. }: &Answer) -> Option<Breach> {
    let listed = result.as_ref().ok()?["sessions"].as_array()?;
    let mut seen = BTreeSet::new();
    let twice = listed.iter().filter_map(|session| session["id"].as_str()).find(|id| !seen.insert(*id))?;
    let row = view.rows.alias(&StoredId::new(twice));
    Some(Breach {
        subject: client.clone(),
        detail: format!("the list that {client} received contains row {row} twice"),
    })
}
