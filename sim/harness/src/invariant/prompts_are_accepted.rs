//! A prompt to a live session is accepted (I6 of spec §15; S27): while a turn runs, it is queued.

use super::{Case, Cases, Claim, Invariant, View, room};
use crate::world::client_log::{Answer, SentRequest};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "prompts_are_accepted",
    about: "no prompt is refused because its session is busy, unless as many wait there as may",
    claim: Claim::Frames(check),
};

/// The error code of a busy session (spec §3).
const BUSY: i64 = 4009;

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.answers_to("prompt.submit").for_each(|answer| cases.add(case(view, answer)));
}

fn case(view: &View<'_>, answer: &Answer) -> Case {
    // A prompt that replaces an earlier one cannot wait: the running turn adds to what it truncates.
    let waits = answer.request.params.get("truncate_before_user_ordinal").is_none();
    match &answer.result {
        Ok(_) => Case::Held,
        Err(BUSY) if waits && may_be_full(view, &answer.request) => Case::Held,
        Err(BUSY) if waits => {
            let session = view.label(answer.request.session());
            let detail = format!("session {session} was busy and refused a prompt of {}", answer.client);
            Case::failed(session, detail)
        }
        Err(_) => Case::NotConcerned,
    }
}

/// Whether as many prompts or steers may have waited as may wait, by the count of the clients.
fn may_be_full(view: &View<'_>, request: &SentRequest) -> bool {
    let max = view.settings().max_waiting_prompts as usize;
    let (logs, turns) = (view.clients.log.sessions(), view.agents.turns());
    let Some(log) = logs.get(request.session()) else { return false };
    let waiting = room::Waiting::new(log, turns.get(&view.label(request.session())), view);
    max > 0 && waiting.prompts_at_most(request).max(waiting.steers_at_most(request)) >= max
}
