//! A session runs one turn at a time (I4 of spec §15): two turns on one agent interleave their messages.

use super::{Breach, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "one_turn_per_record",
    about: "at most one turn runs for a session",
    claim: Claim::Always(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let double = view.turns.iter().filter(|(_, turns)| **turns > 1);
    double
        .map(|(label, turns)| Breach {
            subject: (*label).to_owned(),
            detail: format!("{turns} turns run for session {label}"),
        })
        .collect()
}
