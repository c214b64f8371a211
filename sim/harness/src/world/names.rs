//! Names of the scenario's sessions, and the ids that the gateway gave to them.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use gateway_core::ids::SessionId;
use tokio::sync::Notify;

use crate::footprint::{Resource, SharedFootprints};

/// The names of sessions, and the labels of tasks.
#[derive(Default)]
pub struct Names {
    footprints: SharedFootprints,
    sessions: RefCell<BTreeMap<String, Named>>,
    /// Every resolution of a name to ids, oldest first.
    known: RefCell<BTreeMap<String, Vec<Ids>>>,
    changed: Notify,
    /// Names that a client's requests reserve until the gateway draws the ids. First in, first out.
    expected: RefCell<BTreeMap<String, VecDeque<String>>>,
    labels: RefCell<BTreeMap<SessionId, String>>,
    /// All runtime ids, in the order in which they were drawn.
    drawn: RefCell<Vec<SessionId>>,
    label_counts: RefCell<BTreeMap<String, u32>>,
}

/// The resolution of a session's name in the scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The answer to the request named the session.
    Known(Ids),
    /// The request was refused, or its answer will never arrive.
    Failed,
}

/// The ids of a session, as a client received them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The runtime id, which most methods take.
    pub runtime: String,
    /// The stored id, which `session.resume` takes.
    pub stored: String,
}

/// All ids of each session of the script that a client received, in order of time.
pub(crate) type SessionIds = BTreeMap<String, Vec<Ids>>;

impl Names {
    /// An empty set of names.
    pub fn new(footprints: SharedFootprints) -> Self {
        Self { footprints, ..Self::default() }
    }

    /// Resolves a name, and wakes the tasks that wait for it.
    pub fn resolve(&self, name: &str, named: Named) {
        self.footprints.write(|| Resource::Name(name.to_owned()));
        if let Named::Known(ids) = &named {
            self.known.borrow_mut().entry(name.to_owned()).or_default().push(ids.clone());
        }
        self.sessions.borrow_mut().insert(name.to_owned(), named);
        self.changed.notify_waiters();
    }

    /// All ids that each name was resolved to, oldest first.
    pub(crate) fn known(&self) -> SessionIds {
        self.known.borrow().clone()
    }

    /// Forgets a failed resolution, because the request is sent again.
    pub fn retry(&self, name: &str) {
        self.sessions.borrow_mut().retain(|known, named| known != name || *named != Named::Failed);
    }

    /// The resolution of a name; none while the answer is open.
    pub fn resolution(&self, name: &str) -> Option<Named> {
        self.footprints.read(|| Resource::Name(name.to_owned()));
        self.sessions.borrow().get(name).cloned()
    }

    /// Waits until a name is resolved. Cancel safe.
    pub async fn resolved(&self, name: &str) -> Named {
        loop {
            // Created before the check, so that a change in between is not missed.
            let changed = self.changed.notified();
            if let Some(named) = self.resolution(name) {
                return named;
            }
            changed.await;
        }
    }

    /// Reserves `name` for the next record that the gateway registers for `client`.
    pub fn reserve(&self, client: &str, name: &str) {
        self.footprints.write(|| Resource::Expected(client.to_owned()));
        self.expected.borrow_mut().entry(client.to_owned()).or_default().push_back(name.to_owned());
    }

    /// Removes the reservation after the request was answered. A record that was registered has taken its name by then.
    pub fn release(&self, client: &str, name: &str) {
        self.footprints.write(|| Resource::Expected(client.to_owned()));
        if let Some(expected) = self.expected.borrow_mut().get_mut(client)
            && let Some(place) = expected.iter().position(|known| known == name)
        {
            expected.remove(place);
        }
    }

    /// Gives a label to the record whose runtime id the gateway has drawn for `client`.
    pub fn drawn(&self, client: &str, id: SessionId) {
        self.footprints.write(|| Resource::Expected(client.to_owned()));
        let expected = self.expected.borrow_mut().get_mut(client).and_then(VecDeque::pop_front);
        let name = expected.unwrap_or_else(|| format!("{client}-session"));
        self.footprints.write(|| Resource::Label(name.clone()));
        let mut counts = self.label_counts.borrow_mut();
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        let label = if *count == 1 { name } else { format!("{name}~{count}") };
        self.drawn.borrow_mut().push(id.clone());
        self.labels.borrow_mut().insert(id, label);
    }

    /// All runtime ids, in the order in which they were drawn.
    pub fn drawn_ids(&self) -> Vec<SessionId> {
        self.drawn.borrow().clone()
    }

    /// The alias of a record: `m1` for the first record of the run.
    pub fn alias(&self, id: &SessionId) -> String {
        let place = self.drawn.borrow().iter().position(|drawn| drawn == id);
        place.map_or_else(|| id.to_string(), |place| format!("m{}", place + 1))
    }

    /// The label of a record in task labels and reports: `work`, and `work~2` for a second record of that name.
    pub fn label(&self, id: &SessionId) -> String {
        self.labels.borrow().get(id).cloned().unwrap_or_else(|| id.to_string())
    }
}
