//! The list of stored sessions begins with the most recently active one (spec §10).

use super::{Case, Cases, Claim, Invariant, View};
use crate::world::client_log::Answer;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "lists_are_sorted_by_activity",
    about: "`session.list` is sorted by last activity, the latest first",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.answers_to("session.list").for_each(|answer| cases.add(case(answer)));
}

fn case(Answer { client, result, .. }: &Answer) -> Case {
    let listed = result.as_ref().ok().and_then(|result| result["sessions"].as_array());
    // A list of one entry has no order.
    let Some(listed) = listed.filter(|listed| listed.len() > 1) else { return Case::NotConcerned };
    let times: Vec<f64> = listed.iter().filter_map(|session| session["last_active"].as_f64()).collect();
    let Some(place) = times.windows(2).position(|pair| pair[0] < pair[1]) else { return Case::Held };
    let detail = format!("entry {} of the list that {client} received was active after the one before", place + 2);
    Case::failed(client, detail)
}
