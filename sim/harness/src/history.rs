//! What became of the sessions and rows of a run, beside its trace: the trace has what was said and stored, this what
//! that did.
//!
//! Noting a change is neither a choice nor an event, and no part of the digest: a run is the same with and without.

use std::collections::BTreeMap;

use gateway_core::clock::Uptime;
use gateway_core::ids::SessionId;
use gateway_core::store::{SessionRow, StoredId};

use crate::coverage::State;
use crate::task::AnyTask;

/// The changes of one run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Every session that was ever live, in the order of registration.
    pub sessions: Vec<(SessionId, String)>,
    /// Every row that was ever seen, in the order of insertion.
    pub rows: Vec<StoredId>,
    /// In the order in which they were seen.
    pub changes: Vec<Change>,
}

/// Something changed, or was found to be wrong.
#[derive(Clone, Debug)]
pub struct Change {
    /// When.
    pub at: Uptime,
    /// How many entries the trace had by then.
    pub entries: usize,
    /// The task that ran.
    pub task: AnyTask,
    /// The change.
    pub what: ChangeKind,
}

/// What changed. Sessions and rows are meant by their place in the [`History`].
#[derive(Clone, Debug)]
pub enum ChangeKind {
    /// A session.
    Session {
        /// Which.
        place: usize,
        /// Before; none at its registration.
        from: Option<State>,
        /// After.
        to: State,
    },
    /// A row.
    Row {
        /// Which.
        place: usize,
        /// Before; none at its insertion.
        from: Option<RowState>,
        /// After; none when it was deleted.
        to: Option<RowState>,
    },
    /// A claim was seen not to hold: the violation with this place in the report.
    Violation(usize),
}

/// What a change of a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowState {
    /// The row that it continues.
    pub parent: Option<StoredId>,
    /// Why it was ended, if it was.
    pub ended: Option<String>,
    /// How many messages it counts.
    pub messages: u64,
    /// Its title.
    pub title: Option<String>,
}

/// Where in a run something happens.
#[derive(Clone)]
pub(crate) struct Position {
    pub(crate) at: Uptime,
    pub(crate) entries: usize,
    pub(crate) task: AnyTask,
}

/// Writes the history of a run.
#[derive(Default)]
pub(crate) struct Historian {
    history: History,
    /// Where in the history each row is.
    places: BTreeMap<StoredId, usize>,
    /// What was seen last of each row.
    last: Vec<Option<RowState>>,
    violations: usize,
}

impl Historian {
    pub(crate) fn session(&mut self, moment: &Position, place: usize, from: Option<State>, to: State) {
        self.note(moment, ChangeKind::Session { place, from, to });
    }

    /// Rows may have changed.
    pub(crate) fn look(&mut self, moment: &Position, rows: &[SessionRow]) {
        for row in rows {
            let known = self.places.get(&row.id).copied();
            let place = known.unwrap_or(self.last.len());
            if known.is_none() {
                self.places.insert(row.id.clone(), place);
                self.history.rows.push(row.id.clone());
                self.last.push(None);
            }
            if !self.last[place].as_ref().is_some_and(|last| last.is(row)) {
                self.row(moment, place, Some(RowState::of(row)));
            }
        }
        if rows.len() < self.last.iter().flatten().count() {
            for place in 0..self.last.len() {
                if self.last[place].is_some() && rows.iter().all(|row| row.id != self.history.rows[place]) {
                    self.row(moment, place, None);
                }
            }
        }
    }

    /// So many violations are known by now.
    pub(crate) fn violations(&mut self, moment: &Position, known: usize) {
        for place in self.violations..known {
            self.note(moment, ChangeKind::Violation(place));
        }
        self.violations = known;
    }

    pub(crate) fn finish(self, sessions: Vec<(SessionId, String)>) -> History {
        History { sessions, ..self.history }
    }

    fn row(&mut self, moment: &Position, place: usize, to: Option<RowState>) {
        let from = std::mem::replace(&mut self.last[place], to.clone());
        self.note(moment, ChangeKind::Row { place, from, to });
    }

    fn note(&mut self, moment: &Position, what: ChangeKind) {
        let Position { at, entries, task } = moment.clone();
        self.history.changes.push(Change { at, entries, task, what });
    }
}

impl RowState {
    fn of(row: &SessionRow) -> Self {
        Self {
            parent: row.parent.clone(),
            ended: row.ended_at.map(|_| row.end_reason.clone().unwrap_or_default()),
            messages: row.message_count,
            title: row.title.clone(),
        }
    }

    /// Whether `of` would say the same, without making it.
    fn is(&self, row: &SessionRow) -> bool {
        let ended = row.ended_at.map(|_| row.end_reason.as_deref().unwrap_or_default());
        self.messages == row.message_count
            && self.ended.as_deref() == ended
            && self.title == row.title
            && self.parent == row.parent
    }
}
