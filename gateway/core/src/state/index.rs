//! The index of the live sessions: which of them own a row, and which are attached to a connection.
//!
//! A client that comes back names a row, and a connection that ends leaves sessions behind. With thousands of clients a
//! scan of all sessions for each of them is too slow. So each change of a registered record moves its entries here.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use crate::ids::ConnectionId;
use crate::record::Record;
use crate::store::StoredId;

/// The entries of all registered records, by the numbers of their sessions.
#[derive(Default)]
pub(crate) struct SessionIndex {
    rows: RefCell<BTreeSet<(StoredId, u64)>>,
    links: RefCell<BTreeSet<(u64, u64)>>,
    /// The connections that hear a session which is attached to another one.
    others: RefCell<BTreeSet<(u64, u64)>>,
    /// The number of changes over all sessions, so that an observer knows when to look.
    revision: Cell<u64>,
}

/// The keys by which one record is looked up.
#[derive(PartialEq)]
pub(crate) struct IndexKeys {
    key: StoredId,
    row: StoredId,
    next: Option<StoredId>,
    link: Option<u64>,
    others: Vec<u64>,
}

impl IndexKeys {
    pub(crate) fn of(record: &Record) -> Self {
        let link = record.attachment.connection().map(ConnectionId::number);
        let others = record.hearers().map(ConnectionId::number).filter(|hearer| Some(*hearer) != link).collect();
        Self { key: record.key.clone(), row: record.agent.row.clone(), next: record.agent.next.clone(), link, others }
    }

    /// The rows that the record owns; most records own one, named twice.
    fn rows(&self) -> impl Iterator<Item = &StoredId> {
        [&self.key, &self.row].into_iter().chain(&self.next)
    }
}

impl SessionIndex {
    pub(crate) fn revision(&self) -> u64 {
        self.revision.get()
    }

    /// Counts a change that observers must look at.
    pub(crate) fn touch(&self) {
        self.revision.set(self.revision.get() + 1);
    }

    /// A record is registered.
    pub(crate) fn enter(&self, number: u64, keys: &IndexKeys) {
        self.touch();
        self.rows.borrow_mut().extend(keys.rows().map(|row| (row.clone(), number)));
        self.links.borrow_mut().extend(keys.link.map(|link| (link, number)));
        self.others.borrow_mut().extend(keys.others.iter().map(|link| (*link, number)));
    }

    /// A record is registered no more.
    pub(crate) fn leave(&self, number: u64, keys: &IndexKeys) {
        let mut rows = self.rows.borrow_mut();
        for row in keys.rows() {
            rows.remove(&(row.clone(), number));
        }
        if let Some(link) = keys.link {
            self.links.borrow_mut().remove(&(link, number));
        }
        for link in &keys.others {
            self.others.borrow_mut().remove(&(*link, number));
        }
    }

    /// A record that is registered has changed.
    pub(crate) fn follow(&self, number: u64, before: &IndexKeys, after: &IndexKeys) {
        if before != after {
            self.leave(number, before);
            self.enter(number, after);
        }
    }

    /// The sessions that own a row, in the order of registration.
    pub(crate) fn owners(&self, row: &StoredId) -> Vec<u64> {
        let rows = self.rows.borrow();
        rows.range((row.clone(), 0)..=(row.clone(), u64::MAX)).map(|(_, number)| *number).collect()
    }

    /// How many sessions a connection hears.
    pub(crate) fn heard(&self, link: u64) -> usize {
        let all = (link, 0)..=(link, u64::MAX);
        self.links.borrow().range(all.clone()).count() + self.others.borrow().range(all).count()
    }

    /// The sessions that are attached to a connection, in the order of registration.
    pub(crate) fn attached(&self, link: u64) -> Vec<u64> {
        self.links.borrow().range((link, 0)..=(link, u64::MAX)).map(|(_, number)| *number).collect()
    }
}
