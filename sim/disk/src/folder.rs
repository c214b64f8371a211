//! The names of files, now and after a loss of power.
//!
//! Creating, removing and moving a name lasts only after a sync of the folder. Until then each change may survive or not,
//! independent of the others.

use std::collections::BTreeMap;

use crate::choose::{Choose, pick};

/// The number of a file. A name that is removed and created again gets another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Inode(pub(crate) u64);

/// The names of a folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    now: BTreeMap<String, Inode>,
    lasting: BTreeMap<String, Inode>,
    unsynced: Vec<Change>,
}

/// What a name leads to after a change; a move changes two names at once.
type Change = Vec<(String, Option<Inode>)>;

impl Folder {
    pub(crate) fn find(&self, name: &str) -> Option<Inode> {
        self.now.get(name).copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.now.keys().map(String::as_str)
    }

    pub(crate) fn create(&mut self, name: &str, inode: Inode) {
        self.change(vec![(name.to_owned(), Some(inode))]);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.change(vec![(name.to_owned(), None)]);
    }

    /// Moves a name; an existing file of that name is replaced.
    pub(crate) fn rename(&mut self, from: &str, to: &str, inode: Inode) {
        self.change(vec![(from.to_owned(), None), (to.to_owned(), Some(inode))]);
    }

    /// Makes all changes last.
    pub(crate) fn sync(&mut self) {
        self.unsynced.clear();
        self.lasting.clone_from(&self.now);
    }

    /// Whether a name leads to the file, or may do so after a loss of power.
    pub(crate) fn refers_to(&self, inode: Inode) -> bool {
        let unsynced = self.unsynced.iter().flatten().filter_map(|(_, inode)| *inode);
        self.now.values().chain(self.lasting.values()).copied().chain(unsynced).any(|found| found == inode)
    }

    /// The power is lost. Returns how many changes were lost with it.
    pub(crate) fn lose_power(&mut self, choose: &mut dyn Choose) -> usize {
        let mut lost = 0;
        for change in std::mem::take(&mut self.unsynced) {
            if pick(choose, "disk.name", &[("kept", true), ("lost", false)]) {
                apply(&mut self.lasting, &change);
            } else {
                lost += 1;
            }
        }
        self.now.clone_from(&self.lasting);
        lost
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.now, &change);
        self.unsynced.push(change);
    }
}

fn apply(names: &mut BTreeMap<String, Inode>, change: &Change) {
    for (name, inode) in change {
        match inode {
            Some(inode) => drop(names.insert(name.clone(), *inode)),
            None => drop(names.remove(name)),
        }
    }
}
