//! An open file: what SQLite's file methods do, on a volume.

use std::ffi::c_int;
use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use crate::fault::Trouble;
use crate::folder::Inode;
use crate::lock::{Busy, HandleId, Level, SLOTS};
use crate::volume::{Answer, SharedMemory, Volume};

/// An open file of a volume.
pub(crate) struct Handle {
    volume: Arc<Mutex<Volume>>,
    id: HandleId,
    inode: Inode,
    /// The life of the volume in which it was opened.
    life: u64,
    /// Whether its next sync also syncs the folder, as SQLite's Unix methods do once for a new journal or WAL.
    syncs_folder: bool,
    /// The name that is removed with the handle.
    removes: Option<String>,
    shared: Option<Arc<SharedMemory>>,
}

/// How the shared memory is locked.
#[derive(Clone, Copy)]
pub(crate) enum Sharing {
    Share,
    Take,
    Release,
}

/// A lock on the volume. A panic below SQLite aborts the process. A caller's `Choose` may panic in `Disk::restore_power`; the
/// disk is good only for `Disk::clear` then.
pub(crate) fn lock(volume: &Mutex<Volume>) -> MutexGuard<'_, Volume> {
    volume.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    /// Opens a file by the flags of `xOpen`; without a name, a temporary one.
    pub(crate) fn open(volume: &Arc<Mutex<Volume>>, name: Option<&str>, flags: c_int) -> Answer<Self> {
        const JOURNALS: c_int = ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_WAL;
        let mut disk = lock(volume);
        let life = disk.life();
        disk.powered(life, ffi::SQLITE_CANTOPEN)?;
        let found = name.and_then(|name| disk.folder.find(name));
        let creates = flags & ffi::SQLITE_OPEN_CREATE != 0;
        let inode = match (name, found) {
            (None, _) => disk.create(None),
            (_, Some(_)) if creates && flags & ffi::SQLITE_OPEN_EXCLUSIVE != 0 => return Err(ffi::SQLITE_CANTOPEN),
            (_, Some(inode)) => inode,
            (_, None) if !creates => return Err(ffi::SQLITE_CANTOPEN),
            (name, None) => disk.effect(life, ffi::SQLITE_CANTOPEN, |disk| Ok(disk.create(name)))?,
        };
        disk.file(inode).handles += 1;
        let removes = name.filter(|_| flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0).map(str::to_owned);
        let syncs_folder = creates && found.is_none() && flags & JOURNALS != 0;
        let (id, shared) = (HandleId(disk.number()), None);
        Ok(Self { volume: Arc::clone(volume), id, inode, life, syncs_folder, removes, shared })
    }

    /// Reads from `offset` on into zeros, which stay where the file has nothing: SQLite wants a short read filled with them.
    pub(crate) fn read(&self, into: &mut [u8], offset: usize) -> Answer<()> {
        let mut disk = self.powered(ffi::SQLITE_IOERR_READ)?;
        if let Some(trouble) = disk.planned.next(Trouble::Read) {
            return Err(trouble.code());
        }
        let count = disk.file(self.inode).content.read(offset, into);
        if count < into.len() { Err(ffi::SQLITE_IOERR_SHORT_READ) } else { Ok(()) }
    }

    pub(crate) fn write(&self, bytes: &[u8], offset: usize) -> Answer<()> {
        self.effect(ffi::SQLITE_IOERR_WRITE, |disk| disk.write(self.inode, offset, bytes))
    }

    pub(crate) fn truncate(&self, size: usize) -> Answer<()> {
        self.effect(ffi::SQLITE_IOERR_TRUNCATE, |disk| {
            disk.truncate(self.inode, size);
            Ok(())
        })
    }

    pub(crate) fn sync(&mut self) -> Answer<()> {
        self.effect(ffi::SQLITE_IOERR_FSYNC, |disk| disk.sync(self.inode))?;
        if self.syncs_folder {
            self.effect(ffi::SQLITE_IOERR_DIR_FSYNC, |disk| {
                disk.sync_folder();
                Ok(())
            })?;
            self.syncs_folder = false;
        }
        Ok(())
    }

    pub(crate) fn size(&self) -> Answer<usize> {
        Ok(self.powered(ffi::SQLITE_IOERR_FSTAT)?.file(self.inode).content.size())
    }

    pub(crate) fn lock(&self, to: Level) -> Answer<()> {
        let mut disk = self.powered(ffi::SQLITE_IOERR_LOCK)?;
        disk.file(self.inode).locks.raise(self.id, to).map_err(|Busy| ffi::SQLITE_BUSY)
    }

    /// Works without power, because the locks are gone then.
    pub(crate) fn unlock(&self, to: Level) {
        if let Ok(mut disk) = self.powered(ffi::SQLITE_IOERR_UNLOCK) {
            disk.file(self.inode).locks.lower(self.id, to);
        }
    }

    pub(crate) fn is_reserved(&self) -> Answer<bool> {
        Ok(self.powered(ffi::SQLITE_IOERR_CHECKRESERVEDLOCK)?.file(self.inode).locks.is_reserved())
    }

    /// A region of the memory that the connections to a WAL share. `None` if it does not exist and is not to be created.
    pub(crate) fn region(&mut self, number: usize, size: usize, create: bool) -> Answer<Option<Arc<[AtomicU64]>>> {
        let shared = {
            let mut disk = self.powered(ffi::SQLITE_IOERR_SHMMAP)?;
            Arc::clone(disk.file(self.inode).shared.get_or_insert_default())
        };
        let mut regions = shared.lock().unwrap_or_else(PoisonError::into_inner);
        while create && regions.len() <= number {
            regions.push((0..size.div_ceil(8)).map(|_| AtomicU64::new(0)).collect());
        }
        let region = regions.get(number).map(Arc::clone);
        drop(regions);
        self.shared = Some(shared);
        Ok(region)
    }

    pub(crate) fn lock_region(&self, slots: Range<usize>, sharing: Sharing) -> Answer<()> {
        if slots.end > SLOTS {
            return Err(ffi::SQLITE_IOERR_SHMLOCK);
        }
        let mut disk = self.powered(ffi::SQLITE_IOERR_SHMLOCK)?;
        let locks = &mut disk.file(self.inode).slots;
        let locked = match sharing {
            Sharing::Share => locks.share(self.id, slots),
            Sharing::Take => locks.take(self.id, slots),
            Sharing::Release => {
                locks.release(self.id, slots);
                Ok(())
            }
        };
        locked.map_err(|Busy| ffi::SQLITE_BUSY)
    }

    /// Gives the shared memory back. The last connection deletes it.
    pub(crate) fn unmap(&mut self, delete: bool) {
        self.shared = None;
        if let Ok(mut disk) = self.powered(ffi::SQLITE_IOERR_SHMMAP) {
            let file = disk.file(self.inode);
            file.slots.release(self.id, 0..SLOTS);
            let is_last = file.shared.as_ref().is_none_or(|shared| Arc::strong_count(shared) == 1);
            if delete && is_last {
                file.shared = None;
            }
        }
    }

    fn powered(&self, code: c_int) -> Answer<MutexGuard<'_, Volume>> {
        let disk = lock(&self.volume);
        disk.powered(self.life, code)?;
        Ok(disk)
    }

    fn effect<T>(&self, code: c_int, effect: impl FnOnce(&mut Volume) -> Answer<T>) -> Answer<T> {
        lock(&self.volume).effect(self.life, code, effect)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Ok(mut disk) = self.powered(ffi::SQLITE_IOERR_CLOSE) else { return };
        disk.close(self.inode, self.id);
        if let Some(name) = &self.removes {
            disk.remove(name);
        }
    }
}
