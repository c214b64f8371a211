//! The lanes of a run: for each client, session, turn, grace and row, the spans in which it was in a state.

use std::collections::BTreeMap;

use serde::Serialize;
use sim_harness::coverage::{Client, Life, Phase, State, Timers};
use sim_harness::history::{ChangeKind, RowState};
use sim_harness::report::Report;
use sim_harness::timeline;
use sim_harness::timeline::event::{self, ABSENT, Effect, Event};

use super::place::{Place, event_of};

/// A lane.
#[derive(Serialize)]
pub(crate) struct Lane {
    pub(crate) kind: LaneKind,
    pub(crate) name: String,
    /// In order of time. A state lasts to the next one, or to the end of the run.
    pub(crate) states: Vec<InState>,
}

/// What a lane is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LaneKind {
    Client,
    Session,
    Turn,
    Grace,
    Row,
}

/// The state of a lane from an event on.
#[derive(PartialEq, Eq, Serialize)]
pub(crate) struct InState {
    pub(crate) event: usize,
    /// The word that decides the colour of the bar; empty where the lane is absent.
    pub(crate) word: &'static str,
    /// What a table shows: of a row its end, messages, parent and title; of a session its stage, client, timers, work,
    /// waiting prompts and row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) columns: Vec<String>,
}

/// The lanes, and the place of each.
pub(crate) struct Lanes {
    places: BTreeMap<timeline::Lane, usize>,
    lanes: Vec<Lane>,
}

impl Lanes {
    /// The lanes of a run: clients in the order of their first event, each session with its turns and graces, then rows.
    pub(crate) fn of(report: &Report, events: &[Event], places: &[Place]) -> Self {
        let mut lanes = Self { places: BTreeMap::new(), lanes: Vec::new() };
        for event in events {
            if let Some(lane @ timeline::Lane::Client(name)) = &event.lane
                && !lanes.places.contains_key(lane)
            {
                lanes.add(lane.clone(), LaneKind::Client, name.clone());
            }
        }
        for (session, (_, label)) in report.history.sessions.iter().enumerate() {
            lanes.add(timeline::Lane::Session(session), LaneKind::Session, label.clone());
            // The lane of the turns has no place of its own in a picture: it is the one behind its session.
            lanes.lanes.push(Lane { kind: LaneKind::Turn, name: label.clone(), states: Vec::new() });
            lanes.add(timeline::Lane::Grace(session), LaneKind::Grace, label.clone());
        }
        for row in 0..report.history.rows.len() {
            lanes.add(timeline::Lane::Row(row), LaneKind::Row, event::row_name(row));
        }
        lanes.follow_changes(report, events, places);
        lanes.follow_departures(report, places);
        lanes.follow_events(events);
        lanes
    }

    /// The index of a lane.
    pub(crate) fn place(&self, lane: &timeline::Lane) -> Option<usize> {
        self.places.get(lane).copied()
    }

    /// The lanes that were ever there.
    pub(crate) fn finish(self) -> Vec<Lane> {
        self.lanes
    }

    fn add(&mut self, lane: timeline::Lane, kind: LaneKind, name: String) {
        self.places.insert(lane, self.lanes.len());
        self.lanes.push(Lane { kind, name, states: Vec::new() });
    }

    /// Sessions, turns, graces and rows change as the history says.
    fn follow_changes(&mut self, report: &Report, events: &[Event], places: &[Place]) {
        let aliases = aliases(report);
        for (index, change) in report.history.changes.iter().enumerate() {
            let event = event_of(index, report, events, places);
            match &change.what {
                ChangeKind::Session { place, to, .. } => self.session(event, *place, *to),
                ChangeKind::Row { place, to, .. } => {
                    let lane = self.places[&timeline::Lane::Row(*place)];
                    let (word, columns) = match to {
                        None => ("", Vec::new()),
                        Some(row) => {
                            let word = if row.ended.is_none() { "open" } else { "ended" };
                            (word, columns(row, &aliases).to_vec())
                        }
                    };
                    self.enter(lane, InState { event, word, columns });
                }
                ChangeKind::Violation(_) => {}
            }
        }
    }

