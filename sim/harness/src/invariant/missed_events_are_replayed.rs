//! A client that was away can catch up (C3 and C4 of the catalogue): the events of a session carry increasing numbers, and a
//! client that asks for the events after a number receives all of them.

use serde_json::Value;

use super::{Case, Cases, Claim, Invariant, View};
use crate::world::client_log::{Answer, ClientEvent};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "missed_events_are_replayed",
    about: "events arrive in the order of their numbers, and `session.events.since` returns the events after the given number, as clients received them: all that are kept, and says whether some are not",
    claim: Claim::Frames(check),
};

/// The error code of an unknown method (spec §3).
const UNKNOWN_METHOD: i64 = -32601;

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.events.iter().for_each(|event| cases.add(case(view, event)));
}

fn case(view: &View<'_>, event: &ClientEvent) -> Case {
    let (session, what) = match event {
        ClientEvent::OutOfOrder { session, client, seq } => {
            (session.as_str(), Some(format!("sent {client} event {seq} out of order")))
        }
        ClientEvent::Answer(answer) if answer.request.method == "session.events.since" => {
            (answer.request.session(), not_replayed(view, answer))
        }
        _ => return Case::NotConcerned,
    };
    let Some(what) = what else { return Case::Held };
    let session = view.label(session);
    let detail = format!("session {session} {what}");
    Case::failed(session, detail)
}

/// What is wrong with the answer to `session.events.since`. `None`: nothing.
fn not_replayed(view: &View<'_>, Answer { client, request, result }: &Answer) -> Option<String> {
    let result = match result {
        Err(UNKNOWN_METHOD) => return Some(format!("cannot replay missed events to {client}")),
        Err(_) => return None,
        Ok(result) => result,
    };
    let seen = request.params["last_seen"].as_u64()?;
    let events = result["events"].as_array()?;
    let latest = result["latest_seq"].as_u64()?;
    let max = u64::from(view.settings().max_kept_events);
    let oldest = if max == 0 { 1 } else { latest.saturating_sub(max) + 1 };
    let replayed: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    if !replayed.iter().copied().eq(oldest.max(seen + 1)..=latest) {
        return Some(format!("replayed to {client} the events {replayed:?} of those after {seen} up to {latest}"));
    }
    let is_lost = seen + 1 < oldest;
    if result["truncated"] != Value::Bool(is_lost) {
        let says = if is_lost { "does not say" } else { "says" };
        return Some(format!("{says} to {client} that events after {seen} are lost, of which the oldest is {oldest}"));
    }
    let logs = view.clients.log.sessions();
    let shown = &logs.get(request.session())?.shown;
    let differs = |event: &&Value| {
        let known = event["seq"].as_u64().and_then(|seq| shown.get(&seq));
        known.is_some_and(|(kind, payload)| event["type"] != kind.as_str() || event["payload"] != *payload)
    };
    let seq = events.iter().find(differs)?["seq"].as_u64()?;
    Some(format!("replayed to {client} another event {seq} than clients received"))
}
