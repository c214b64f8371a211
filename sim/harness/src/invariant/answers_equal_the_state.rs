//! What a request is answered is true (spec §4): each field equals the rows and the live session at that instant.
//!
//! The answers are compared when the gateway gives them, in `world/answers.rs`. The truth there is computed a second time,
//! from the records and the mirror of the rows. The part of a reply that a resume shows is compared with the pieces that clients
//! have received.

use super::{Cases, Claim, Invariant, View};
use crate::world::client_log::{Answer, ClientEvent};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answers_equal_the_state",
    about: "the answer to a resume, an activation, a history, a list or a title equals the live session and the rows at that instant, and shows the prompt of a running turn once",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    cases.count_so_far(&view.clients.log.counted().answers);
    for event in view.clients.events {
        match event {
            ClientEvent::Untrue { subject, detail } => cases.fail(subject, detail),
            ClientEvent::Answer(answer) => {
                if let Some((session, detail)) = other_reply(view, answer) {
                    cases.fail(view.label(session), detail);
                }
            }
            _ => {}
        }
    }
}

/// The session of a resume that shows another part of a running turn's reply than clients have received, and what is wrong. `None`
/// as well if no client has received all events of the turn.
fn other_reply<'a>(view: &View<'_>, answer: &'a Answer) -> Option<(&'a str, String)> {
    let result = answer.result.as_ref().ok()?;
    let shown = result["inflight"]["assistant"].as_str()?;
    let (session, latest) = (result["session_id"].as_str()?, result["latest_seq"].as_u64()?);
    let logs = view.clients.log.sessions();
    let events = &logs.get(session)?.shown;
    let mut pieces = Vec::new();
    for seq in (1..=latest).rev() {
        let (kind, payload) = events.get(&seq)?;
        match kind.as_str() {
            "message.delta" => pieces.push(payload["text"].as_str()?),
            // After the end of a turn there is nothing yet of the one that waits.
            "message.start" | "message.complete" | "error" => {
                let streamed: String = pieces.into_iter().rev().collect();
                let detail =
                    || format!("{} showed {shown:?} of a reply of which {streamed:?} was sent", answer.request.method);
                return (streamed != shown).then(|| (session, detail()));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::invariant::NAMES;
    use crate::world::answers::JUDGED_ELSEWHERE;

    /// A field that is left to another claim names one that exists.
    #[test]
    fn fields_are_left_to_claims_that_exist() {
        for (method, field, claim) in JUDGED_ELSEWHERE {
            assert!(NAMES.known.contains(&claim), "{method}, {field}: `{claim}` is no invariant");
        }
    }
}
