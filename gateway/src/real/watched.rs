//! The store as it is served: each call is measured, and what becomes of rows is logged.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "latencies of the machine's own store")]

use std::rc::Rc;
use std::time::Instant;

use tracing::{info, warn};

use super::metrics::Counters;
use gateway_core::store::{Found, Pending, Read, Store, StoreError, StoredId, Write, Written};

/// Passes every call on to another store.
pub(super) struct WatchedStore {
    store: Rc<dyn Store>,
    counters: Rc<Counters>,
}

impl WatchedStore {
    pub(super) fn new(store: Rc<dyn Store>, counters: Rc<Counters>) -> Self {
        Self { store, counters }
    }

    fn watch<T: 'static>(&self, kind: &'static str, answer: Pending<T>) -> Pending<T> {
        let (counters, called) = (Rc::clone(&self.counters), Instant::now());
        Box::pin(async move {
            let answer = answer.await;
            let failure = answer.as_ref().err().filter(|error| is_failure(error));
            counters.stored(kind, called.elapsed(), failure.is_some());
            if let Some(error) = failure {
                warn!(call = kind, %error, "a call of the store has failed");
            }
            answer
        })
    }
}

impl Store for WatchedStore {
    fn write(&self, write: Write) -> Pending<Written> {
        let told = told(&write);
        let answer = self.watch("write", self.store.write(write));
        Box::pin(async move {
            let answer = answer.await;
            if let (Some(Told { row, what, reason }), Ok(Written { changed: 1.., .. })) = (told, &answer) {
                info!(%row, reason, "{what}");
            }
            answer
        })
    }

    fn read(&self, read: Read) -> Pending<Found> {
        self.watch("read", self.store.read(read))
    }
}

/// What the log says of a write once it is carried out.
struct Told {
    row: StoredId,
    what: &'static str,
    reason: Option<&'static str>,
}

/// A line for what begins, ends or goes on with a row; what is said in it is nobody's business.
fn told(write: &Write) -> Option<Told> {
    let (row, what, reason) = match write {
        Write::End { session, reason, .. } => (session, "a row has ended", Some(reason.as_str())),
        Write::Rotate { child, .. } => (&child.id, "a row continues another", None),
        Write::Branch { child, .. } => (&child.id, "a row branches off another", None),
        Write::ReopenTip { session } | Write::Reopen { session } => (session, "a row is taken up again", None),
        Write::Delete { session } => (session, "a row was deleted", None),
        Write::CreateSession { .. }
        | Write::StartTurn { .. }
        | Write::NameSession { .. }
        | Write::Append { .. }
        | Write::Compact { .. }
        | Write::ReplaceMessages { .. }
        | Write::ContinueTitle { .. }
        | Write::SetTitle { .. } => return None,
    };
    Some(Told { row: row.clone(), what, reason })
}

/// Whether the store could not do as asked; that a title is taken is an answer.
fn is_failure(error: &StoreError) -> bool {
    match error {
        StoreError::NotWritten { .. } | StoreError::Unknown { .. } | StoreError::Closed => true,
        StoreError::TitleTaken | StoreError::NoSession => false,
    }
}
