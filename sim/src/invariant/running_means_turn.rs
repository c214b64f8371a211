//! A session that says it is running has a turn (I5 of spec §15): otherwise it is busy for ever.

use gateway::clock::{Millis, Uptime};
use gateway::session::Record;

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "running_means_turn",
    about: "a session that is running has a turn, or gets one as soon as its prompt is stored",
    claim: Claim::Within(begun),
};

/// How long the claim of a session may take beside its writes.
const CLAIM: Millis = Millis::from_secs(1);

fn begun(view: &View<'_>) -> Vec<Condition> {
    let live = view.live.iter();
    // What holds a session without a prompt, such as a compression that a client asked for, is no turn.
    let prompted = |record: &Record| record.turn.as_ref().is_some_and(|turn| !turn.user.is_empty());
    let running = live.filter(|session| session.read(prompted));
    let labels = running.map(|session| view.names.label(session.id()));
    let stuck = labels.filter(|label| view.turns_of(label) == 0);
    stuck
        .map(|subject| Condition { subject, era: Uptime::default(), within: view.bounds.slack + CLAIM, detail })
        .collect()
}

fn detail(session: &str, since: Uptime) -> String {
    format!("session {session} says it is running, though since {since} it has no turn")
}
