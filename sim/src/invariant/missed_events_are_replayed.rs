//! Whoever was away can learn what happened meanwhile (C3 and C4 of the catalogue): the events of a session are
//! numbered, each higher than the one before, and a client that asks for those after a number is told all of them.

use serde_json::Value;

use super::{Breach, Claim, Invariant, View};
use crate::world::told::{Answer, News};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "missed_events_are_replayed",
    about: "events come in the order of their numbers, and a client that asks for those it missed is told them",
    claim: Claim::Told(check),
};

/// The code for a method that is not there (spec §3).
const UNKNOWN_METHOD: i64 = -32601;

fn check(view: &View<'_>) -> Vec<Breach> {
    view.news.iter().filter_map(|news| breach(view, news)).collect()
}

fn breach(view: &View<'_>, news: &News) -> Option<Breach> {
    let (session, what) = match news {
        News::OutOfOrder { session, client, seq } => (session.as_str(), format!("told {client} event {seq} too late")),
        News::Answer(answer) if answer.request.method == "session.events.since" => {
            (answer.request.session(), untold(answer)?)
        }
        _ => return None,
    };
    let session = view.label(session);
    Some(Breach { detail: format!("session {session} {what}"), subject: session })
}

/// What is wrong with an answer to the question for missed events.
fn untold(Answer { client, request, result }: &Answer) -> Option<String> {
    match result {
        Err(UNKNOWN_METHOD) => Some(format!("cannot tell {client} what it missed")),
        Err(_) => None,
        Ok(result) => {
            let seen = request.params["last_seen"].as_u64()?;
            let told: Vec<u64> =
                result["events"].as_array()?.iter().filter_map(|event| event["seq"].as_u64()).collect();
            let latest = result["latest_seq"].as_u64()?;
            let is_whole = result["truncated"] == Value::Bool(true) || told.iter().copied().eq(seen + 1..=latest);
            (!is_whole).then(|| format!("told {client} the events {told:?} after {seen} up to {latest}"))
        }
    }
}
