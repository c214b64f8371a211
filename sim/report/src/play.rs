//! A run as a page plays it: events in their order, lanes with bars, and the state of each session and row after each event.
//!
//! Everything is taken from the report of a run that is over. For it a run notes its steps and the sessions that left, no more.

mod lanes;
mod place;

use serde::Serialize;
use sim_harness::history::{Change, ChangeKind};
use sim_harness::report::{PlayedStep, Report, StepEffect};
use sim_harness::timeline::event::{self, Effect, Event, Source};
use sim_harness::timeline::text;
use sim_harness::trace::Site;

use lanes::Lanes;
use place::{Place, place_of};

/// A run, for the script of the page.
#[derive(Serialize)]
pub(crate) struct Play {
    pub(crate) release: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) expected: bool,
    /// Clients, sessions with their turns and graces, then rows.
    pub(crate) lanes: Vec<lanes::Lane>,
    pub(crate) events: Vec<Happened>,
    /// The steps of the script: the event with which each began, the line of its table, and whether it was skipped.
    pub(crate) steps: Vec<Played>,
    /// The events of the violations, in the order of the report.
    pub(crate) violations: Vec<usize>,
}

/// An event.
#[derive(Serialize)]
pub(crate) struct Happened {
    pub(crate) at: u64,
    pub(crate) time: String,
    /// The index of its lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lane: Option<usize>,
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// The task whose event it was.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) task: String,
    /// The frame or the call of the store, as the trace has it, or what contradicts a claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) full: Option<String>,
    /// The lanes that a violated claim is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) about: Vec<usize>,
}

/// What kind of event it is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Sent,
    Received,
    Connection,
    Script,
    Process,
    Down,
    Store,
    Session,
    Row,
    Violation,
}

/// A step of the script in a run.
#[derive(Serialize)]
pub(crate) struct Played {
    event: usize,
    line: usize,
    skipped: bool,
}

impl Play {
    /// What a page needs of a run.
    pub(crate) fn of(report: &Report, expected: bool) -> Self {
        let events = event::all(report);
        let places: Vec<Place> = events.iter().map(|event| place_of(event, report)).collect();
        let lanes = Lanes::of(report, &events, &places);
        let happened: Vec<Happened> = events.iter().map(|event| happened(event, report, &lanes)).collect();
        // The own entry of a step is the last one, unless that is older: some steps have none.
        let begun = |step: &PlayedStep| {
            let own = step.entries.checked_sub(1).filter(|own| report.trace.entries()[*own].at == step.at);
            let first = own.map_or((step.entries, 0, 0), |own| (own, 1, 0));
            places.partition_point(|place| *place < first).min(events.len().saturating_sub(1))
        };
        let steps = report.played.iter().filter(|step| step.line > 0).map(|step| Played {
            event: begun(step),
            line: step.line,
            skipped: step.effect == StepEffect::Skipped,
        });
        let is_failure = |place: &usize| matches!(events[*place].effect, Effect::Violated(_));
        Self {
            release: report.release.name(),
            outcome: report.outcome.word(),
            expected,
            steps: steps.collect(),
            violations: (0..events.len()).filter(is_failure).collect(),
            lanes: lanes.finish(),
            events: happened,
        }
    }
}

fn happened(event: &Event, report: &Report, lanes: &Lanes) -> Happened {
    let (kind, task, full) = match event.source {
        Source::Entry(entry) => {
            let entry = &report.trace.entries()[entry];
            let full = matches!(entry.site, Site::Sent | Site::Received | Site::Commit | Site::Lookup);
            (kind_of(entry.site, &event.effect), entry.task.label.to_string(), full.then(|| entry.text.clone()))
        }
        Source::Change(change) => {
            let Change { task, what, .. } = &report.history.changes[change];
            let (kind, full) = match what {
                ChangeKind::Session { .. } => (Kind::Session, None),
                ChangeKind::Row { .. } => (Kind::Row, None),
                ChangeKind::Violation(place) => (Kind::Violation, Some(report.violations[*place].detail.clone())),
            };
            (kind, task.label.to_string(), full)
        }
        Source::End => (Kind::Violation, String::new(), report.detail.clone()),
    };
    let about = match &event.effect {
        Effect::Violated(about) => about.iter().filter_map(|lane| lanes.place(lane)).collect(),
        _ => Vec::new(),
    };
    Happened {
        at: event.at.0,
        time: event.at.to_string(),
        lane: event.lane.as_ref().and_then(|lane| lanes.place(lane)),
        kind,
        text: text(event),
        task,
        full,
        about,
    }
}

const fn kind_of(site: Site, effect: &Effect) -> Kind {
    match (site, effect) {
        (_, Effect::ProcessDown) => Kind::Down,
        (Site::Sent, _) => Kind::Sent,
        (Site::Received, _) => Kind::Received,
        (Site::Connection, _) => Kind::Connection,
        (Site::Script, _) => Kind::Script,
        (Site::Process | Site::Heal, _) => Kind::Process,
        (Site::Commit | Site::Lookup, _) => Kind::Store,
    }
}

#[cfg(test)]
mod tests;
