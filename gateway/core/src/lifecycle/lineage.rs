//! Rows and the rows they come from: branches, drafts of branches, and which rows may be deleted.

use crate::group::group;
use crate::record::{Record, SessionStage};
use crate::store::StoredId;

group! {
    /// Rows and the rows they come from.
    Lineage "lineage" {
        /// Which rows of a live session cannot be deleted.
        delete: Protects {
            /// Every row that it writes, or is about to.
            Owned "owned",
            /// The row whose id is its key, which lags behind a rotation in a turn (A32).
            SessionKey "session_key",
        }
        /// How a branch is written.
        branch: Branching {
            /// In one transaction, each message whole.
            OneTransaction "one_transaction",
            /// The row, then the text of one message after the other: a failure leaves an open row with a part of them
            /// (A35).
            RowThenMessages "row_then_messages",
        }
        /// The `source` of a new session.
        source: Source {
            /// The one that the client names, otherwise the setting's.
            Named "named",
            /// The setting's, whatever the client names.
            Setting "setting",
        }
        /// How the initial messages of a new session are stored.
        draft: Draft {
            /// With its row and its first prompt, in one transaction.
            WithPrompt "with_prompt",
            /// For a branch after its row, one by one. They count as stored only after the last: a failure in between
            /// stores the earlier ones again with the next prompt (A34).
            OneByOne "one_by_one",
            /// Not at all; the parent is ignored.
            NotStored "not_stored",
        }
    }
}

impl Lineage {
    /// Whether a live session keeps a row from being deleted.
    pub fn protects(&self, record: &Record, row: &StoredId) -> bool {
        record.stage != SessionStage::Finalized
            && match self.delete {
                Protects::Owned => record.owns(row),
                Protects::SessionKey => record.key == *row,
            }
    }

    /// The kind of client that a new session belongs to.
    pub fn source(&self, named: Option<String>, setting: &str) -> String {
        match self.source {
            Source::Named => named.unwrap_or_else(|| setting.to_owned()),
            Source::Setting => setting.to_owned(),
        }
    }

    /// The row that a new session is a branch of, where a client names one.
    pub fn draft_of(&self, named: Option<StoredId>) -> Option<StoredId> {
        match self.draft {
            Draft::WithPrompt | Draft::OneByOne => named,
            Draft::NotStored => None,
        }
    }

    /// Whether a new session stores the messages it was given.
    pub fn stores_draft(&self, parent: Option<&StoredId>) -> bool {
        match self.draft {
            Draft::WithPrompt => true,
            Draft::OneByOne => parent.is_some(),
            Draft::NotStored => false,
        }
    }

    /// Whether it stores them with its row and its prompt.
    pub fn stores_draft_at_once(&self) -> bool {
        match self.draft {
            Draft::WithPrompt => true,
            Draft::OneByOne | Draft::NotStored => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{idle, with};

    #[test]
    fn rows_in_use_are_protected() {
        let lagging = with(idle(), |record| record.agent.row = StoredId::new("tip"));
        let finalized = with(lagging.clone(), |record| record.stage = SessionStage::Finalized);
        let protects = |delete, record: &Record| {
            let lineage = Lineage { delete, ..Lineage::default() };
            ["row", "tip"].map(|row| lineage.protects(record, &StoredId::new(row)))
        };
        assert_eq!(protects(Protects::Owned, &lagging), [true, true]);
        assert_eq!(protects(Protects::SessionKey, &lagging), [true, false]);
        assert_eq!(protects(Protects::Owned, &finalized), [false, false]);
    }

    #[test]
    fn drafts_are_stored_by_release() {
        let row = StoredId::new("row");
        let stores = |draft| {
            let lineage = Lineage { draft, ..Lineage::default() };
            (lineage.stores_draft(None), lineage.stores_draft(Some(&row)), lineage.stores_draft_at_once())
        };
        assert_eq!(stores(Draft::WithPrompt), (true, true, true));
        assert_eq!(stores(Draft::OneByOne), (false, true, false));
        assert_eq!(stores(Draft::NotStored), (false, false, false));
    }

    #[test]
    fn clients_name_their_source() {
        let source = |source, named: Option<&str>| {
            Lineage { source, ..Lineage::default() }.source(named.map(str::to_owned), "setting")
        };
        assert_eq!([Some("cli"), None].map(|named| source(Source::Named, named)), ["cli", "setting"]);
        assert_eq!(source(Source::Setting, Some("cli")), "setting");
    }
}
