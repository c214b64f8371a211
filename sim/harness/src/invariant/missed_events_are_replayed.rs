//! A client that was away can catch up (C3 and C4 of the catalogue): the events of a session carry increasing numbers, and a
//! client that asks for the events after a number receives all of them.

use serde_json::Value;

use super::{Case, Cases, Claim, Invariant, View};
use crate::world::client_log::{Answer, ClientEvent};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "missed_events_are_replayed",
    about: "events arrive in the order of their numbers, and `session.events.since`, or a `session.resume` with `last_seen`, returns the events after the given number, as clients received them: all that are kept, and says whether some are not",
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
        ClientEvent::Answer(answer) if is_catching_up(answer) => match &answer.result {
            Ok(result) => (result["session_id"].as_str().unwrap_or_default(), not_brought(view, answer, result)),
            Err(_) => return Case::NotConcerned,
        },
        _ => return Case::NotConcerned,
    };
    let Some(what) = what else { return Case::Held };
    let session = view.label(session);
    let detail = format!("session {session} {what}");
    Case::failed(session, detail)
}

/// Whether it answers a resume that asks for the events after a number.
fn is_catching_up(Answer { request, .. }: &Answer) -> bool {
    request.method == "session.resume" && !request.params["last_seen"].is_null()
}

/// What is wrong with the events in the answer to `session.resume`. `None`: nothing. A number that belongs to another session, which
/// ended before this resume brought the conversation back, counts no events of this one.
fn not_brought(view: &View<'_>, answer: &Answer, result: &Value) -> Option<String> {
    let (client, missed) = (&answer.client, &result["missed"]);
    if missed.is_null() {
        return Some(format!("cannot replay missed events to {client} when it resumes"));
    }
    if result["session_id"] == answer.request.params["seen_in"] {
        return differs(view, result["session_id"].as_str()?, answer, missed);
    }
    let is_marked = missed["truncated"] == true && missed["events"].as_array().is_some_and(Vec::is_empty);
    (!is_marked).then(|| format!("does not say to {client} that the events of an earlier session are lost"))
}

/// What is wrong with the answer to `session.events.since`. `None`: nothing.
fn not_replayed(view: &View<'_>, answer: &Answer) -> Option<String> {
    match &answer.result {
        Err(UNKNOWN_METHOD) => Some(format!("cannot replay missed events to {}", answer.client)),
        Err(_) => None,
        Ok(result) => differs(view, answer.request.session(), answer, result),
    }
}

/// What is wrong with the events that a session replayed.
fn differs(view: &View<'_>, session: &str, Answer { client, request, .. }: &Answer, result: &Value) -> Option<String> {
    let seen = request.params["last_seen"].as_u64()?;
    let events = result["events"].as_array()?;
    let latest = result["latest_seq"].as_u64()?;
    let max = u64::from(view.settings().max_kept_events);
    let oldest = if max == 0 { 1 } else { latest.saturating_sub(max) + 1 };
    let replayed: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    if !replayed.iter().copied().eq(oldest.max(seen.saturating_add(1))..=latest) {
        return Some(format!("replayed to {client} the events {replayed:?} of those after {seen} up to {latest}"));
    }
    let is_lost = seen.saturating_add(1) < oldest;
    if result["truncated"] != Value::Bool(is_lost) {
        let says = if is_lost { "does not say" } else { "says" };
        return Some(format!("{says} to {client} that events after {seen} are lost, of which the oldest is {oldest}"));
    }
    let logs = view.clients.log.sessions();
    let shown = &logs.get(session)?.shown;
    let differs = |event: &&Value| {
        let known = event["seq"].as_u64().and_then(|seq| shown.get(&seq));
        known.is_some_and(|(kind, payload)| event["type"] != kind.as_str() || event["payload"] != *payload)
    };
    let seq = events.iter().find(differs)?["seq"].as_u64()?;
    Some(format!("replayed to {client} another event {seq} than clients received"))
}
