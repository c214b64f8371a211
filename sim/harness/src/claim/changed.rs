//! Which sessions the claims judge again after an event: those of which something has changed.
//!
//! A session gets the same verdict until something of it changes: its record, its row, what a client has sent or
//! received of it, or the work of its agent. A run that judged all sessions after each event would take quadratic time.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::ids::SessionId;
use gateway_core::state::Session;
use gateway_core::store::StoredId;

use crate::world::client_log::ClientLog;
use crate::world::mirror::Mirror;

/// The places of the sessions of a run, by all that changes of them are known by.
#[derive(Default)]
pub(crate) struct Places {
    by_id: BTreeMap<SessionId, Vec<usize>>,
    by_label: BTreeMap<String, Vec<usize>>,
    /// By rows of their conversation as they were when the session changed last: its own, the one that a client knows, and the first.
    by_row: BTreeMap<StoredId, BTreeSet<usize>>,
    /// The rows of each session in `by_row`.
    rows: Vec<BTreeSet<StoredId>>,
}

/// What has changed since the claims were judged last.
#[derive(Default)]
pub(crate) struct Changes {
    /// Runtime ids.
    pub(crate) ids: BTreeSet<SessionId>,
    /// The labels of sessions whose agents have done something, or for which a turn runs that did not, or the other way.
    pub(crate) labels: BTreeSet<String>,
    /// Rows that were written, and the first rows of their conversations.
    pub(crate) rows: BTreeSet<StoredId>,
    /// Whether something has changed that concerns every live session.
    pub(crate) concerns_all: bool,
}

impl Places {
    /// Adds a session, at the next place.
    pub(crate) fn add(&mut self, session: &Session, label: String, log: &ClientLog, rows: &Mirror) {
        let place = self.rows.len();
        self.by_id.entry(session.id().clone()).or_default().push(place);
        self.by_label.entry(label).or_default().push(place);
        self.rows.push(BTreeSet::new());
        self.note_rows(place, session, log, rows);
    }

    /// The places of the sessions with changes, in ascending order. `known` has every session of the run.
    pub(crate) fn of(
        &mut self,
        changes: &Changes,
        known: &[Session],
        log: &ClientLog,
        rows: &Mirror,
    ) -> BTreeSet<usize> {
        let (by_id, by_label) = (&self.by_id, &self.by_label);
        let own: Vec<usize> = changes.ids.iter().filter_map(|id| by_id.get(id)).flatten().copied().collect();
        let mut places: BTreeSet<usize> =
            changes.labels.iter().filter_map(|label| by_label.get(label)).flatten().copied().collect();
        places.extend(changes.rows.iter().filter_map(|row| self.by_row.get(row)).flatten());
        for place in own {
            places.insert(place);
            self.note_rows(place, &known[place], log, rows);
        }
        places
    }

    /// The places of the sessions that may have a row.
    pub(crate) fn with_row(&self, row: &StoredId) -> impl Iterator<Item = usize> {
        self.by_row.get(row).into_iter().flatten().copied()
    }

    /// The rows that a session has, or has had.
    pub(crate) fn rows_of(&self, place: usize) -> &BTreeSet<StoredId> {
        &self.rows[place]
    }

    fn note_rows(&mut self, place: usize, session: &Session, log: &ClientLog, rows: &Mirror) {
        let known = log.sessions().get(session.id().as_str()).and_then(|log| log.stored.clone());
        let mut all: BTreeSet<StoredId> = session.read(|record| record.owned().cloned().collect());
        all.extend(known);
        let firsts: Vec<StoredId> = all.iter().map(|row| rows.first(row).clone()).collect();
        all.extend(firsts);
        for row in all.difference(&self.rows[place]) {
            self.by_row.entry(row.clone()).or_default().insert(place);
        }
        self.rows[place].append(&mut all);
    }
}
