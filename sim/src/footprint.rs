//! What one step of a task touches: the ground on which an exploration says that the order of two steps does not matter.
//!
//! A *step* is one turn of a task in the pool, from the end of one wait to the next. Each accessor of what tasks share
//! says what it touches, and whether it may change it: the gateway's own by [`Observer`], those of the simulated world
//! here. Two steps that are ready at one instant commute if neither touches what the other may change.
//!
//! What is left out must be what no other task can see: a footprint that is too large costs schedules, one that is too
//! small costs the proof. `sim/tests/explore.rs` holds it against the search that reduces nothing.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
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
    Places,
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
    /// The numbers behind a label of tasks or sessions that is taken more than once.
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
    Account(String),
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
    /// Whether a task is ready: others wake it, its own step uses that up.
    Ready(String),
}

impl Resource {
    /// Whether claims look at it while a run goes on.
    fn is_seen(&self) -> bool {
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

/// What a step touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    read: BTreeSet<Resource>,
    written: BTreeSet<Resource>,
    /// Read, but what is written to it later is taken in by another step of the same task, with the same outcome as if
    /// one step had taken in both.
    absorbed: BTreeSet<Resource>,
    reach: Reach,
    judged: Judged,
}

/// How far a step goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// As far as what it says that it touches.
    #[default]
    Listed,
    /// Everywhere: the process ends or starts, or the machine sleeps.
    Everywhere,
}

/// What claims made of the state after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Judged {
    /// Nothing that depends on the way to it.
    #[default]
    State,
    /// Something that does: a condition that must not last came to its end, so that it begins anew if it comes back.
    Moment,
}

impl Footprint {
    /// Of a step about which nothing is known.
    pub fn everywhere() -> Self {
        Self { reach: Reach::Everywhere, ..Self::default() }
    }

    /// Whether the order of two steps may matter.
    pub fn conflicts(&self, other: &Self) -> bool {
        self.is_woken_by(other)
            || !self.written.is_disjoint(&other.absorbed)
            || !self.absorbed.is_disjoint(&other.written)
    }

    /// Whether a task whose step has this footprint, and which need not get its turn, may need it after the `other` step.
    ///
    /// It need not as long as all that its step and the other lead to is seen where it goes first. So a conflict wakes it,
    /// but for what it absorbs: where it goes first, it takes in what came later in a step of its own.
    pub fn is_woken_by(&self, other: &Self) -> bool {
        self.reach == Reach::Everywhere
            || other.reach == Reach::Everywhere
            || self.disturbs(other)
            || other.disturbs(self)
            || !self.written.is_disjoint(&other.written)
            || !self.written.is_disjoint(&other.absorbed)
    }

    /// Takes in what another run of the same step touched.
    pub fn merge(&mut self, other: &Self) {
        self.read.extend(other.read.iter().cloned());
        self.written.extend(other.written.iter().cloned());
        self.absorbed.extend(other.absorbed.iter().cloned());
        self.reach = self.reach.max(other.reach);
        self.judged = self.judged.max(other.judged);
    }

    fn disturbs(&self, other: &Self) -> bool {
        !self.written.is_disjoint(&other.read) || (other.judged == Judged::Moment && self.is_seen())
    }

    /// Whether it changed something that claims look at.
    fn is_seen(&self) -> bool {
        self.written.iter().any(Resource::is_seen)
    }
}

/// Takes down what the step that runs touches, if anybody wants to know.
#[derive(Default)]
pub(crate) struct Footprints {
    wanted: Cell<bool>,
    /// A step runs: what is touched otherwise is the simulator's own looking around.
    open: Cell<bool>,
    present: RefCell<Footprint>,
}

impl Footprints {
    /// From here on they are taken.
    pub(crate) fn want(&self) {
        self.wanted.set(true);
    }

    pub(crate) fn are_wanted(&self) -> bool {
        self.wanted.get()
    }

    /// A step begins.
    pub(crate) fn begin(&self) {
        self.open.set(self.wanted.get());
    }

