//! Where the live sessions are: which of them owns a row, and which are attached to a connection.
//!
//! A client that comes back names a row, and one that goes leaves its sessions behind; with thousands of clients nobody
//! can look at every session for each of them. So each record that is registered keeps its own entries here up to date,
//! whenever it changes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use crate::session::{Attachment, Record};
use crate::store::StoredId;

/// The entries of all registered records, by the numbers of their sessions.
#[derive(Default)]
pub(crate) struct Places {
    rows: RefCell<BTreeSet<(StoredId, u64)>>,
    links: RefCell<BTreeSet<(u64, u64)>>,
    /// Counts changes over all sessions, so that an observer knows when to look.
    revision: Cell<u64>,
}

/// What of a record others look it up by.
#[derive(PartialEq)]
pub(crate) struct Place {
    key: StoredId,
    row: StoredId,
    next: Option<StoredId>,
    link: Option<u64>,
}

impl Place {
    pub(crate) fn of(record: &Record) -> Self {
        let link = match &record.attachment {
            Attachment::Live(link) => Some(link.number),
            Attachment::Detached { .. } => None,
        };
        Self { key: record.key.clone(), row: record.agent.row.clone(), next: record.agent.next.clone(), link }
    }

    /// The rows that the record owns; most records own one, named twice.
    fn rows(&self) -> impl Iterator<Item = &StoredId> {
        [&self.key, &self.row].into_iter().chain(&self.next)
    }
}

impl Places {
    pub(crate) fn revision(&self) -> u64 {
        self.revision.get()
    }

    /// Something has changed.
    pub(crate) fn touch(&self) {
        self.revision.set(self.revision.get() + 1);
    }

    /// A record is registered.
    pub(crate) fn enter(&self, number: u64, place: &Place) {
        self.touch();
        self.rows.borrow_mut().extend(place.rows().map(|row| (row.clone(), number)));
        self.links.borrow_mut().extend(place.link.map(|link| (link, number)));
    }

    /// A record is registered no more.
    pub(crate) fn leave(&self, number: u64, place: &Place) {
        let mut rows = self.rows.borrow_mut();
        for row in place.rows() {
            rows.remove(&(row.clone(), number));
        }
        if let Some(link) = place.link {
            self.links.borrow_mut().remove(&(link, number));
        }
    }

    /// A record that is registered has changed.
    pub(crate) fn follow(&self, number: u64, before: &Place, after: &Place) {
        if before != after {
            self.leave(number, before);
            self.enter(number, after);
        }
    }

    /// Who owns a row, in the order of registration.
    pub(crate) fn owners(&self, row: &StoredId) -> Vec<u64> {
        let rows = self.rows.borrow();
        rows.range((row.clone(), 0)..=(row.clone(), u64::MAX)).map(|(_, number)| *number).collect()
    }

    /// Who is attached to a connection, in the order of registration.
    pub(crate) fn attached(&self, link: u64) -> Vec<u64> {
        self.links.borrow().range((link, 0)..=(link, u64::MAX)).map(|(_, number)| *number).collect()
    }
}