    /// A session is shown as long as it is registered; its turns may outlive it.
    fn follow_departures(&mut self, report: &Report, places: &[Place]) {
        for departure in &report.history.departures {
            let place = (departure.entries, 0, departure.changes);
            let event = places.partition_point(|other| *other < place).saturating_sub(1);
            let Some(lane) = self.place(&timeline::Lane::Session(departure.place)) else { continue };
            let states = &mut self.lanes[lane].states;
            states.retain(|state| state.event <= event);
            states.push(InState { event, word: "", columns: Vec::new() });
        }
    }

    fn session(&mut self, event: usize, place: usize, to: State) {
        let Some(lane) = self.place(&timeline::Lane::Session(place)) else { return };
        let word = match (to.stage, to.client) {
            (Life::Finalized, _) => "",
            (Life::Closing, _) => "closing",
            (_, Client::Attached) => "attached",
            (_, Client::Detached) => "detached",
        };
        let columns =
            [to.stage.word(), to.client.word(), to.timers.word(), to.phase.word(), to.waiting.word(), to.row.word()];
        self.enter(lane, InState { event, word, columns: columns.map(str::to_owned).to_vec() });
        let turn = if to.phase == Phase::Idle { "" } else { to.phase.word() };
        self.enter(lane + 1, InState { event, word: turn, columns: Vec::new() });
        let grace = if to.timers == Timers::None { "" } else { to.timers.word() };
        self.enter(lane + 2, InState { event, word: grace, columns: Vec::new() });
    }

    /// Clients change as the picture has them, and no turn and no grace outlives its process.
    fn follow_events(&mut self, events: &[Event]) {
        for (place, event) in events.iter().enumerate() {
            match (&event.effect, &event.lane) {
                (Effect::Sign(sign), Some(lane @ timeline::Lane::Client(_))) => {
                    let word = if *sign == ABSENT { "" } else { "connected" };
                    self.enter(self.places[lane], InState { event: place, word, columns: Vec::new() });
                }
                (Effect::ProcessDown, _) => {
                    for lane in self.lanes.iter_mut().filter(|lane| lane.ends_with_process()) {
                        lane.end(place);
                    }
                }
                _ => {}
            }
        }
    }

    /// A state that is the same as before is none.
    fn enter(&mut self, lane: usize, state: InState) {
        let states = &mut self.lanes[lane].states;
        match states.last() {
            Some(last) if last.word == state.word && last.columns == state.columns => {}
            None if state.word.is_empty() && state.columns.is_empty() => {}
            _ => states.push(state),
        }
    }
}

impl Lane {
    const fn ends_with_process(&self) -> bool {
        matches!(self.kind, LaneKind::Turn | LaneKind::Grace)
    }

    /// Ends the state that the lane is in at an event. Later states of it belong to another process.
    fn end(&mut self, event: usize) {
        let later = self.states.partition_point(|state| state.event <= event);
        if later.checked_sub(1).is_some_and(|last| !self.states[last].word.is_empty()) {
            self.states.insert(later, InState { event, word: "", columns: Vec::new() });
        }
    }
}

/// The names of rows by their ids.
fn aliases(report: &Report) -> BTreeMap<String, String> {
    report.history.rows.iter().enumerate().map(|(place, id)| (id.to_string(), event::row_name(place))).collect()
}

/// The columns of a row, as the page shows them.
fn columns(row: &RowState, aliases: &BTreeMap<String, String>) -> [String; 4] {
    let parent = row.parent.as_ref().map(|id| aliases.get(&id.to_string()).cloned().unwrap_or_else(|| id.to_string()));
    let end = row.ended.clone().unwrap_or_else(|| "open".to_owned());
    [end, row.messages.to_string(), parent.unwrap_or_default(), row.title.clone().unwrap_or_default()]
}
