//! The list of stored sessions begins with the most recently active one (spec §10).

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::{Answer, ClientEvent};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "lists_are_sorted_by_activity",
    about: "`session.list` is sorted by last activity, the latest first",
    claim: Claim::Received(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let lists = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::Answer(answer) if answer.request.method == "session.list" => Some(answer),
        _ => None,
    });
    lists.filter_map(breach).collect()
}

fn breach(Answer { client, result, .. }: &Answer) -> Option<Breach> {
    let listed = result.as_ref().ok()?["sessions"].as_array()?;
    let times: Vec<f64> = listed.iter().filter_map(|session| session["last_active"].as_f64()).collect();
    let place = times.windows(2).position(|pair| pair[0] < pair[1])?;
    let detail = format!("entry {} of the list that {client} received was active after the one before", place + 2);
    Some(Breach { subject: client.clone(), detail })
}
