//! The ends that rows got by committed writes.

use gateway_core::clock::Uptime;
use gateway_core::store::{EndReason, StoredId};

/// The ends of rows, in the order of their commits.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ends {
    /// Those of rows that were open.
    first: Vec<RowEnd>,
    /// The number of all attempts, and of those by a rotation.
    pub(super) count: usize,
    pub(super) rotations: usize,
}

/// A committed end of a row that was open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowEnd {
    pub(crate) row: StoredId,
    pub(crate) reason: EndReason,
    /// When it was committed, as uptime.
    pub(crate) at: Uptime,
}

impl Ends {
    /// A write has ended a row. The end of a row that is ended already changes nothing.
    pub(super) fn add(&mut self, row: &StoredId, was_open: bool, reason: EndReason, at: Uptime) {
        self.count += 1;
        self.rotations += usize::from(reason == EndReason::Compression);
        if was_open {
            self.first.push(RowEnd { row: row.clone(), reason, at });
        }
    }

    /// The ends of rows that were open.
    pub(super) fn of_open_rows(&self) -> &[RowEnd] {
        &self.first
    }
}

impl RowEnd {
    /// Whether the row was ended because another continues it.
    pub(crate) fn is_rotation(&self) -> bool {
        self.reason == EndReason::Compression
    }
}
