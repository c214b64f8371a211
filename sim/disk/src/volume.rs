//! The files of a disk, their names and locks, its power, and its planned faults.
//!
//! A call that changes the disk is an *effect*. Effects are counted, and the power is lost at one of them: to lose it at a
//! read would leave the same disk as at the effect before.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use rusqlite::ffi;

use crate::choose::{Choose, pick};
use crate::content::{Content, Lost};
use crate::fault::{Moment, Pages, Planned, Trouble};
use crate::folder::{Folder, Inode};
use crate::lock::{HandleId, Level, Locks, Slots};

/// The state of a disk.
#[derive(Debug, Default)]
pub(crate) struct Volume {
    pub(crate) files: BTreeMap<Inode, File>,
    pub(crate) folder: Folder,
    pub(crate) planned: Planned,
    pub(crate) honesty: Honesty,
    /// The most bytes that all files together may have.
    pub(crate) capacity: Option<usize>,
    power: Power,
    numbers: u64,
}

/// A file, as long as a name leads to it or a handle has it open.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) content: Content,
    pub(crate) locks: Locks,
    pub(crate) slots: Slots,
    /// The memory that the connections to a WAL share; none until the first asks for it.
    pub(crate) shared: Option<Arc<SharedMemory>>,
    pub(crate) handles: usize,
}

/// The memory that the connections to a WAL share, in regions that never move. Only SQLite reads and writes it.
pub(crate) type SharedMemory = Mutex<Vec<Arc<[AtomicU64]>>>;

/// Whether a disk keeps what it promises, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Honesty {
    /// What was synced is kept. What was not is kept or lost.
    #[default]
    Honest,
    /// A plant: every write lasts at once, so that a missing sync is never noticed.
    Lucky,
    /// A plant: a sync has no effect and is answered as done.
    Lying,
}

#[derive(Debug, Default)]
struct Power {
    is_lost: bool,
    /// How often it was lost. A handle of an earlier life has no effect.
    lives: u64,
    effects: u64,
    loss: Option<(u64, Moment)>,
}

/// A result of a file method, or the error code that SQLite gets.
pub(crate) type Answer<T> = Result<T, c_int>;

impl Volume {
    /// Carries out an effect, unless the power is lost before it. Gives `code` to SQLite if it is lost by then.
    pub(crate) fn effect<T>(
        &mut self,
        life: u64,
        code: c_int,
        effect: impl FnOnce(&mut Self) -> Answer<T>,
    ) -> Answer<T> {
        self.powered(life, code)?;
        let due = self.power.loss.filter(|(at, _)| *at <= self.power.effects).map(|(_, moment)| moment);
        self.power.effects += 1;
        if due == Some(Moment::Before) {
            self.power.is_lost = true;
            return Err(code);
        }
        let answer = effect(self);
        if due == Some(Moment::After) {
            self.power.is_lost = true;
            return Err(code);
        }
        answer
    }

    /// Gives `code` to SQLite if the power is lost, or was lost since `life`.
    pub(crate) fn powered(&self, life: u64, code: c_int) -> Answer<()> {
        if self.power.is_lost || self.power.lives != life { Err(code) } else { Ok(()) }
    }

    pub(crate) fn life(&self) -> u64 {
        self.power.lives
    }

    pub(crate) fn has_power(&self) -> bool {
        !self.power.is_lost
    }

    pub(crate) fn effects(&self) -> u64 {
        self.power.effects
    }

    /// Plans a loss at the effect after the next `count`.
    pub(crate) fn lose_power_at(&mut self, count: u64, moment: Moment) {
        self.power.loss = Some((self.power.effects + count, moment));
    }

    /// Forgets the planned loss.
    pub(crate) fn keep_power(&mut self) {
        self.power.loss = None;
    }

