//! A [`Store`] decorator that measures each call and logs the lifecycle of rows, and the observer of what is given up.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "latencies of the machine's own store")]

use std::rc::Rc;
use std::time::Instant;

use tracing::{error, info, warn};

use super::metrics::Counters;
use gateway_core::ids::SessionId;
use gateway_core::observe::{Access, Observer, Resource, SessionEvent};
use gateway_core::store::{EndReason, Found, Pending, Read, Store, StoreError, StoredId, Write, Written};

/// Forwards every call to another store.
pub(super) struct MeteredStore {
    store: Rc<dyn Store>,
    counters: Rc<Counters>,
}

impl MeteredStore {
    pub(super) fn new(store: Rc<dyn Store>, counters: Rc<Counters>) -> Self {
        Self { store, counters }
    }

    fn meter<T: 'static>(&self, kind: &'static str, answer: Pending<T>) -> Pending<T> {
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

impl Store for MeteredStore {
    fn write(&self, write: Write) -> Pending<Written> {
        let (line, recovered, counters) = (log_line(&write), recovered(&write), Rc::clone(&self.counters));
        let answer = self.meter("write", self.store.write(write));
        Box::pin(async move {
            let answer = answer.await;
            if let (Some(how), Ok(Written { changed: 1.., .. })) = (recovered, &answer) {
                counters.recovered(how);
            }
            if let (Some(LogLine { row, what, reason }), Ok(Written { changed: 1.., .. })) = (line, &answer) {
                info!(%row, reason, "{what}");
            }
            answer
        })
    }

    fn read(&self, read: Read) -> Pending<Found> {
        self.meter("read", self.store.read(read))
    }
}

/// Counts and logs what the gateway gives up.
pub(super) struct LossObserver(pub(super) Rc<Counters>);

impl Observer for LossObserver {
    fn touch(&self, _: Resource<'_>, _: Access) {}

    fn event(&self, session: &SessionId, event: SessionEvent<'_>) {
        if let SessionEvent::MessagesGivenUp(messages) = event {
            error!(%session, messages, "a session has ended, and its last messages are not stored");
            self.0.gave_up("messages", messages);
        }
    }
}

/// The log line of a committed write.
struct LogLine {
    row: StoredId,
    what: &'static str,
    reason: Option<&'static str>,
}

/// The log line of a write that ends, continues, reopens or deletes a row. Message texts are never logged.
fn log_line(write: &Write) -> Option<LogLine> {
    let (row, what, reason) = match write {
        Write::End { session, reason, .. } => (session, "a row has ended", Some(reason.as_str())),
        Write::EndOrphan { session, .. } => (session, "a row has ended", Some(EndReason::StartupOrphanReap.as_str())),
        Write::Rotate { child, .. } => (&child.id, "a row continues another", None),
        Write::Branch { child, .. } => (&child.id, "a row branches off another", None),
        Write::ReopenTip { session } => (session, "a row was reopened", None),
        Write::Reopen { session } => (session, "a row that no other continues was reopened", None),
        Write::Delete { session } => (session, "a row was deleted", None),
        Write::DeleteChain { session, .. } => (session, "a conversation was deleted", None),
        Write::CreateSession { .. }
        | Write::StartTurn { .. }
        | Write::NameSession { .. }
        | Write::Append { .. }
        | Write::Accept { .. }
        | Write::Cancel { .. }
        | Write::Compact { .. }
        | Write::ReplaceMessages { .. }
        | Write::ContinueTitle { .. }
        | Write::SetTitle { .. }
        | Write::SetModel { .. } => return None,
    };
    Some(LogLine { row: row.clone(), what, reason })
}

/// How a start has brought a row of an earlier process in order, if the write does that.
fn recovered(write: &Write) -> Option<&'static str> {
    match write {
        Write::EndOrphan { .. } => Some("ended"),
        // A resume reopens a row with `ReopenTip`.
        Write::Reopen { .. } => Some("reopened"),
        _ => None,
    }
}

/// Whether an error is a failure of the store. A taken title and a missing session are answers.
fn is_failure(error: &StoreError) -> bool {
    match error {
        StoreError::NotWritten { .. } | StoreError::Unknown { .. } | StoreError::Closed => true,
        StoreError::TitleTaken | StoreError::NoSession => false,
    }
}
