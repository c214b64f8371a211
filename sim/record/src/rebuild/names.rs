//! The sessions of a recording: their names in the script, and the ids by which clients name them.

use std::collections::{BTreeMap, BTreeSet};

use crate::rows::Stored;
use sim_scenario::ResumeTarget;

/// Every session, in the order in which clients named them first.
#[derive(Default)]
pub(super) struct Sessions {
    list: Vec<Session>,
    by_runtime: BTreeMap<String, usize>,
    /// By a runtime id that an answer on its way will name, its session.
    coming: BTreeMap<String, usize>,
    /// By the id of a row, the row that it continues.
    parents: BTreeMap<String, String>,
}

/// A session of the script.
struct Session {
    name: String,
    /// The ids that the name stands for, once an answer has named them.
    runtime: Option<String>,
    stored: Option<String>,
    /// All stored ids that clients have learned for it.
    keys: BTreeSet<String>,
    title: Option<Title>,
}

/// The reduced title that a session has.
struct Title {
    text: String,
    /// How a resume finds the row that has it: rows that came later begin without it.
    target: ResumeTarget,
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

    /// Whether two names stand for one conversation.
    pub(super) fn are_one(&self, one: usize, other: usize) -> bool {
        one == other || !self.list[one].keys.is_disjoint(&self.list[other].keys)
    }

    pub(super) fn name(&self, place: usize) -> String {
        self.list[place].name.clone()
    }

    /// A session has got a title. No other has it from here on.
    pub(super) fn entitle(&mut self, place: usize, text: String) {
        let keys = self.list[place].keys.clone();
        // The title of a session that has moved on is that of its newest row; the row before keeps its own.
        let target = if keys.len() > 1 { ResumeTarget::Tip } else { ResumeTarget::Title };
        for session in &mut self.list {
            let is_same = !session.keys.is_disjoint(&keys);
            let loses = |title: &Title| title.text == text || is_same && title.target == target;
            session.title = session.title.take().filter(|title| !loses(title));
        }
        self.list[place].title = Some(Title { text, target });
    }

    /// Whether an answer has named a runtime id of the session, or one on its way will.
    pub(super) fn has_runtime(&self, place: usize) -> bool {
        self.list[place].runtime.is_some() || self.coming.values().any(|coming| *coming == place)
    }

    /// An answer on its way will name the runtime id of a session.
    pub(super) fn announce(&mut self, place: usize, runtime: &str) {
        self.coming.insert(runtime.to_owned(), place);
    }

    /// An answer has named the ids of a session.
    pub(super) fn bind(&mut self, place: usize, runtime: &str, stored: Option<&str>) {
        self.coming.remove(runtime);
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

    /// A row from before the recording continues another.
    pub(super) fn continues(&mut self, row: &str, parent: &str) {
        for session in self.list.iter_mut().filter(|session| session.keys.contains(parent)) {
            session.keys.insert(row.to_owned());
        }
    }

    /// The gateway has named another stored id of a session: it has moved on.
    pub(super) fn learn(&mut self, runtime: &str, stored: &str) {
        if let Some(place) = self.by_runtime.get(runtime) {
            self.list[*place].keys.insert(stored.to_owned());
        }
    }

    /// The session with a runtime id, also if the answer that names it is still on its way.
    pub(super) fn of_runtime(&self, runtime: &str) -> Option<usize> {
        self.by_runtime.get(runtime).or_else(|| self.coming.get(runtime)).copied()
    }

    /// The session that a stored id names, and how.
    pub(super) fn of_stored(&self, id: &str) -> Option<(usize, ResumeTarget)> {
        let find = |is: &dyn Fn(&Session) -> bool| self.list.iter().rposition(is);
        let stored = find(&|session| session.stored.as_deref() == Some(id));
        let stored = stored.map(|place| (place, ResumeTarget::Stored));
        let tip = || find(&|session| session.keys.contains(id)).map(|place| (place, ResumeTarget::Tip));
        // A row that no client has heard of continues one that they know.
        let later = || {
            let (place, _) = self.of_stored(self.parents.get(id)?)?;
            Some((place, ResumeTarget::Tip))
        };
        stored.or_else(tip).or_else(later)
    }

    /// The session that has a title, and how a resume by that finds it.
    pub(super) fn of_title(&self, text: &str) -> Option<(usize, ResumeTarget)> {
        let mut titles =
            self.list.iter().enumerate().filter_map(|(place, session)| Some((place, session.title.as_ref()?)));
        titles.find(|(_, title)| title.text == text).map(|(place, title)| (place, title.target))
    }

    /// The runtime id under which the turns of a row's session are known.
    pub(super) fn runtimes_of_row(&self, id: &str) -> BTreeSet<&str> {
        let Some((place, _)) = self.of_stored(id) else { return BTreeSet::new() };
        let keys = &self.list[place].keys;
        let same = self.list.iter().filter(|session| !session.keys.is_disjoint(keys));
        same.filter_map(|session| session.runtime.as_deref()).collect()
    }
}
