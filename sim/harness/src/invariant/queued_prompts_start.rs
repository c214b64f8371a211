//! A queued prompt gets its turn as soon as the session is idle (S20 of the catalogue), not after some later turn.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::record::SessionStage;

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "queued_prompts_start",
    about: "no prompt stays queued for more than a second while its session is open and idle",
    claim: Claim::WithinOf { bound: |_| CLAIM, begun, cases: |view| view.clients.log.counted().queued },
};

/// The longest time until the next turn begins, without its writes.
const CLAIM: Millis = Millis::from_secs(1);

fn begun(view: &View<'_>, bound: Millis) -> Vec<Condition> {
    let live = view.live.iter();
    let waiting = live.filter(|session| {
        session.read(|record| record.stage == SessionStage::Open && !record.is_running() && !record.queue.is_empty())
    });
    let condition = |subject| Condition { subject, era: Uptime::default(), within: bound + view.slack(), detail };
    waiting.map(|session| condition(view.names.label(session.id()))).collect()
}

fn detail(session: &str, since: Uptime) -> String {
    format!("a prompt is queued in session {session}, though no turn runs there since {since}")
}
