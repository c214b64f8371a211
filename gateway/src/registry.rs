//! The live sessions, and the links to clients. All access goes through here.

mod places;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::event_log::EventLog;
use crate::lifecycle::writing::Room;
use crate::link::Link;
use crate::session::{Record, Session, SessionId};
use crate::store::StoredId;
use crate::transport::Connection;
pub(crate) use places::{Place, Places};

/// The live sessions, in the order in which they were registered.
#[derive(Default)]
pub struct Registry {
    sessions: RefCell<BTreeMap<u64, Session>>,
    numbers: RefCell<BTreeMap<SessionId, u64>>,
    places: Rc<Places>,
    links: RefCell<BTreeMap<u64, Link>>,
    count: Cell<u64>,
}

impl Registry {
    /// Counts changes of membership and of any record: equal numbers mean that nothing has changed.
    pub fn revision(&self) -> u64 {
        self.places.revision()
    }

    /// The live sessions, oldest first.
    pub fn all(&self) -> Vec<Session> {
        self.sessions.borrow().values().cloned().collect()
    }

    /// How many live sessions match.
    pub(crate) fn count(&self, matches: impl Fn(&Record) -> bool) -> usize {
        self.sessions.borrow().values().filter(|session| session.read(&matches)).count()
    }

    /// The session with a runtime id.
    pub fn find(&self, id: &str) -> Option<Session> {
        let number = *self.numbers.borrow().get(id)?;
        self.sessions.borrow().get(&number).cloned()
    }

    /// The first session whose record matches.
    pub(crate) fn find_by(&self, matches: impl Fn(&Record) -> bool) -> Option<Session> {
        self.sessions.borrow().values().find(|session| session.read(&matches)).cloned()
    }

    /// The first session that owns a row and whose record matches.
    pub(crate) fn find_owner(&self, row: &StoredId, matches: impl Fn(&Record) -> bool) -> Option<Session> {
        let sessions = self.sessions.borrow();
        let mut owners = self.places.owners(row).into_iter().filter_map(|number| sessions.get(&number));
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

    /// Adds a record under an id that no other has.
    pub(crate) fn register(&self, id: SessionId, record: Record, events: Option<EventLog>) -> Session {
        let number = self.next();
        self.places.enter(number, &Place::of(&record));
        self.numbers.borrow_mut().insert(id.clone(), number);
        let session = Session::new(number, id, record, events, Rc::clone(&self.places));
        self.sessions.borrow_mut().insert(number, session.clone());
        session
    }

    /// Takes a record out; false if it was not there any more.
    pub(crate) fn remove(&self, session: &Session) -> bool {
        self.places.touch();
        if !self.contains(session) {
            return false;
        }
        session.unlist();
        self.places.leave(session.number(), &session.read(Place::of));
        self.numbers.borrow_mut().remove(session.id());
        self.sessions.borrow_mut().remove(&session.number()).is_some()
    }

    /// Whether this very record is registered.
    pub fn contains(&self, session: &Session) -> bool {
        self.sessions.borrow().get(&session.number()).is_some_and(|known| known.is(session))
    }

    /// The connections that are being served.
    pub fn links(&self) -> Vec<Link> {
        self.links.borrow().values().cloned().collect()
    }

    /// Whether this very connection is still being served. Its number is not enough for an observer who has known an
    /// earlier process, whose numbers begin anew.
    pub fn is_linked(&self, link: &Link) -> bool {
        self.links.borrow().get(&link.number).is_some_and(|known| Rc::ptr_eq(&known.connection, &link.connection))
    }

    /// Adds a connection, for which as much may wait as there is room for.
    pub(crate) fn link(&self, connection: Rc<dyn Connection>, room: Room) -> Link {
        self.places.touch();
        let link = Link::new(self.next(), connection, room);
        self.links.borrow_mut().insert(link.number, link.clone());
        link
    }

    /// How many live sessions are attached to a connection.
    pub(crate) fn count_attached(&self, link: &Link) -> usize {
        self.places.attached(link.number).len()
    }

    /// Forgets a connection, and names the sessions that were attached to it.
    pub(crate) fn unlink(&self, link: &Link) -> Vec<Session> {
        self.places.touch();
        self.links.borrow_mut().remove(&link.number);
        let sessions = self.sessions.borrow();
        let attached = self.places.attached(link.number);
        debug_assert_eq!(attached.len(), self.count(|record| record.attachment.is_to(link)));
        attached.into_iter().filter_map(|number| sessions.get(&number).cloned()).collect()
    }

    fn next(&self) -> u64 {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }
}
