//! What the tasks of a run share, as a search over all schedules sees it.
//!
//! Each accessor of shared state reports what it reads or writes: the gateway's own through [`Observer`], those of the
//! simulated world here. `sim/tests/explore.rs` compares the reduced search with the search that reduces nothing.

use std::rc::Rc;

use gateway_core::ids::SessionId;
use gateway_core::observe::{self, Access, Observer};
use gateway_core::store::StoredId;

/// Something that several tasks share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Which sessions are live.
    Registry,
    /// Which connections are served.
    Links,
    /// Which sessions own which rows, and are attached to which connections.
    SessionIndex,
    /// Which row ids were given.
    RowIds,
    /// The record of a session, and what can stop its turn.
    Record(SessionId),
    /// The numbered events of a session.
    Events(SessionId),
    /// What waits in the gateway for a client.
    Backlog(String),
    /// The table of those who are asked.
    Approvals,
    /// What jobs have said.
    Notices,
    /// The lock of the resumes.
    ResumeLock,
    /// Whether the gateway is being shut down.
    Stopping,
    /// How many agents were built.
    Agents,
    /// A stream of random numbers.
    Entropy(String),
    /// A session's name in the scenario: what it stands for.
    Name(String),
    /// The names that a client's next sessions will have.
    Expected(String),
    /// The numbers behind a name that several sessions have.
    Label(String),
    /// Connections that the gateway has not accepted.
    Arrivals,
    /// What comes to the end of the frames that travel in one direction of a client's connections.
    Tail(String),
    /// What is taken from their beginning.
    Head(String),
    /// Whether they are taken at all, and whether the direction is over.
    Flow(String),
    /// What a client itself knows.
    Client(String),
    /// What is known of what clients said to a session and heard of it.
    SessionLog(String),
    /// Which questions of a session clients know of.
    Questions(String),
    /// The calls of the store that write, in their order.
    Writes,
    /// Those that read.
    Reads,
    /// The counters of the store's faults.
    Faults,
    /// The rows of a conversation and their messages, by its first row.
    Lineage(StoredId),
    /// All rows: what a query reads that scans the table.
    Rows,
    /// Which titles are taken.
    Titles,
    /// Which turns run, as claims count them.
    Turns,
}

impl interleaving::Resource for Resource {
    /// Whether claims read it while a run goes on.
    fn is_observed(&self) -> bool {
        matches!(
            self,
            Self::Registry
                | Self::Links
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

impl Observer for GatewayAccesses {
    fn touch(&self, resource: observe::Resource<'_>, access: Access) {
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
