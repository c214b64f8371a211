//! Faults that a test plans on a disk.

use rusqlite::ffi;
use std::ffi::c_int;

/// When the power is lost, relative to the call that meets the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the call has had an effect.
    Before,
    /// After its effect, before its answer.
    After,
}

/// A fault of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How many calls of the kind pass before the one that fails; 0 for the next.
    pub after: u64,
    /// The failure.
    pub trouble: Trouble,
}

/// How a call fails. SQLite gets an error in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A read gives no data.
    Read,
    /// A write is carried out only up to this number of bytes.
    Write {
        /// The number of bytes, cut to the length of the write.
        written: usize,
    },
    /// A sync fails. Afterwards the cache is not to be trusted: no later sync writes what this one was to write.
    Sync {
        /// The pages that are on the platter nevertheless.
        written: Pages,
        /// The pages that reads go on to show as they were written. Reads of the others show what was before.
        kept: Pages,
    },
}

/// A set of the pages of a file: page `n` is in it if bit `n % 64` is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages(pub u64);

impl Pages {
    /// Every page.
    pub const ALL: Self = Self(u64::MAX);
    /// No page.
    pub const NONE: Self = Self(0);

    pub(crate) fn contains(self, page: usize) -> bool {
        self.0 >> (page % 64) & 1 == 1
    }
}

impl Trouble {
    /// The error that SQLite gets.
    pub(crate) fn code(self) -> c_int {
        match self {
            Self::Read => ffi::SQLITE_IOERR_READ,
            Self::Write { .. } => ffi::SQLITE_IOERR_WRITE,
            Self::Sync { .. } => ffi::SQLITE_IOERR_FSYNC,
        }
    }

    fn is_like(self, other: Self) -> bool {
        self.code() == other.code()
    }
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(crate) struct Planned(Vec<Fault>);

impl Planned {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts a call of the kind of `like`, and returns the fault that it meets.
    pub(crate) fn next(&mut self, like: Trouble) -> Option<Trouble> {
        let due = self.0.iter().position(|fault| fault.trouble.is_like(like) && fault.after == 0);
        let due = due.map(|place| self.0.remove(place).trouble);
        for fault in self.0.iter_mut().filter(|fault| fault.trouble.is_like(like)) {
            fault.after = fault.after.saturating_sub(1);
        }
        due
    }
}
