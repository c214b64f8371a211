//! A row that a compression ended has a row that continues it (W10 of spec §12): a crash in between leaves the old state or the
//! new one, not a conversation without a continuation.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::lifecycle::close::is_of_another_program;
use gateway_core::store::SessionRow;

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "rotations_are_atomic",
    about: "a row that is ended `compression` is continued by another within five seconds, without the time of its writes",
    claim: Claim::OfRowOf { bound: |_| STEPS, begun, cases: |view| view.rows.rotations() },
};

/// The longest time of the steps of a rotation, without their writes.
const STEPS: Millis = Millis::from_secs(5);

fn begun(view: &View<'_>, row: &SessionRow, bound: Millis) -> Option<Condition> {
    if row.end_reason.as_deref() != Some("compression") || view.rows.lost_its_child(&row.id) {
        return None;
    }
    let continues = |other: &SessionRow| other.parent.as_ref() == Some(&row.id) && view.rows.continues(other);
    if view.rows.rows().iter().any(continues) {
        return None;
    }
    let era = if view.rows.has_initial_end(row) { start(view, row)? } else { Uptime::default() };
    Some(Condition { subject: view.rows.alias(&row.id), era, within: bound + view.slack(), detail })
}

/// When the gateway started that finishes what an earlier release has begun with a row; none while it is down. What another program
/// has begun that program finishes.
fn start(view: &View<'_>, row: &SessionRow) -> Option<Uptime> {
    // A grace of zero keeps orphans for ever: what is repaired would be one.
    let repairs = view.settings().orphan_grace > Millis::ZERO && !is_of_another_program(&row.source);
    view.sessions.filter(|_| repairs).map(|_| view.process.up_since)
}

fn detail(row: &str, since: Uptime) -> String {
    format!("row {row} is ended `compression` since {since}, but nothing continues it")
}
