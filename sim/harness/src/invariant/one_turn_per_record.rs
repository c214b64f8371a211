//! A session runs one turn at a time (I4 of spec §15): two turns on one agent interleave their messages.

use super::{Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant =
    Invariant { name: "one_turn_per_record", about: "at most one turn runs for a session", claim: Claim::Each(check) };

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    cases.so_far(view.agents.given());
    for (label, turns) in view.turns.iter().filter(|(_, turns)| **turns > 1) {
        cases.fail(*label, format!("{turns} turns run for session {label}"));
    }
}