    /// The machine is off and on again. Locks, shared memory and files without a lasting name are gone.
    pub(crate) fn restore_power(&mut self, choose: &mut dyn Choose) -> Lost {
        let names = self.folder.lose_power(choose);
        let folder = &self.folder;
        self.files.retain(|inode, _| folder.refers_to(*inode));
        let sector = pick(choose, "disk.sector_size", &[("512", 512), ("4096", 4096)]);
        let mut lost = Lost { names, ..Lost::default() };
        for file in self.files.values_mut() {
            let of = file.content.lose_power(sector, choose);
            lost = Lost { unsynced: lost.unsynced + of.unsynced, files: lost.files + of.files, ..lost };
            *file = File { content: std::mem::take(&mut file.content), ..File::default() };
        }
        self.planned.clear();
        self.power = Power { lives: self.power.lives + 1, effects: self.power.effects, ..Power::default() };
        lost
    }

    /// Deletes everything. Handles that are open have no effect any more.
    pub(crate) fn clear(&mut self) {
        let power = Power { lives: self.power.lives + 1, ..Power::default() };
        *self = Self { honesty: self.honesty, numbers: self.numbers, power, ..Self::default() };
    }

    /// A number that was not given before.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn file(&mut self, inode: Inode) -> &mut File {
        self.files.entry(inode).or_default()
    }

    /// Creates an empty file; without a name, a temporary one.
    pub(crate) fn create(&mut self, name: Option<&str>) -> Inode {
        let inode = Inode(self.number());
        self.files.insert(inode, File::default());
        if let Some(name) = name {
            self.folder.create(name, inode);
            self.name_changed();
        }
        inode
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.folder.remove(name);
        self.name_changed();
        self.collect();
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(inode) = self.folder.find(from) else { return false };
        self.folder.rename(from, to, inode);
        self.name_changed();
        true
    }

    pub(crate) fn sync_folder(&mut self) {
        if self.honesty != Honesty::Lying {
            self.folder.sync();
            self.collect();
        }
    }

    /// Writes as far as the disk has space and no fault comes in between.
    pub(crate) fn write(&mut self, inode: Inode, offset: usize, bytes: &[u8]) -> Answer<()> {
        let trouble = self.planned.next(Trouble::Write { written: 0 });
        let (end, size) = (offset + bytes.len(), self.file(inode).content.size());
        let room =
            self.capacity.map_or(usize::MAX, |capacity| size.saturating_add(capacity.saturating_sub(self.used())));
        let fits = if end > size { bytes.len().min(room.saturating_sub(offset)) } else { bytes.len() };
        let written = match trouble {
            Some(Trouble::Write { written }) => fits.min(written),
            _ => fits,
        };
        if written > 0 {
            self.file(inode).content.write(offset, &bytes[..written]);
            self.content_changed(inode);
        }
        match trouble {
            Some(trouble) => Err(trouble.code()),
            None if fits < bytes.len() => Err(ffi::SQLITE_FULL),
            None => Ok(()),
        }
    }

    pub(crate) fn truncate(&mut self, inode: Inode, size: usize) {
        self.file(inode).content.truncate(size);
        self.content_changed(inode);
    }

    pub(crate) fn sync(&mut self, inode: Inode) -> Answer<()> {
        let trouble = self.planned.next(Trouble::Sync { written: Pages::NONE, kept: Pages::NONE });
        if let Some(Trouble::Sync { written, kept }) = trouble {
            self.file(inode).content.fail_sync(written, kept);
            return Err(ffi::SQLITE_IOERR_FSYNC);
        }
        if self.honesty != Honesty::Lying {
            self.file(inode).content.sync();
        }
        Ok(())
    }

    /// A handle is closed.
    pub(crate) fn close(&mut self, inode: Inode, handle: HandleId) {
        if let Some(file) = self.files.get_mut(&inode) {
            file.locks.lower(handle, Level::None);
            file.handles = file.handles.saturating_sub(1);
        }
        self.collect();
    }

    fn used(&self) -> usize {
        self.files.values().map(|file| file.content.size()).sum()
    }

    fn content_changed(&mut self, inode: Inode) {
        if self.honesty == Honesty::Lucky {
            self.file(inode).content.sync();
        }
    }

    fn name_changed(&mut self) {
        if self.honesty == Honesty::Lucky {
            self.folder.sync();
        }
    }

    /// Deletes the files that have neither a name nor a handle.
    fn collect(&mut self) {
        let folder = &self.folder;
        self.files.retain(|inode, file| file.handles > 0 || folder.refers_to(*inode));
    }
}
