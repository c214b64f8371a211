//! A prompt that waits gets its turn as soon as the session is free (S20 of the catalogue), not after some later turn.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::SessionStage;

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "queued_prompts_start",
    about: "no prompt waits while its session is open and at rest",
    claim: Claim::Within(begun),
};

/// How long the next turn may take to begin, beside its writes.
const CLAIM: Millis = Millis::from_secs(1);

fn begun(view: &View<'_>) -> Vec<Condition> {
    let live = view.live.iter();
    let waiting = live.filter(|session| {
        session.read(|record| record.stage == SessionStage::Open && !record.is_running() && !record.queue.is_empty())
    });
    let condition = |subject| Condition { subject, era: Uptime::default(), within: view.bounds.slack + CLAIM, detail };
    waiting.map(|session| condition(view.names.label(session.id()))).collect()
}

fn detail(session: &str, since: Uptime) -> String {
    format!("a prompt waits in session {session}, though since {since} no turn runs there")
}