    /// The step is over; what claims make of it may still be added.
    pub(crate) fn end(&self) {
        self.open.set(false);
    }

    /// The step looks at something.
    pub(crate) fn read(&self, resource: impl FnOnce() -> Resource) {
        if self.open.get() {
            self.present.borrow_mut().read.insert(resource());
        }
    }

    /// The step looks at something, and what is added later is taken in by another step of its task.
    pub(crate) fn absorb(&self, resource: impl FnOnce() -> Resource) {
        if self.open.get() {
            self.present.borrow_mut().absorbed.insert(resource());
        }
    }

    /// The step changes something, or may.
    pub(crate) fn write(&self, resource: impl FnOnce() -> Resource) {
        if self.open.get() {
            self.present.borrow_mut().written.insert(resource());
        }
    }

    /// The step changes the conditions of all others.
    pub(crate) fn everywhere(&self) {
        if self.open.get() {
            self.present.borrow_mut().reach = Reach::Everywhere;
        }
    }

    /// Claims have held what the step told a client against this.
    pub(crate) fn judged_by(&self, resource: Resource) {
        self.present.borrow_mut().read.insert(resource);
    }

    /// A condition has come to its end with the step.
    pub(crate) fn condition_ended(&self) {
        self.present.borrow_mut().judged = Judged::Moment;
    }

    /// What the step touched. If claims can see it, they have looked at the turns that run, too.
    pub(crate) fn take(&self) -> Footprint {
        let mut footprint = self.present.take();
        if footprint.is_seen() {
            footprint.read.insert(Resource::Turns);
        }
        footprint
    }
}

/// What the gateway says.
impl Observer for Footprints {
    fn touch(&self, resource: observe::Resource<'_>, access: Access) {
        let resource = || match resource {
            observe::Resource::Registry => Resource::Registry,
            observe::Resource::Links => Resource::Links,
            observe::Resource::Index => Resource::Places,
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
            Access::Read => self.read(resource),
            Access::Write => self.write(resource),
        }
    }
}

/// The footprints of a run, as its parts hold them.
pub(crate) type Taken = Rc<Footprints>;

#[cfg(test)]
mod tests {
    use super::*;

    fn step(read: &[Resource], written: &[Resource]) -> Footprint {
        let footprints = Footprints::default();
        footprints.want();
        footprints.begin();
        read.iter().for_each(|resource| footprints.read(|| resource.clone()));
        written.iter().for_each(|resource| footprints.write(|| resource.clone()));
        footprints.end();
        footprints.take()
    }

    fn record(id: &str) -> Resource {
        Resource::Record(SessionId::from(id))
    }

    /// Two that only look commute, one that changes what another looks at does not, and each conflict is one both ways.
    #[test]
    fn a_conflict_needs_a_change() {
        let (looks, changes) = (step(&[record("a")], &[]), step(&[], &[record("a")]));
        let elsewhere = step(&[Resource::Links], &[record("b")]);
        let judged = Footprint { judged: Judged::Moment, ..Footprint::default() };
        for (one, other, conflict) in [
            (&looks, &looks, false),
            (&looks, &changes, true),
            (&changes, &changes, true),
            (&changes, &elsewhere, false),
            (&looks, &Footprint::everywhere(), true),
            (&judged, &judged, false),
            (&judged, &looks, false),
            (&judged, &changes, true),
            (&judged, &step(&[], &[Resource::Writes]), false),
        ] {
            assert_eq!((one.conflicts(other), other.conflicts(one)), (conflict, conflict), "{one:?} {other:?}");
        }
    }

    /// Between steps the simulator looks at everything, which is nobody's doing.
    #[test]
    fn only_a_step_leaves_a_footprint() {
        let footprints = Footprints::default();
        footprints.want();
        footprints.write(|| Resource::Links);
        footprints.begin();
        footprints.read(|| Resource::Registry);
        footprints.end();
        footprints.write(|| Resource::Links);
        assert_eq!(footprints.take(), step(&[Resource::Registry], &[]));
    }
}
