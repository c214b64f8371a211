//! What the sessions of a run are called: the names of the scenario, the ids the gateway gave them.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use gateway_core::ids::SessionId;
use tokio::sync::Notify;

use crate::footprint::{Resource, SharedFootprints};

/// Names of sessions and of tasks.
#[derive(Default)]
pub struct Names {
    footprints: SharedFootprints,
    sessions: RefCell<BTreeMap<String, Named>>,
    changed: Notify,
    /// Names a client has asked for and the gateway has not drawn an id for yet.
    expected: RefCell<BTreeMap<String, VecDeque<String>>>,
    labels: RefCell<BTreeMap<SessionId, String>>,
    /// In the order in which they were drawn.
    drawn: RefCell<Vec<SessionId>>,
    label_counts: RefCell<BTreeMap<String, u32>>,
}

/// What clients know of a session of the scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// Its ids.
    Known(Ids),
    /// The request that would have named it was refused, or its answer will never come.
    Failed,
}

/// A session's ids as a client was told them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// What most methods take.
    pub runtime: String,
    /// What `session.resume` takes.
    pub stored: String,
}

impl Names {
    /// No names yet.
    pub fn new(footprints: SharedFootprints) -> Self {
        Self { footprints, ..Self::default() }
    }

    /// The answer is there, or will never be.
    pub fn settle(&self, name: &str, named: Named) {
        self.footprints.write(|| Resource::Name(name.to_owned()));
        self.sessions.borrow_mut().insert(name.to_owned(), named);
        self.changed.notify_waiters();
    }

    /// The request that would have named it is sent again: what failed before may still come.
    pub fn ask_again(&self, name: &str) {
        self.sessions.borrow_mut().retain(|known, named| known != name || *named != Named::Failed);
    }

    /// What is known of a name now.
    pub fn look(&self, name: &str) -> Option<Named> {
        self.footprints.read(|| Resource::Name(name.to_owned()));
        self.sessions.borrow().get(name).cloned()
    }

    /// Waits until a name is settled. Cancel safe.
    pub async fn settled(&self, name: &str) -> Named {
        loop {
            // Made before the look, so that a change in between is not missed.
            let changed = self.changed.notified();
            if let Some(named) = self.look(name) {
                return named;
            }
            changed.await;
        }
    }

    /// The next record that the gateway registers for `client` is called `name`.
    pub fn expect(&self, client: &str, name: &str) {
        self.footprints.write(|| Resource::Expected(client.to_owned()));
        self.expected.borrow_mut().entry(client.to_owned()).or_default().push_back(name.to_owned());
    }

    /// The request that would have registered it was answered; true names are taken by then.
    pub fn expect_no_more(&self, client: &str, name: &str) {
        self.footprints.write(|| Resource::Expected(client.to_owned()));
        if let Some(expected) = self.expected.borrow_mut().get_mut(client)
            && let Some(place) = expected.iter().position(|known| known == name)
        {
            expected.remove(place);
        }
    }

    /// The gateway drew a runtime id for `client`: from now on the record has a label.
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

    /// `m1` for the first record of the run.
    pub fn alias(&self, id: &SessionId) -> String {
        let place = self.drawn.borrow().iter().position(|drawn| drawn == id);
        place.map_or_else(|| id.to_string(), |place| format!("m{}", place + 1))
    }

    /// What a live record is called in task labels and reports: `work`, and `work~2` for a second record of it.
    pub fn label(&self, id: &SessionId) -> String {
        self.labels.borrow().get(id).cloned().unwrap_or_else(|| id.to_string())
    }
}
