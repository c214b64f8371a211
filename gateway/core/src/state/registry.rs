//! The live sessions and the served connections.

use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::agent::Agent;
use crate::ids::{ConnectionId, SessionId};
use crate::lifecycle::writing::Room;
use crate::observe::{Observe, Resource};
use crate::record::Record;
use crate::state::event_log::EventLog;
use crate::state::index::{IndexKeys, SessionIndex};
use crate::state::link::Link;
use crate::state::session::Session;
use crate::store::StoredId;
use crate::transport::Connection;

/// The live sessions, in the order in which they were registered.
#[derive(Default)]
pub struct Registry {
    sessions: RefCell<BTreeMap<u64, Session>>,
    numbers: RefCell<BTreeMap<SessionId, u64>>,
    index: Rc<SessionIndex>,
    links: RefCell<BTreeMap<u64, Link>>,
    count: Cell<u64>,
    observe: Observe,
}

impl Registry {
    /// A registry without sessions and connections.
    pub(crate) fn observed(observe: Observe) -> Self {
        Self { observe, ..Self::default() }
    }

    /// The number of changes of membership and of any record: equal numbers mean that nothing has changed.
    pub fn revision(&self) -> u64 {
        self.index.revision()
    }

    /// The live sessions, oldest first.
    pub fn all(&self) -> Vec<Session> {
        self.look().values().cloned().collect()
    }

    /// Counts the live sessions whose record matches.
    pub fn count(&self, matches: impl Fn(&Record) -> bool) -> usize {
        self.look().values().filter(|session| session.read(&matches)).count()
    }

    /// The session with a runtime id.
    pub fn find(&self, id: &str) -> Option<Session> {
        self.observe.read(Resource::Registry);
        let number = *self.numbers.borrow().get(id)?;
        self.sessions.borrow().get(&number).cloned()
    }

    /// The first session whose record matches.
    pub(crate) fn find_by(&self, matches: impl Fn(&Record) -> bool) -> Option<Session> {
        self.look().values().find(|session| session.read(&matches)).cloned()
    }

    /// The first session that owns a row and whose record matches.
    pub(crate) fn find_owner(&self, row: &StoredId, matches: impl Fn(&Record) -> bool) -> Option<Session> {
        self.observe.read(Resource::Index);
        let sessions = self.look();
        let mut owners = self.index.owners(row).into_iter().filter_map(|number| sessions.get(&number));
        let found = owners.find(|session| session.read(&matches)).cloned();
        debug_assert!({
            let scanned = self.find_by(|record| record.owns(row) && matches(record));
            scanned.map(|session| session.number()) == found.as_ref().map(Session::number)
        });
        found
    }

    /// The session that writes a row, or is about to.
    pub fn owner_of(&self, row: &StoredId) -> Option<Session> {
        self.find_owner(row, |_| true)
    }

    /// Adds a record under an id that no other has. `agent` is the agent of a record whose agent is ready.
    pub(crate) fn register(
        &self,
        id: SessionId,
        record: Record,
        agent: Option<Rc<dyn Agent>>,
        events: Option<EventLog>,
    ) -> Session {
        self.change(Resource::Registry);
        let number = self.next();
        self.index.enter(number, &IndexKeys::of(&record));
        self.numbers.borrow_mut().insert(id.clone(), number);
        let session = Session::new(number, id, record, agent, events, Rc::clone(&self.index), self.observe.clone());
        self.sessions.borrow_mut().insert(number, session.clone());
        session
    }

    /// Takes a record out; false if it was not there any more.
    pub(crate) fn remove(&self, session: &Session) -> bool {
        self.change(Resource::Registry);
        if !self.contains(session) {
            return false;
        }
        session.unlist();
        self.index.leave(session.number(), &session.read(IndexKeys::of));
        self.numbers.borrow_mut().remove(session.id());
        self.sessions.borrow_mut().remove(&session.number()).is_some()
    }

    /// Whether this very record is registered.
    pub fn contains(&self, session: &Session) -> bool {
        self.observe.read(Resource::Registry);
        self.sessions.borrow().get(&session.number()).is_some_and(|known| known.is(session))
    }

    /// The connections that are being served.
    pub fn links(&self) -> Vec<Link> {
        self.observe.read(Resource::Links);
        self.links.borrow().values().cloned().collect()
    }

    /// The link of a connection, while it is being served. An id of an earlier process has none.
    pub fn link_of(&self, connection: &ConnectionId) -> Option<Link> {
        self.observe.read(Resource::Links);
        let links = self.links.borrow();
        links.get(&connection.number()).filter(|link| link.id.is_same(connection)).cloned()
    }

    /// Whether a connection is being served.
    pub fn is_linked(&self, connection: &ConnectionId) -> bool {
        self.observe.read(Resource::Links);
        self.links.borrow().get(&connection.number()).is_some_and(|link| link.id.is_same(connection))
    }

    /// Adds a connection. Frames for it may wait in `room`.
    pub(crate) fn link(&self, connection: Rc<dyn Connection>, room: Room) -> Link {
        self.change(Resource::Links);
        let link = Link::new(self.next(), connection, room, self.observe.clone());
        self.links.borrow_mut().insert(link.id.number(), link.clone());
        link
    }

    /// How many live sessions a connection hears.
    pub(crate) fn count_attached(&self, link: &Link) -> usize {
        self.observe.read(Resource::Index);
        self.index.heard(link.id.number())
    }

    /// Takes a connection out, and returns the sessions that are attached to it.
    pub(crate) fn unlink(&self, link: &Link) -> Vec<Session> {
        self.change(Resource::Links);
        self.observe.read(Resource::Index);
        self.links.borrow_mut().remove(&link.id.number());
        let sessions = self.sessions.borrow();
        let attached = self.index.attached(link.id.number());
        debug_assert_eq!(attached.len(), self.count(|record| record.attachment.is_to(&link.id)));
        attached.into_iter().filter_map(|number| sessions.get(&number).cloned()).collect()
    }

    fn next(&self) -> u64 {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }

    fn look(&self) -> Ref<'_, BTreeMap<u64, Session>> {
        self.observe.read(Resource::Registry);
        self.sessions.borrow()
    }

    fn change(&self, what: Resource<'_>) {
        self.observe.write(what);
        self.index.touch();
    }
}
