//! What runs have reached: transitions of sessions ([`Edge`]), and the places a campaign must get to ([`Mark`]).
//!
//! A session's [`State`] is what matters of its record for its life: stage, client, timer, turn, waiting prompts, row.
//! Whenever one changes, the edge from the state before to the state after is noted with the role of the task that
//! changed it. Noting is neither a choice nor an event: a run is the same with and without.

mod graph;
mod mark;
mod state;

use std::collections::BTreeMap;

pub use graph::Form;
pub use mark::{MARKS, Mark, Milestone};
pub use state::{Client, Life, Phase, Row, State, Timers, Waiting};

use gateway_core::state::Session;

use crate::history::{self, Historian};
use crate::task::Role;
use crate::world::mirror::Mirror;

/// A session went from one state to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Before; none at its registration.
    pub from: Option<State>,
    /// The role of the task that did it: `reader`, `turn`, `grace`.
    pub by: Role,
    /// After.
    pub to: State,
}

/// What one run or many runs have reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    edges: BTreeMap<Edge, u64>,
    marks: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// Each edge, and how often it was taken.
    pub fn edges(&self) -> &BTreeMap<Edge, u64> {
        &self.edges
    }

    /// How often a mark was reached.
    pub fn mark(&self, name: &str) -> u64 {
        self.marks.get(name).copied().unwrap_or(0)
    }

    /// Adds what another run has reached; says how many of its edges are new.
    pub fn add(&mut self, other: &Self) -> usize {
        let known = self.edges.len();
        for (edge, count) in &other.edges {
            match self.edges.get_mut(edge) {
                Some(sum) => *sum += count,
                None => {
                    self.edges.insert(edge.clone(), *count);
                }
            }
        }
        for (mark, count) in &other.marks {
            *self.marks.entry(mark).or_default() += count;
        }
        self.edges.len() - known
    }

    fn note(&mut self, edge: Edge) {
        self.reach(&Milestone::Edge(&edge));
        *self.edges.entry(edge).or_default() += 1;
    }

    /// Something happened that may be a mark.
    pub(crate) fn reach(&mut self, moment: &Milestone<'_>) {
        for mark in MARKS {
            if (mark.reached)(moment) {
                *self.marks.entry(mark.name).or_default() += 1;
            }
        }
    }
}

/// Follows the sessions of one run.
#[derive(Default)]
pub(crate) struct Observer {
    /// What was seen last of each session, in the order in which they were registered.
    last: Vec<(State, Option<u64>)>,
    reached: Coverage,
}

impl Observer {
    /// Something may have changed; what did is also told to the historian. `known` only ever grows.
    pub(crate) fn look(
        &mut self,
        known: &[Session],
        rows: &Mirror,
        moment: &history::Position,
        historian: &mut Historian,
    ) {
        for (place, session) in known.iter().enumerate() {
            let (state, timer) =
                session.read(|record| (State::of(record, rows), record.timers.last().map(|timer| timer.id)));
            let before = self.last.get(place).copied();
            // A timer that was armed anew is a change, though the state looks the same.
            let rearmed = |(_, old): (State, Option<u64>)| timer.is_some() && old != timer;
            if before.is_none_or(|seen| seen.0 != state || rearmed(seen)) {
                let from = before.map(|seen| seen.0);
                historian.session(moment, place, from, state);
                self.reached.note(Edge { from, by: moment.task.tag.role, to: state });
            }
            match self.last.get_mut(place) {
                Some(last) => *last = (state, timer),
                None => self.last.push((state, timer)),
            }
        }
    }

    /// Something happened that is no change of a session.
    pub(crate) fn reach(&mut self, moment: &Milestone<'_>) {
        self.reached.reach(moment);
    }

    /// How many sessions were at work when last looked at.
    pub(crate) fn working(&self) -> usize {
        self.last.iter().filter(|(state, _)| state.phase != Phase::Idle && state.is_live()).count()
    }

    pub(crate) fn finish(self) -> Coverage {
        self.reached
    }
}
