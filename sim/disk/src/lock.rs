//! The locks of a file: SQLite's five levels, and the eight slots of the shared memory of a WAL.
//!
//! They have the rules of SQLite's own file methods for Unix, where a lock lasts as long as its handle.

use std::collections::BTreeSet;

/// An open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HandleId(pub(crate) u64);

/// The level of a lock, from none to exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    #[default]
    None,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

/// Another handle has the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// The locks on one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locks {
    shared: BTreeSet<HandleId>,
    /// The one handle above `Shared`, and its level.
    writer: Option<(HandleId, Level)>,
}

impl Locks {
    /// Raises the level of a handle. After a refused `Exclusive` the handle may be `Pending`, which lets no new reader in.
    pub(crate) fn raise(&mut self, handle: HandleId, to: Level) -> Result<(), Busy> {
        let other = self.writer.filter(|(writer, _)| *writer != handle);
        match to {
            Level::None => {}
            Level::Shared => {
                if other.is_some_and(|(_, level)| level >= Level::Pending) {
                    return Err(Busy);
                }
                self.shared.insert(handle);
            }
            Level::Reserved | Level::Pending => {
                if other.is_some() {
                    return Err(Busy);
                }
                self.writer = Some((handle, to.max(self.level(handle))));
            }
            Level::Exclusive => {
                if other.is_some() {
                    return Err(Busy);
                }
                self.writer = Some((handle, Level::Pending));
                if self.shared.iter().any(|reader| *reader != handle) {
                    return Err(Busy);
                }
                self.writer = Some((handle, Level::Exclusive));
            }
        }
        Ok(())
    }

    /// Lowers the level of a handle to `Shared` or `None`.
    pub(crate) fn lower(&mut self, handle: HandleId, to: Level) {
        if self.writer.is_some_and(|(writer, _)| writer == handle) {
            self.writer = None;
        }
        if to == Level::None {
            self.shared.remove(&handle);
        }
    }

    pub(crate) fn level(&self, handle: HandleId) -> Level {
        match self.writer {
            Some((writer, level)) if writer == handle => level,
            _ if self.shared.contains(&handle) => Level::Shared,
            _ => Level::None,
        }
    }

    /// Whether some handle is above `Shared`.
    pub(crate) fn is_reserved(&self) -> bool {
        self.writer.is_some()
    }
}

/// The slots of the shared memory of a WAL.
pub(crate) const SLOTS: usize = rusqlite::ffi::SQLITE_SHM_NLOCK as usize;

/// The locks on the shared memory of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots([Slot; SLOTS]);

#[derive(Clone, Debug, Default)]
struct Slot {
    readers: BTreeSet<HandleId>,
    writer: Option<HandleId>,
}

impl Slots {
    /// Takes all of the slots, or none.
    pub(crate) fn share(&mut self, handle: HandleId, slots: std::ops::Range<usize>) -> Result<(), Busy> {
        if self.0[slots.clone()].iter().any(|slot| slot.writer.is_some_and(|writer| writer != handle)) {
            return Err(Busy);
        }
        for slot in &mut self.0[slots] {
            slot.readers.insert(handle);
        }
        Ok(())
    }

    /// Takes all of the slots for one handle alone, or none.
    pub(crate) fn take(&mut self, handle: HandleId, slots: std::ops::Range<usize>) -> Result<(), Busy> {
        let is_other = |other: &HandleId| *other != handle;
        if self.0[slots.clone()].iter().any(|slot| slot.writer.iter().chain(&slot.readers).any(is_other)) {
            return Err(Busy);
        }
        self.0[slots].iter_mut().for_each(|slot| slot.writer = Some(handle));
        Ok(())
    }

    pub(crate) fn release(&mut self, handle: HandleId, slots: std::ops::Range<usize>) {
        for slot in &mut self.0[slots] {
            slot.readers.remove(&handle);
            slot.writer = slot.writer.filter(|writer| *writer != handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: HandleId = HandleId(1);
    const B: HandleId = HandleId(2);

    #[test]
    fn a_writer_waits_for_readers_and_lets_no_new_one_in() {
        let mut locks = Locks::default();
        for handle in [A, B] {
            assert_eq!(locks.raise(handle, Level::Shared), Ok(()));
        }
        assert_eq!(locks.raise(A, Level::Reserved), Ok(()));
        assert_eq!(locks.raise(B, Level::Reserved), Err(Busy));
        assert_eq!(locks.raise(A, Level::Exclusive), Err(Busy));
        assert_eq!(locks.level(A), Level::Pending);
        assert_eq!(locks.raise(HandleId(3), Level::Shared), Err(Busy));
        locks.lower(B, Level::None);
        assert_eq!(locks.raise(A, Level::Exclusive), Ok(()));
        assert!(locks.is_reserved());
        locks.lower(A, Level::Shared);
        assert_eq!((locks.level(A), locks.is_reserved()), (Level::Shared, false));
        assert_eq!(locks.raise(B, Level::Shared), Ok(()));
    }

    #[test]
    fn slots_are_shared_or_taken() {
        let mut slots = Slots::default();
        assert_eq!(slots.share(A, 3..4), Ok(()));
        assert_eq!(slots.share(B, 3..4), Ok(()));
        assert_eq!(slots.take(A, 2..5), Err(Busy));
        slots.release(B, 3..4);
        assert_eq!(slots.take(A, 2..5), Ok(()));
        assert_eq!(slots.share(B, 4..5), Err(Busy));
        slots.release(A, 2..5);
        assert_eq!(slots.share(B, 4..5), Ok(()));
    }
}
