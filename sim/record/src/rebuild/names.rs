//! The sessions of a recording: their names in the script, and the ids by which clients name them.

use std::collections::{BTreeMap, BTreeSet};

use crate::rows::Stored;
use sim_scenario::ResumeTarget;

/// Every session, in the order in which clients named them first.
#[derive(Default)]
pub(super) struct Sessions {
    list: Vec<Session>,
    by_runtime: BTreeMap<String, usize>,
    /// By the id of a row, the row that it continues.
    parents: BTreeMap<String, String>,
}

/// A session of the script.
pub(super) struct Session {
    pub(super) name: String,
    /// The ids that the name stands for, once an answer has named them.
    pub(super) runtime: Option<String>,
    pub(super) stored: Option<String>,
    /// All stored ids that clients have learned for it.
    keys: BTreeSet<String>,
    /// The reduced title that a client has given.
    pub(super) title: Option<String>,
}

impl Sessions {
    pub(super) fn new(rows: Option<&[Stored]>) -> Self {
        let rows = rows.unwrap_or_default().iter();
        let parents = rows.filter_map(|stored| Some((stored.row.id.clone(), stored.row.parent.clone()?)));
        Self { parents: parents.collect(), ..Self::default() }
    }

    /// A new session with a name of its own.
    pub(super) fn add(&mut self) -> usize {
        let name = format!("session_{}", self.list.len() + 1);
        let (runtime, stored, keys, title) = (None, None, BTreeSet::new(), None);
        self.list.push(Session { name, runtime, stored, keys, title });
        self.list.len() - 1
    }

    pub(super) fn session(&self, place: usize) -> &Session {
        &self.list[place]
    }

    pub(super) fn name(&self, place: usize) -> String {
        self.list[place].name.clone()
    }

    pub(super) fn entitle(&mut self, place: usize, title: String) {
        self.list[place].title = Some(title);
    }

    /// An answer has named the ids of a session.
    pub(super) fn bind(&mut self, place: usize, runtime: &str, stored: Option<&str>) {
        self.by_runtime.insert(runtime.to_owned(), place);
        let session = &mut self.list[place];
        session.runtime = Some(runtime.to_owned());
        if let Some(stored) = stored {
            session.stored = Some(stored.to_owned());
            session.keys.insert(stored.to_owned());
        }
    }

    /// The name stands for a row from before the recording.
    pub(super) fn bind_stored(&mut self, place: usize, stored: &str) {
        let session = &mut self.list[place];
        session.stored = Some(stored.to_owned());
        session.keys.insert(stored.to_owned());
    }

    /// The gateway has named another stored id of a session: it has moved on.
    pub(super) fn learn(&mut self, runtime: &str, stored: &str) {
        if let Some(place) = self.by_runtime.get(runtime) {
            self.list[*place].keys.insert(stored.to_owned());
        }
    }

    /// The session with a runtime id.
    pub(super) fn of_runtime(&self, runtime: &str) -> Option<usize> {
        self.by_runtime.get(runtime).copied()
    }

    /// The session that a stored id or a title names, and how.
    pub(super) fn of_stored(&self, id: &str) -> Option<(usize, ResumeTarget)> {
        let find = |is: &dyn Fn(&Session) -> bool| self.list.iter().rposition(is);
        let stored = find(&|session| session.stored.as_deref() == Some(id));
        let stored = stored.map(|place| (place, ResumeTarget::Stored));
        let tip = || find(&|session| session.keys.contains(id)).map(|place| (place, ResumeTarget::Tip));
        let title = || find(&|session| session.title.as_deref() == Some(id)).map(|place| (place, ResumeTarget::Title));
        // A row that no client has heard of continues one that they know.
        let later = || {
            let (place, _) = self.of_stored(self.parents.get(id)?)?;
            Some((place, ResumeTarget::Tip))
        };
        stored.or_else(tip).or_else(title).or_else(later)
    }

    /// The runtime id under which the turns of a row's session are known.
    pub(super) fn runtimes_of_row(&self, id: &str) -> BTreeSet<&str> {
        let Some((place, _)) = self.of_stored(id) else { return BTreeSet::new() };
        let keys = &self.list[place].keys;
        let same = self.list.iter().filter(|session| !session.keys.is_disjoint(keys));
        same.filter_map(|session| session.runtime.as_deref()).collect()
    }
}
