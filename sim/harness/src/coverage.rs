//! Coverage of runs: transitions of sessions ([`Edge`]), and states that a campaign must reach ([`Mark`]).
//!
//! A session's [`State`] is the part of its record that decides its lifecycle: stage, client, timer, turn, queued prompts,
//! row. Each change is recorded as an edge from one state to the next, with the role of the task that made it. Recording
//! is neither a choice nor an event: a run is the same with and without it.

mod graph;
mod mark;
pub(crate) mod state;

use std::collections::BTreeMap;

pub use graph::{Arrows, Form};
pub use mark::{Alternative, MARKS, Mark, Milestone};
pub use state::{Client, Life, Phase, Row, State, Timers, Waiting};

use gateway_core::state::Session;

use crate::history::{self, Historian};
use crate::task::Role;
use crate::world::mirror::Mirror;

/// A transition of a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The state before; none at the registration.
    pub from: Option<State>,
    /// The role of the task that made the transition: `reader`, `turn`, `grace`.
    pub by: Role,
    /// The state after the transition.
    pub to: State,
}

/// The edges and marks that one run or many runs have reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    edges: BTreeMap<Edge, u64>,
    marks: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// Each edge, and the number of times it was taken.
    pub fn edges(&self) -> &BTreeMap<Edge, u64> {
        &self.edges
    }

    /// The number of times a mark was reached; 0 for a name that is not a mark.
    pub fn mark(&self, name: &str) -> u64 {
        self.marks.get(name).copied().unwrap_or(0)
    }

    /// Adds the coverage of another run. Returns how many of its edges are new.
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

    /// Counts the marks that this milestone reaches.
    pub(crate) fn reach(&mut self, milestone: &Milestone<'_>) {
        for mark in MARKS {
            if (mark.reached)(milestone) {
                *self.marks.entry(mark.name).or_default() += 1;
            }
        }
    }
}

/// Follows the sessions of one run.
#[derive(Default)]
pub(crate) struct Observer {
    /// The last state and the last timer of each session, in the order of registration.
    last: Vec<(State, Option<u64>)>,
    reached: Coverage,
}

impl Observer {
    /// Records the transitions since the last call, here and in the history. `changed` are the sessions that may have changed, with
    /// their places in the order of registration; each is there from its registration on.
    pub(crate) fn observe<'a>(
        &mut self,
        changed: impl Iterator<Item = (usize, &'a Session)>,
        rows: &Mirror,
        position: &history::Position,
        historian: &mut Historian,
    ) {
        for (place, session) in changed {
            let (state, timer) =
                session.read(|record| (State::of(record, rows), record.timers.last().map(|timer| timer.id)));
            let before = self.last.get(place).copied();
            // A rearmed timer is a change, though the states are equal.
            let rearmed = |(_, old): (State, Option<u64>)| timer.is_some() && old != timer;
            if before.is_none_or(|last| last.0 != state || rearmed(last)) {
                let from = before.map(|last| last.0);
                historian.session(position, place, from, state);
                self.reached.note(Edge { from, by: position.task.tag.role, to: state });
            }
            match self.last.get_mut(place) {
                Some(last) => *last = (state, timer),
                None => self.last.push((state, timer)),
            }
        }
    }

    /// Counts the marks of a milestone that is not a transition.
    pub(crate) fn reach(&mut self, milestone: &Milestone<'_>) {
        self.reached.reach(milestone);
    }

    /// The number of live sessions that were not idle at the last call of `observe`.
    pub(crate) fn working(&self) -> usize {
        self.last.iter().filter(|(state, _)| state.phase != Phase::Idle && state.is_live()).count()
    }

    pub(crate) fn finish(self) -> Coverage {
        self.reached
    }
}
