//! The rows and the gateway's memory at one instant of a run.

use gateway_core::Gateway;
use gateway_core::clock::Uptime;
use gateway_core::ids::SessionId;
use gateway_core::record::{AgentState, Attachment, Record, SessionStage};
use gateway_core::state::Session;
use gateway_core::store::StoredId;

use crate::rows::RowSet;
use crate::task::{AnyTask, Role};
use crate::world::names::Names;

/// Rows and memory at one instant, after all events of that instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The instant of the observation, as uptime.
    pub at: Uptime,
    /// All rows of the database.
    pub rows: RowSet,
    /// The gateway's memory; none while the gateway is down.
    pub memory: Option<Memory>,
    /// The runtime ids of all records of the run so far, oldest first.
    pub records: Vec<SessionId>,
}

impl Observation {
    /// The alias of a record: `m1` for the first record of the run. An unknown id is returned as it is.
    pub fn alias(&self, runtime: &str) -> String {
        let place = self.records.iter().position(|record| record.as_str() == runtime);
        place.map_or_else(|| runtime.to_owned(), |place| format!("m{}", place + 1))
    }
}

/// The state in a gateway's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The registered records, oldest first.
    pub sessions: Vec<LiveSession>,
    /// The number of armed orphan timers, including those whose record is not registered.
    pub orphan_timers: usize,
    /// The number of served connections.
    pub connections: usize,
    /// The number of running turns of registered records.
    pub turns: usize,
    /// The number of running turns whose record is not registered.
    pub turns_without_session: usize,
    /// The number of prompts that wait for a running turn.
    pub waiting: usize,
}

/// A registered record of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// `m1` for the first record of the run, which may be gone by now.
    pub alias: String,
    /// The stored id that clients know.
    pub key: StoredId,
    /// The row that its agent writes.
    pub row: StoredId,
    /// Whether its agent is built.
    pub ready: bool,
    /// Whether a turn holds the record.
    pub running: bool,
    /// Whether the record is finalized.
    pub finalized: bool,
    /// The destination of its events.
    pub target: EventTarget,
    /// Whether a prompt is queued.
    pub queued: bool,
}

/// The destination of a session's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventTarget {
    /// A connection that is served.
    Served,
    /// A connection that is gone.
    Gone,
    /// No connection: the session is detached.
    Detached,
}

impl Memory {
    /// Reads the memory of a gateway. `tasks` are the tasks of the gateway's process.
    pub(crate) fn of(gateway: &Gateway, names: &Names, tasks: &[AnyTask]) -> Self {
        let sessions = gateway.sessions.all();
        let labels: Vec<String> = sessions.iter().map(|session| names.label(session.id())).collect();
        let of_role = |is_role: fn(Role) -> bool| {
            tasks.iter().filter(move |task| is_role(task.tag.role)).filter_map(|task| task.tag.owner.as_deref())
        };
        let is_registered = |of: &&str| labels.iter().any(|label| label == of);
        let (owned, lost): (Vec<&str>, Vec<&str>) = of_role(Role::is_turn).partition(is_registered);
        let lost_timers = of_role(Role::is_grace).filter(|of| !is_registered(of)).count();
        Self {
            orphan_timers: lost_timers
                + sessions.iter().map(|session| session.read(|record| record.timers.len())).sum::<usize>(),
            sessions: sessions.iter().map(|session| live(gateway, names, session)).collect(),
            connections: gateway.sessions.links().len(),
            turns: owned.len(),
            turns_without_session: lost.len(),
            waiting: sessions.iter().map(|session| session.read(|record| record.queue.len())).sum(),
        }
    }
}

fn live(gateway: &Gateway, names: &Names, session: &Session) -> LiveSession {
    session.read(|record| LiveSession {
        alias: names.alias(session.id()),
        key: record.key.clone(),
        row: record.agent.row.clone(),
        ready: matches!(record.agent.state, AgentState::Ready),
        running: record.is_running(),
        finalized: record.stage == SessionStage::Finalized,
        target: target(gateway, record),
        queued: !record.queue.is_empty(),
    })
}

fn target(gateway: &Gateway, record: &Record) -> EventTarget {
    match &record.attachment {
        Attachment::Attached(connection) if gateway.sessions.is_linked(connection) => EventTarget::Served,
        Attachment::Attached(_) => EventTarget::Gone,
        Attachment::Detached { .. } => EventTarget::Detached,
    }
}
