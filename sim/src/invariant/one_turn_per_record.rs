//! A session works on one prompt at a time (I4 of spec §15): two turns on one agent interleave their messages.

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "one_turn_per_record",
    about: "at most one turn runs for a session",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let labels = view.known.iter().map(|session| view.names.label(session.id()));
    let counted = labels.map(|label| (view.turns_of(&label), label));
    counted
        .filter(|(turns, _)| *turns > 1)
        .map(|(turns, label)| Breach { detail: format!("{turns} turns run for session {label}"), subject: label })
        .collect()
}
