//! The gateway: accepts connections, reads their frames, answers them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::Value;

use crate::approvals;
use crate::behavior::Behavior;
use crate::clock::Wall;
use crate::config::Config;
use crate::entropy::{Purpose, Stream};
use crate::env::Env;
use crate::finalize;
use crate::idle;
use crate::lifecycle::process::Signal;
use crate::link::{self, Link};
use crate::method::{self, Pace};
use crate::notice::Notices;
use crate::observe::{Resource, ResumeLock};
use crate::reaper;
use crate::record::Actor;
use crate::registry::Registry;
use crate::row_ids::RowIds;
use crate::rpc::{self, Request};
use crate::session::Session;
use crate::spawn::TaskName;
use crate::startup;
use crate::store::{EndReason, Rows, StoredId};
use crate::transport::{Connection, Transport};

/// A gateway: its live sessions, and what it runs on.
pub struct Gateway {
    /// Clock, store, agents, entropy and tasks.
    pub env: Env,
    /// The rows, as typed calls of the store.
    pub rows: Rows,
    pub(crate) config: Config,
    pub(crate) behavior: Behavior,
    /// The live sessions.
    pub sessions: Registry,
    /// What background jobs have said and nobody has taken yet.
    pub(crate) notices: Notices,
    /// Held by old releases while they look for a live session, and while some of them end one.
    pub(crate) resume_lock: ResumeLock,
    /// Who is asked for leave to run a command, in old releases.
    pub(crate) approvals: approvals::Table,
    row_ids: RowIds,
    timers: Cell<u64>,
    stopping: Cell<bool>,
}

impl Gateway {
    /// A gateway without sessions.
    pub fn new(env: Env, config: Config, behavior: Behavior) -> Rc<Self> {
        let rows = Rows::new(Rc::clone(&env.store));
        let (sessions, resume_lock) = (Registry::observed(env.observe.clone()), ResumeLock::new(env.observe.clone()));
        let (notices, approvals, row_ids) = (Notices::default(), approvals::Table::default(), RowIds::default());
        let (timers, stopping) = (Cell::default(), Cell::default());
        Rc::new(Self {
            env,
            rows,
            config,
            behavior,
            sessions,
            notices,
            resume_lock,
            approvals,
            row_ids,
            timers,
            stopping,
        })
    }

    /// Serves the transport's connections, each in a task of its own, until it has no more.
    pub async fn serve(self: Rc<Self>, transport: Rc<dyn Transport>) {
        startup::sweep(&self).await;
        while let Some(connection) = transport.accept().await {
            let name = TaskName::client(connection.name(), "reader");
            let gateway = Rc::clone(&self);
            self.env.spawn(name, async move { read(gateway, connection).await });
        }
    }

    /// Ends every live session, as far as the release does on this signal. Turns are stopped first, all at once.
    ///
    /// From here on no session is created, resumed or prompted.
    pub async fn shutdown(&self, signal: Signal) {
        if !self.behavior.shutdown.ends_rows(signal) {
            return;
        }
        if !self.behavior.shutdown.joins_turns() {
            let sessions = self.sessions.all();
            join_all(sessions.iter().map(|session| finalize::end_rows_only(self, session, EndReason::TuiShutdown)))
                .await;
            return;
        }
        self.env.observe.write(Resource::Stopping);
        self.stopping.set(true);
        join_all(self.sessions.all().iter().map(|session| finalize::end(self, session, Actor::Shutdown))).await;
    }

    /// Whether it is being shut down.
    pub(crate) fn is_stopping(&self) -> bool {
        self.env.observe.read(Resource::Stopping);
        self.stopping.get()
    }

    /// Looks at every session as the idle reaper does at a scan.
    pub async fn scan_idle(self: &Rc<Self>) {
        if self.behavior.idle.scans() {
            for session in self.sessions.all() {
                idle::scan(self, &session).await;
            }
            // The cap follows each scan (spec §6.4).
            idle::cap(self).await;
        }
    }

    /// Sends an event of a session in the course of a request. Some releases let the request's connection have those of
    /// a session that is gone. What its turn still says they print to the process's output, which no client reads.
    pub(crate) fn emit_within(&self, link: &Link, session: &Session, kind: &str, payload: Value) {
        if self.sessions.contains(session) || !self.behavior.close.tells_requester() {
            return session.emit(kind, payload);
        }
        session.change(|record| record.facts.told_when_gone = true);
        // A peer that is gone misses nothing of its own.
        let _ = link.connection.send(rpc::event_frame(&rpc::event(kind, session.id(), payload).to_string()));
    }

    pub(crate) fn emit_info(&self, session: &Session) {
        session.emit("session.info", session.read(|record| record.info(&self.config.model)));
    }

    /// The id of a new row that begins at `wall`, drawn from a stream.
    pub(crate) fn new_row(&self, wall: Wall, stream: Stream<'_>) -> StoredId {
        self.env.observe.write(Resource::RowIds);
        self.row_ids.next(wall, || self.env.draw(stream, Purpose::StoredId))
    }

    pub(crate) fn next_timer(&self) -> u64 {
        self.timers.set(self.timers.get() + 1);
        self.timers.get()
    }
}

/// Reads a connection's frames until it ends, however it ends.
async fn read(gateway: Rc<Gateway>, connection: Rc<dyn Connection>) {
    let link = gateway.sessions.link(connection, gateway.behavior.writing.room());
    let reading = async {
        if link.send(rpc::ready()).is_ok() {
            while let Ok(Some(frame)) = link.connection.receive().await {
                handle(&gateway, &link, &frame).await;
            }
        }
    };
    let reading = async {
        tokio::select! {
            biased; // the writing never ends; it only keeps up while the reading goes on
            () = reading => {}
            () = link::write(&gateway, &link) => {}
        }
    };
    // A request that panics ends its connection, whose sessions must not stay behind with a client that is gone.
    let read = AssertUnwindSafe(reading).catch_unwind().await;
    link.connection.close();
    reaper::detach_all(&gateway, &link).await;
    if let Err(panic) = read {
        resume_unwind(panic);
    }
}

async fn handle(gateway: &Rc<Gateway>, link: &Link, frame: &str) {
    match rpc::parse(frame) {
        None => {}
        Some(Err((id, error))) => answer(link, Some(id), Err(error)),
        Some(Ok(request)) if method::pace(&request.method) == Pace::Long => {
            let name = TaskName::client(link.connection.name(), "request");
            let (gateway, link) = (Rc::clone(gateway), link.clone());
            gateway.env.clone().spawn(name, async move { dispatch(&gateway, &link, request).await });
        }
        // In a box, because a connection that waits for its next frame need not have the room for every method.
        Some(Ok(request)) => Box::pin(dispatch(gateway, link, request)).await,
    }
}

async fn dispatch(gateway: &Rc<Gateway>, link: &Link, request: Request) {
    let outcome = method::call(gateway, link, &request.method, request.params).await;
    answer(link, request.id, outcome);
}

fn answer(link: &Link, id: Option<serde_json::Value>, outcome: Result<serde_json::Value, rpc::Error>) {
    if let Some(id) = id {
        // A peer that cannot be answered is gone; if its reader does not know yet, it does now.
        if link.send(rpc::response(id, outcome)).is_err() {
            link.connection.close();
        }
    }
}
