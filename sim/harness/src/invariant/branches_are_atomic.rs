//! A branch has the history of its parent or does not exist (defect A35): a crash or an error of the store in between leaves no row
//! with a part of it, which a list would show as a conversation of its own.

use gateway_core::clock::{Millis, Uptime};

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "branches_are_atomic",
    about: "a row that branches off another has the messages that it begins with five seconds later, without the time of its writes",
    claim: Claim::WithinOf { bound: |_| STEPS, begun, cases: |view| view.rows.branches() },
};

/// The longest time of the steps of a branch, without their writes.
const STEPS: Millis = Millis::from_secs(5);

fn begun(view: &View<'_>, bound: Millis) -> Vec<Condition> {
    let within = bound + view.slack();
    let condition = |row| Condition { subject: view.rows.alias(row), era: Uptime::default(), within, detail };
    view.rows.short_branches().map(condition).collect()
}

fn detail(row: &str, since: Uptime) -> String {
    format!("row {row} branches off another since {since}, but lacks messages that it begins with")
}
