//! A session that is ended works no more (I7 of spec §15): no turn starts in it, none runs on.

use gateway::session::Stage;

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "ended_sessions_rest",
    about: "no turn runs for a session that is ended",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let ended = view.known.iter().filter(|session| session.read(|record| record.stage == Stage::Finalized));
    let labels = ended.map(|session| view.names.label(session.id()));
    let working = labels.filter(|label| view.turns_of(label) > 0);
    working
        .map(|label| Breach { detail: format!("a turn runs for session {label}, which is ended"), subject: label })
        .collect()
}
