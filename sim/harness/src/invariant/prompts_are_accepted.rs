//! A prompt to a live session is accepted (I6 of spec §15; S27): while a turn runs, it is queued.

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::{ClientEvent, SentRequest};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "prompts_are_accepted",
    about: "no prompt is refused because its session is busy",
    claim: Claim::Received(check),
};

/// The error code of a busy session (spec §3).
const BUSY: i64 = 4009;

fn check(view: &View<'_>) -> Vec<Breach> {
    // A prompt that replaces an earlier one cannot wait: the running turn adds to what it truncates.
    let waits = |request: &SentRequest| request.params.get("truncate_before_user_ordinal").is_none();
    let refused = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::Answer(answer) if answer.request.method == "prompt.submit" && answer.result == Err(BUSY) => {
            Some(answer)
        }
        _ => None,
    });
    let refused = refused.filter(|answer| waits(&answer.request));
    refused
        .map(|answer| {
            let session = view.label(answer.request.session());
            let detail = format!("session {session} was busy and refused a prompt of {}", answer.client);
            Breach { subject: session, detail }
        })
        .collect()
}
