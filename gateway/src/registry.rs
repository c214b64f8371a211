//! The live sessions, and the links to clients. All access goes through here.

use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::event_log::EventLog;
use crate::link::Link;
use crate::session::{Record, Session, SessionId};
use crate::store::StoredId;
use crate::transport::Connection;
use crate::watch::{Shared, Watch};

/// The live sessions, in the order in which they were registered.
#[derive(Default)]
pub struct Registry {
    sessions: RefCell<BTreeMap<u64, Session>>,
    links: RefCell<BTreeMap<u64, Link>>,
    count: Cell<u64>,
    revision: Rc<Cell<u64>>,
    watch: Watch,
}

impl Registry {
    /// A registry without sessions, which somebody may watch.
    pub(crate) fn watched(watch: Watch) -> Self {
        Self { watch, ..Self::default() }
    }

    /// Counts changes of membership and of any record: equal numbers mean that nothing has changed.
    pub fn revision(&self) -> u64 {
        self.revision.get()
    }

    /// The live sessions, oldest first.
    pub fn all(&self) -> Vec<Session> {
        self.look().values().cloned().collect()
    }

    /// The session with a runtime id.
    pub fn find(&self, id: &str) -> Option<Session> {
        self.look().values().find(|session| session.id().as_str() == id).cloned()
    }

    /// The first session whose record matches.
    pub(crate) fn find_by(&self, matches: impl Fn(&Record) -> bool) -> Option<Session> {
        self.look().values().find(|session| session.read(&matches)).cloned()
    }

    /// The session that writes a row, or is about to.
    pub fn owner_of(&self, row: &StoredId) -> Option<Session> {
        self.find_by(|record| record.owns(row))
    }

    /// Adds a record.
    pub(crate) fn register(&self, id: SessionId, record: Record, events: Option<EventLog>) -> Session {
        self.change(Shared::Registry);
        let session = Session::new(id, record, events, Rc::clone(&self.revision), self.watch.clone());
        self.sessions.borrow_mut().insert(self.next(), session.clone());
        session
    }

    /// Takes a record out; false if it was not there any more.
    pub(crate) fn remove(&self, session: &Session) -> bool {
        self.change(Shared::Registry);
        session.unlist();
        let mut sessions = self.sessions.borrow_mut();
        let before = sessions.len();
        sessions.retain(|_, known| !known.is(session));
        sessions.len() < before
    }

    /// Whether this very record is registered.
    pub fn contains(&self, session: &Session) -> bool {
        self.look().values().any(|known| known.is(session))
    }

    /// The connections that are being served.
    pub fn links(&self) -> Vec<Link> {
        self.watch.read(Shared::Links);
        self.links.borrow().values().cloned().collect()
    }

    /// Whether this very connection is still being served. Its number is not enough for an observer who has known an
    /// earlier process, whose numbers begin anew.
    pub fn is_linked(&self, link: &Link) -> bool {
        self.watch.read(Shared::Links);
        self.links.borrow().get(&link.number).is_some_and(|known| Rc::ptr_eq(&known.connection, &link.connection))
    }

    /// Adds a connection, for which `waiting_max` frames may wait.
    pub(crate) fn link(&self, connection: Rc<dyn Connection>, waiting_max: usize) -> Link {
        self.change(Shared::Links);
        let link = Link::new(self.next(), connection, waiting_max, self.watch.clone());
        self.links.borrow_mut().insert(link.number, link.clone());
        link
    }

    /// How many live sessions are attached to a connection.
    pub(crate) fn count_attached(&self, link: &Link) -> usize {
        self.look().values().filter(|session| session.read(|record| record.attachment.is_to(link))).count()
    }

    /// Forgets a connection, and names the sessions that were attached to it.
    pub(crate) fn unlink(&self, link: &Link) -> Vec<Session> {
        self.change(Shared::Links);
        self.links.borrow_mut().remove(&link.number);
        let attached = |session: &Session| session.read(|record| record.attachment.is_to(link));
        self.all().into_iter().filter(attached).collect()
    }

    fn next(&self) -> u64 {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }

    fn look(&self) -> Ref<'_, BTreeMap<u64, Session>> {
        self.watch.read(Shared::Registry);
        self.sessions.borrow()
    }

    fn change(&self, what: Shared<'_>) {
        self.watch.write(what);
        self.revision.set(self.revision.get() + 1);
    }
}
