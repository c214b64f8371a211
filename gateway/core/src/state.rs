//! The state of a gateway: what every task of it takes.
//!
//! The functions that work on it, and the [`server`](crate::server) that starts them, stand above.

mod event_log;
mod index;
mod keys;
mod link;
mod notices;
mod registry;
mod row_ids;
pub(crate) mod session;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;
use tokio::sync::Semaphore;

use crate::behavior::Behavior;
use crate::clock::{Millis, Wall};
use crate::config::Config;
use crate::entropy::{Purpose, Stream};
use crate::env::Env;
use crate::legacy::approvals::ApprovalTable;
use crate::legacy::resume_lock::ResumeLock;
use crate::lifecycle::close::EventRoute;
use crate::observe::{Resource, SessionEvent};
use crate::rpc;
use crate::store::{InputId, Rows, StoredId};

pub(crate) use event_log::EventLog;
pub(crate) use keys::{KeyInUse, KeysInUse};
pub use link::Link;
pub(crate) use notices::{Notice, Notices};
pub use registry::Registry;
use row_ids::RowIds;
pub use session::Session;

/// A gateway: its live sessions, and what it runs on.
pub struct Gateway {
    /// Clock, store, agents, entropy and tasks.
    pub env: Env,
    /// The rows, as typed calls of the store.
    pub rows: Rows,
    pub(crate) config: Config,
    pub(crate) behavior: Behavior,
    /// The live sessions and the served connections.
    pub sessions: Registry,
    /// The outcomes of background jobs that no session has taken yet.
    pub(crate) notices: Notices,
    /// Held by old releases while they look for a live session, and while some of them end one.
    pub(crate) resume_lock: ResumeLock,
    /// Which clients are asked for leave to run a command, in old releases.
    pub(crate) approvals: ApprovalTable,
    row_ids: RowIds,
    timers: Cell<u64>,
    inputs: Cell<u64>,
    /// The changes of models, by row.
    model_changes: RefCell<BTreeMap<StoredId, ModelChanges>>,
    /// The idempotency keys of requests that are being carried out.
    pub(crate) keys: KeysInUse,
    stopping: Cell<bool>,
    /// Whether the process ends before its sessions have ended: nothing but the last try stores messages from then on.
    is_cut_short: Cell<bool>,
    /// Held by each branch while it copies a conversation. In a simulation as many do not come together, so it is no
    /// resource that an observer hears of.
    pub(crate) copies: Semaphore,
}

/// How often a row was about to get another model, and how often that was over.
#[derive(Clone, Copy, Default)]
struct ModelChanges {
    begun: u64,
    over: u64,
}

/// The most conversations that branches copy at one time. Each is in memory several times until it is stored, and the store
/// commits those that wait together, before the writes of others.
const COPIES_MAX: usize = 4;

impl Gateway {
    /// A gateway without sessions.
    pub fn new(env: Env, config: Config, behavior: Behavior) -> Rc<Self> {
        let observe = || env.observe.clone();
        Rc::new(Self {
            rows: Rows::new(Rc::clone(&env.store)),
            sessions: Registry::observed(observe()),
            notices: Notices::observed(observe()),
            resume_lock: ResumeLock::new(observe()),
            approvals: ApprovalTable::new(behavior.approval.asked(), observe()),
            row_ids: RowIds::default(),
            timers: Cell::default(),
            inputs: Cell::default(),
            model_changes: RefCell::default(),
            keys: KeysInUse::observed(observe()),
            stopping: Cell::default(),
            is_cut_short: Cell::default(),
            copies: Semaphore::new(COPIES_MAX),
            env,
            config,
            behavior,
        })
    }

    /// From here on no session is created, resumed or prompted.
    pub(crate) fn stop(&self) {
        self.env.observe.write(Resource::Stopping);
        self.stopping.set(true);
    }

    /// From here on [`is_cut_short`](Self::is_cut_short).
    pub(crate) fn cut_short(&self) {
        self.is_cut_short.set(true);
    }

    /// Whether the process ends before its sessions have ended.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.is_cut_short.get()
    }

    /// Whether it is being shut down.
    pub(crate) fn is_stopping(&self) -> bool {
        self.env.observe.read(Resource::Stopping);
        self.stopping.get()
    }

    /// Emits an event of a session during a request. If the session has left the registry, some releases send
    /// the event to the request's connection.
    pub(crate) fn emit_within(&self, link: &Link, session: &Session, kind: &str, payload: Value) {
        if self.sessions.contains(session) || self.behavior.close.after_removal() == EventRoute::Session {
            return session.emit(kind, payload);
        }
        session.report(SessionEvent::EventAfterRemoval);
        // The connection may have died; its client misses nothing of its own.
        let _ = link.connection.send(rpc::event_frame(&rpc::event(kind, session.id(), payload).to_string()));
    }

    /// Emits what clients show of a session beside its messages.
    pub(crate) fn emit_info(&self, session: &Session) {
        session.emit("session.info", session.read(|record| record.info(&self.config.model)));
    }

    /// Emits the state of a session to a client that has not heard it for a while: what clients show beside its messages, and
    /// the turn that runs. The number of the event shows which others the client has missed.
    pub(crate) fn emit_state(&self, session: &Session) {
        let state = session.read(|record| {
            let mut state = record.info(&self.config.model);
            state["status"] = self.behavior.approval.status(record).into();
            state["inflight"] = record.inflight();
            state
        });
        session.emit("session.info", state);
    }

    /// The id of a new row that begins at `wall`, drawn from a stream.
    pub(crate) fn new_row(&self, wall: Wall, stream: Stream<'_>) -> StoredId {
        self.env.observe.write(Resource::RowIds);
        self.row_ids.next(wall, || self.env.draw(stream, Purpose::StoredId))
    }

    /// How often a row was given another model since the process started, attempts included. None while it is being given one:
    /// what the row has then may be the model of before.
    pub(crate) fn model_changes(&self, row: &StoredId) -> Option<u64> {
        let changes = self.model_changes.borrow().get(row).copied().unwrap_or_default();
        (changes.begun == changes.over).then_some(changes.begun)
    }

    /// A row is about to be given another model.
    pub(crate) fn model_change_begins(&self, row: &StoredId) {
        self.model_changes.borrow_mut().entry(row.clone()).or_default().begun += 1;
    }

    /// A row was given another model, or was not.
    pub(crate) fn model_change_ends(&self, row: &StoredId) {
        self.model_changes.borrow_mut().entry(row.clone()).or_default().over += 1;
    }

    /// The id of a new accepted input. Runtime ids are drawn, so that no earlier process has used it.
    pub(crate) fn next_input(&self, session: &Session) -> InputId {
        self.inputs.set(self.inputs.get() + 1);
        InputId(format!("{}-{}", session.id(), self.inputs.get()).into())
    }

    /// How long a write of its store has to wait for another process that holds the database, before it fails.
    pub fn busy_wait(&self) -> Millis {
        self.behavior.flush.busy_wait(self.config.busy_timeout)
    }

    /// The id of a new timer.
    pub(crate) fn next_timer(&self) -> u64 {
        self.timers.set(self.timers.get() + 1);
        self.timers.get()
    }
}
