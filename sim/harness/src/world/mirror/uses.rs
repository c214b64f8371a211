//! The numbers of rows, and which rows the present process has used.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::lifecycle::close::is_of_another_program;
use gateway_core::store::{SessionRow, StoredId, Write, Written};

/// The rows of a run, deleted ones included.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Uses {
    /// The number of each row, in the order of insertion.
    numbers: BTreeMap<StoredId, usize>,
    /// The rows that the process that is up, or was up last, has opened or said something in.
    in_use: BTreeSet<StoredId>,
}

impl Uses {
    /// A row is inserted.
    pub(super) fn add(&mut self, row: &StoredId) {
        let next = self.numbers.len();
        self.numbers.entry(row.clone()).or_insert(next);
    }

    /// The number of a row, which it keeps when other rows are deleted.
    pub(super) fn place(&self, row: &StoredId) -> usize {
        self.numbers.get(row).copied().unwrap_or(self.numbers.len())
    }

    /// Applies a committed write to this row.
    pub(super) fn apply(&mut self, write: &Write, written: &Written, row: &StoredId) {
        match write {
            Write::ReopenTip { .. } if written.changed > 0 => self.in_use.extend(written.session.clone()),
            Write::CreateSession { .. }
            | Write::StartTurn { .. }
            | Write::NameSession { .. }
            | Write::Append { .. }
            | Write::Rotate { .. }
            | Write::Branch { .. } => drop(self.in_use.insert(row.clone())),
            _ => {}
        }
    }

    /// Whether the process that is up, or was up last, has used the row.
    pub(super) fn was_used(&self, row: &StoredId) -> bool {
        self.in_use.contains(row)
    }

    /// Another process starts.
    pub(super) fn note_start(&mut self) {
        self.in_use.clear();
    }
}

/// Whether a write reopens an open row of another program, which stays that program's unless the resume succeeds.
pub(super) fn only_reads<'a>(write: &Write, row: impl Fn(&StoredId) -> Option<&'a SessionRow>) -> bool {
    let Write::ReopenTip { session } = write else { return false };
    row(session).is_some_and(|row| row.ended_at.is_none() && is_of_another_program(&row.source))
}
