//! Rows and the rows they come from: branches, and which rows may be deleted.

use crate::behavior::group;
use crate::session::{Record, Stage};
use crate::store::StoredId;

group! {
    /// Rows and the rows they come from.
    Lineage "lineage" {
        /// Which rows a live session keeps from being deleted.
        delete: Protects {
            /// Every one that it writes, or is about to.
            Owned "owned",
            /// The one whose id is its key, which lags behind a rotation in a turn (A32).
            SessionKey "session_key",
        }
        /// How a branch is written.
        branch: Branching {
            /// In one transaction, each message whole.
            OneTransaction "one_transaction",
            /// The row, then the text of one message after the other: a failure leaves a part, open (A35).
            RowThenMessages "row_then_messages",
        }
    }
}

impl Lineage {
    /// Whether a live session keeps a row from being deleted.
    pub fn protects(&self, record: &Record, row: &StoredId) -> bool {
        record.stage != Stage::Finalized
            && match self.delete {
                Protects::Owned => record.owns(row),
                Protects::SessionKey => record.key == *row,
            }
    }

    /// Whether a branch is written in one transaction.
    pub fn branches_at_once(&self) -> bool {
        match self.branch {
            Branching::OneTransaction => true,
            Branching::RowThenMessages => false,
        }
    }
}
