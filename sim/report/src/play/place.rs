//! Where events and changes of a run stand.

use sim_harness::history::{Change, ChangeKind};
use sim_harness::report::Report;
use sim_harness::timeline::Lane;
use sim_harness::timeline::event::{Effect, Event, Source};

/// The place of an event in the merged order of trace and history: a change stands before the entry that follows it.
pub(super) type Place = (usize, usize, usize);

/// The place of an event.
pub(super) fn place_of(event: &Event, report: &Report) -> Place {
    match event.source {
        Source::Entry(entry) => (entry, 1, 0),
        Source::Change(change) => (report.history.changes[change].entries, 0, change),
        Source::End => (usize::MAX, 0, 0),
    }
}

/// The event from which on a change counts: its own, which may stand for several stored messages, or else the one before it of the
/// same instant.
pub(super) fn event_of(change: usize, report: &Report, events: &[Event], places: &[Place]) -> usize {
    let Change { at, entries, what, .. } = &report.history.changes[change];
    let place = (*entries, 0, change);
    let next = places.partition_point(|other| *other < place);
    let of_row = |event: &Event| match what {
        ChangeKind::Row { place, .. } => event.lane == Some(Lane::Row(*place)),
        _ => false,
    };
    let stands_for = |event: &Event| event.at == *at && of_row(event) && matches!(event.effect, Effect::Stored(_));
    let is_own = places.get(next) == Some(&place) || events.get(next).is_some_and(stands_for);
    let is_before = next.checked_sub(1).is_some_and(|before| events[before].at == *at);
    if is_own || !is_before && events.get(next).is_some_and(|event| event.at == *at) {
        next
    } else {
        next.saturating_sub(1)
    }
}
