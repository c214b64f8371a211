//! A prompt to a live session is accepted (I6 of spec §15; S27): one that finds a turn at work waits for it.

use super::{Breach, Claim, Invariant, View};
use crate::world::told::{News, Request};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "prompts_are_accepted",
    about: "no prompt is refused because its session is at work",
    claim: Claim::Told(check),
};

/// The code for a session that is busy (spec §3).
const BUSY: i64 = 4009;

fn check(view: &View<'_>) -> Vec<Breach> {
    // One that replaces an earlier prompt cannot wait: what it cuts is being added to.
    let waits = |request: &Request| request.params.get("truncate_before_user_ordinal").is_none();
    let refused = view.news.iter().filter_map(|news| match news {
        News::Answer(answer) if answer.request.method == "prompt.submit" && answer.result == Err(BUSY) => Some(answer),
        _ => None,
    });
    let refused = refused.filter(|answer| waits(&answer.request));
    refused
        .map(|answer| {
            let session = view.label(answer.request.session());
            let detail = format!("session {session} refused a prompt of {}, being busy", answer.client);
            Breach { subject: session, detail }
        })
        .collect()
}
