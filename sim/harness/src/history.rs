//! The changes of sessions and rows in a run. The trace holds the frames and calls that caused them.
//!
//! Recording a change is neither a choice nor an event, and no part of the digest: a run is the same with and without
//! it.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::Uptime;
use gateway_core::ids::SessionId;
use gateway_core::store::{SessionRow, StoredId};

use crate::coverage::state::State;
use crate::task::AnyTask;
use crate::world::mirror::Mirror;

/// The changes of one run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Every session that was ever live, in the order of registration.
    pub sessions: Vec<(SessionId, String)>,
    /// Every row of the run, deleted ones included, in the order of insertion.
    pub rows: Vec<StoredId>,
    /// The changes, in order of time.
    pub changes: Vec<Change>,
    /// The sessions that left the registry, in order of time. Old releases end some of them only afterwards.
    pub departures: Vec<Departure>,
}

/// A session that left the registry, or whose process went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// The index into [`History::sessions`].
    pub place: usize,
    /// The length of the trace then.
    pub entries: usize,
    /// The number of changes then.
    pub changes: usize,
}

/// A change of a session or row, or a violation.
#[derive(Clone, Debug)]
pub struct Change {
    /// The uptime of the change.
    pub at: Uptime,
    /// The length of the trace at the change.
    pub entries: usize,
    /// The task whose event made the change.
    pub task: AnyTask,
    /// The session or row and its states, or the violation.
    pub what: ChangeKind,
}

/// What changed. `place` is an index into the lists of [`History`].
#[derive(Clone, Debug)]
pub enum ChangeKind {
    /// A session was registered or changed its state.
    Session {
        /// The index into [`History::sessions`].
        place: usize,
        /// The state before; none at the registration.
        from: Option<State>,
        /// The state after the change.
        to: State,
    },
    /// A row was inserted, changed or deleted.
    Row {
        /// The index into [`History::rows`].
        place: usize,
        /// The state before; none at the insertion.
        from: Option<RowState>,
        /// The state after the change; none for a deletion.
        to: Option<RowState>,
    },
    /// A claim failed: the index of the violation in the report.
    Violation(usize),
}

/// The columns of a row whose changes are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowState {
    /// The column `parent_session_id`; none for the first row of a conversation.
    pub parent: Option<StoredId>,
    /// `end_reason` of an ended row; none while the row is open.
    pub ended: Option<String>,
    /// The column `message_count` of the row.
    pub messages: u64,
    /// The column `title`; none for an untitled row.
    pub title: Option<String>,
}

/// A place in a run: the time, the length of the trace, and the task.
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
    /// The index of each row in `history.rows`.
    places: BTreeMap<StoredId, usize>,
    /// The last recorded state of each row, by the index in `history.rows`; none for deleted rows.
    last: Vec<Option<RowState>>,
    violations: usize,
}

impl Historian {
    pub(crate) fn session(&mut self, position: &Position, place: usize, from: Option<State>, to: State) {
        self.note(position, ChangeKind::Session { place, from, to });
    }

    /// Records the changes of these rows since the last call. No other row has changed.
    pub(crate) fn observe(&mut self, position: &Position, rows: &Mirror, changed: &BTreeSet<StoredId>) {
        for row in rows.among(changed) {
            let known = self.places.get(&row.id).copied();
            let place = known.unwrap_or(self.last.len());
            if known.is_none() {
                self.places.insert(row.id.clone(), place);
                self.history.rows.push(row.id.clone());
                self.last.push(None);
            }
            if !self.last[place].as_ref().is_some_and(|last| last.is(row)) {
                self.row(position, place, Some(RowState::of(row)));
            }
        }
        let deleted = changed.iter().filter(|id| rows.row(id).is_none());
        let places: BTreeSet<usize> = deleted.filter_map(|id| self.places.get(id).copied()).collect();
        for place in places {
            if self.last[place].is_some() {
                self.row(position, place, None);
            }
        }
    }

    /// Records that a session left the registry.
    pub(crate) fn departure(&mut self, position: &Position, place: usize) {
        let changes = self.history.changes.len();
        self.history.departures.push(Departure { place, entries: position.entries, changes });
    }

    /// Records the violations since the last call. `known` is their number so far.
    pub(crate) fn violations(&mut self, position: &Position, known: usize) {
        for place in self.violations..known {
            self.note(position, ChangeKind::Violation(place));
        }
        self.violations = known;
    }

    pub(crate) fn finish(self, sessions: Vec<(SessionId, String)>) -> History {
        History { sessions, ..self.history }
    }

    fn row(&mut self, position: &Position, place: usize, to: Option<RowState>) {
        let from = std::mem::replace(&mut self.last[place], to.clone());
        self.note(position, ChangeKind::Row { place, from, to });
    }

    fn note(&mut self, position: &Position, what: ChangeKind) {
        let Position { at, entries, task } = position.clone();
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

    /// Whether `of` returns an equal state. Allocates nothing.
    fn is(&self, row: &SessionRow) -> bool {
        let ended = row.ended_at.map(|_| row.end_reason.as_deref().unwrap_or_default());
        self.messages == row.message_count
            && self.ended.as_deref() == ended
            && self.title == row.title
            && self.parent == row.parent
    }
}
