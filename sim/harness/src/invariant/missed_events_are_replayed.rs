//! A client that was away can catch up (C3 and C4 of the catalogue): the events of a session carry increasing numbers, and a
//! client that asks for the events after a number receives all of them.

use serde_json::Value;

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::{Answer, ClientEvent};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "missed_events_are_replayed",
    about: "events arrive in the order of their numbers, and `session.events.since` returns every event after the given number",
    claim: Claim::Received(check),
};

/// The error code of an unknown method (spec §3).
const UNKNOWN_METHOD: i64 = -32601;

fn check(view: &View<'_>) -> Vec<Breach> {
    view.clients.events.iter().filter_map(|event| breach(view, event)).collect()
}

fn breach(view: &View<'_>, event: &ClientEvent) -> Option<Breach> {
    let (session, what) = match event {
        ClientEvent::OutOfOrder { session, client, seq } => {
            (session.as_str(), format!("sent {client} event {seq} out of order"))
        }
        ClientEvent::Answer(answer) if answer.request.method == "session.events.since" => {
            (answer.request.session(), not_replayed(answer)?)
        }
        _ => return None,
    };
    let session = view.label(session);
    Some(Breach { detail: format!("session {session} {what}"), subject: session })
}

/// What is wrong with the answer to `session.events.since`. `None`: nothing.
fn not_replayed(Answer { client, request, result }: &Answer) -> Option<String> {
    match result {
        Err(UNKNOWN_METHOD) => Some(format!("cannot replay missed events to {client}")),
        Err(_) => None,
        Ok(result) => {
            let seen = request.params["last_seen"].as_u64()?;
            let replayed: Vec<u64> =
                result["events"].as_array()?.iter().filter_map(|event| event["seq"].as_u64()).collect();
            let latest = result["latest_seq"].as_u64()?;
            let is_whole = result["truncated"] == Value::Bool(true) || replayed.iter().copied().eq(seen + 1..=latest);
            (!is_whole)
                .then(|| format!("replayed to {client} the events {replayed:?} of those after {seen} up to {latest}"))
        }
    }
}
