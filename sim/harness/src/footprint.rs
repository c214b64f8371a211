//! The state that the tasks of a run share, as the search over all schedules compares it.
//!
//! Each accessor of shared state reports what it reads or writes: the gateway's own through its observer, those of the
//! simulated world here. `sim/tests/explore.rs` compares the reduced search with the search that reduces nothing.

use std::rc::Rc;

use gateway_core::ids::SessionId;
use gateway_core::observe::{self, Access};
use gateway_core::store::StoredId;

/// A piece of state that several tasks share. Strings are the names of clients, sessions or queues.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// The set of live sessions.
    Registry,
    /// The set of served connections.
    Links,
    /// Which sessions own which rows, and are attached to which connections.
    SessionIndex,
    /// The row ids that were generated.
    RowIds,
    /// The record of a session, and what can stop its turn.
    Record(SessionId),
    /// The numbered events of a session.
    Events(SessionId),
    /// The frames that wait in the gateway for a client.
    Backlog(String),
    /// The table of pending approvals, which old releases share among sessions.
    Approvals,
    /// The notices of background jobs that no turn has taken.
    Notices,
    /// The idempotency keys: in use, and with a stored answer.
    Keys,
    /// The lock that serializes resumes under old releases.
    ResumeLock,
    /// Whether the gateway is being shut down.
    Stopping,
    /// The number of agents that were built.
    Agents,
    /// A stream of random numbers.
    Entropy(String),
    /// The ids behind a session's name in the scenario.
    Name(String),
    /// The names that a client's next sessions will have.
    Expected(String),
    /// The suffixes of a label that several sessions have: `work~2`.
    Label(String),
    /// Connections that the gateway has not accepted.
    Arrivals,
    /// The end of a queue of frames, where frames are added. A queue is one direction of a client's connections.
    Tail(String),
    /// The beginning of a queue of frames, where frames are taken.
    Head(String),
    /// Whether the receiver of a queue reads, and whether the direction is closed.
    Flow(String),
    /// Which connections are up and have a client that takes frames.
    Receivers,
    /// The state of a client.
    Client(String),
    /// The log of what clients sent to and received from a session.
    SessionLog(String),
    /// The questions of a session that clients have received.
    Questions(String),
    /// The queue of the store's writes.
    Writes,
    /// The queue of the store's reads.
    Reads,
    /// The counters of the store's faults.
    Faults,
    /// The rows of a conversation and their messages, by its first row.
    Lineage(StoredId),
    /// All rows, as a query reads them that scans the table.
    Rows,
    /// The titles of all rows.
    Titles,
    /// The running turns, as claims count them.
    Turns,
}

impl interleaving::Resource for Resource {
    /// Whether claims read it during a run.
    fn is_observed(&self) -> bool {
        matches!(
            self,
            Self::Registry
                | Self::Links
                | Self::Receivers
                | Self::Record(_)
                | Self::Questions(_)
                | Self::Lineage(_)
                | Self::Rows
                | Self::Titles
                | Self::Turns
        )
    }
}

/// The footprints of a run.
pub(crate) type Footprints = interleaving::Footprints<Resource>;

/// The footprints of a run, as its parts hold them.
pub(crate) type SharedFootprints = Rc<Footprints>;

/// Reports the accesses of the gateway.
pub(crate) struct GatewayAccesses(pub(crate) SharedFootprints);

impl GatewayAccesses {
    /// The running step accesses a resource of the gateway.
    pub(crate) fn touch(&self, resource: observe::Resource<'_>, access: Access) {
        let resource = || match resource {
            observe::Resource::Registry => Resource::Registry,
            observe::Resource::Links => Resource::Links,
            observe::Resource::Index => Resource::SessionIndex,
            observe::Resource::RowIds => Resource::RowIds,
            observe::Resource::Record(session) => Resource::Record(session.clone()),
            observe::Resource::Events(session) => Resource::Events(session.clone()),
            observe::Resource::Backlog(client) => Resource::Backlog(client.to_owned()),
            observe::Resource::Approvals => Resource::Approvals,
            observe::Resource::Notices => Resource::Notices,
            observe::Resource::Keys => Resource::Keys,
            observe::Resource::ResumeLock => Resource::ResumeLock,
            observe::Resource::Stopping => Resource::Stopping,
            observe::Resource::Agents => Resource::Agents,
        };
        match access {
            Access::Read => self.0.read(resource),
            Access::Write => self.0.write(resource),
        }
    }
}
