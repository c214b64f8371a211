//! Reports every access to shared state, and certain events of sessions, to an observer.
//!
//! What a task does between two awaits is a *step*; other tasks see all of it or nothing. Whether the order of two steps
//! matters depends on the state that they access. So each accessor of shared state reports what it reads and what it
//! may change. An event states a fact that no decision of the gateway reads: the checks of a simulation do. Production has
//! no observer.

use std::rc::Rc;

use crate::actor::Actor;
use crate::clock::Uptime;
use crate::ids::SessionId;
use crate::store::EndReason;

/// State that several tasks share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// Which sessions are live, and in which order they came.
    Registry,
    /// Which connections are served.
    Links,
    /// Which sessions own which rows, and are attached to which connections.
    Index,
    /// Which row ids were given.
    RowIds,
    /// The record of a session, by its runtime id.
    Record(&'a SessionId),
    /// A session's numbered events.
    Events(&'a SessionId),
    /// The frames that wait for a client, by the name of its connection.
    Backlog(&'a str),
    /// The approval table of old releases.
    Approvals,
    /// The outcomes of background jobs that no session has taken.
    Notices,
    /// The idempotency keys of requests that are being carried out.
    Keys,
    /// The lock under which old releases look for a live session.
    ResumeLock,
    /// Whether the gateway is being shut down.
    Stopping,
    /// How many agents were built, which may decide the outcome of the next build.
    Agents,
}

/// What a step does with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The step reads it.
    Read,
    /// The step changes it, or may.
    Write,
}

/// A fact about a session that its record does not hold, because the gateway does not decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEvent<'a> {
    /// When prompts are accepted: started, queued, or made of steering text that no turn has read.
    PromptsAccepted(u64),
    /// When accepted prompts end: answered, failed, cancelled, or merged with another.
    PromptsEnded(u64),
    /// When a prompt has to wait although the turn before it is over (S27).
    PromptWaitsForFinishedTurn,
    /// When the outcome of a background job claims the session.
    JobTurnClaimed {
        /// The session that started the job.
        owner: &'a SessionId,
    },
    /// When the orphan grace interrupts a turn whose agent reports nothing.
    TurnGivenUp,
    /// When messages of a session that ends are lost, because the store has refused them for too long.
    MessagesGivenUp(u64),
    /// When an event is sent to a client although the session has left the registry.
    EventAfterRemoval,
    /// When the end of the session begins.
    EndBegan(EndBegan),
    /// When the session is finalized.
    Finalized {
        /// Whether it had an agent, which was closed with it. Some releases leave a closed agent running.
        agent_closed: bool,
    },
}

/// The end of a session, when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndBegan {
    /// The actor that ends it.
    pub actor: Actor,
    /// The end reason that its row will have, unless another end of the row comes first.
    pub reason: EndReason,
    /// When the end began.
    pub at: Uptime,
    /// Whether a turn held the session then.
    pub found_turn: bool,
}

/// Receives every access and every event.
pub trait Observer {
    /// The running step accesses `resource`.
    fn touch(&self, resource: Resource<'_>, access: Access);

    /// The running step causes an event of a session, and reports a write of its record too. The default does nothing.
    fn event(&self, _session: &SessionId, _event: SessionEvent<'_>) {}

    /// The running step sends this frame as the answer to a request of a connection. The default does nothing.
    fn answered(&self, _connection: &str, _frame: &str) {}
}

/// A handle on the observer, if there is one.
#[derive(Clone, Default)]
pub struct Observe(Option<Rc<dyn Observer>>);

impl Observe {
    /// A handle on this observer.
    pub fn by(observer: Rc<dyn Observer>) -> Self {
        Self(Some(observer))
    }

    pub(crate) fn read(&self, resource: Resource<'_>) {
        if let Some(observer) = &self.0 {
            observer.touch(resource, Access::Read);
        }
    }

    pub(crate) fn write(&self, resource: Resource<'_>) {
        if let Some(observer) = &self.0 {
            observer.touch(resource, Access::Write);
        }
    }

    pub(crate) fn answered(&self, connection: &str, frame: &str) {
        if let Some(observer) = &self.0 {
            observer.answered(connection, frame);
        }
    }

    pub(crate) fn event(&self, session: &SessionId, event: SessionEvent<'_>) {
        if let Some(observer) = &self.0 {
            observer.event(session, event);
        }
    }
}
