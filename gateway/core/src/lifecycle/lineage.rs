//! Rows and the rows they come from: branches, drafts of branches, and which rows may be deleted.

use crate::group::group;
use crate::record::{Record, SessionStage};
use crate::store::StoredId;

group! {
    /// Rows and the rows they come from.
    Lineage "lineage" {
        /// What a deletion removes, unless a live session uses it.
        delete: Deletes {
            /// The whole conversation: all rows that compressions have linked with the row.
            Conversation "conversation",
            /// The row alone. The parts before and after it stay, and are listed from then on (hermes-agent#48524).
            Row "row",
            /// The row alone. A live session protects only the row whose id is its key, which lags behind a rotation in a
            /// turn (A32).
            RowUnlessKey "session_key",
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
            /// The same, but the rows of a session that was resumed have the setting's (`_make_agent` of 0.19.0).
            NamedUntilResume "named_until_resume",
            /// The one that the client names, but a rotation's child has the setting's (recordings of 0.18.2).
            NamedUntilRotation "named_until_rotation",
            /// The setting's, whatever the client names.
            Setting "setting",
        }
        /// The `model` of a session.
        model: Model {
            /// The one that a client asks for when it creates or resumes the session, otherwise the row's, otherwise the setting's.
            Session "session",
            /// The one that a client asks for when it creates the session, otherwise the setting's. A session that is resumed has
            /// the setting's (hermes-agent#103498).
            SessionUntilResume "session_until_resume",
            /// The setting's, whatever the client asks for.
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

/// What a live session does to a request to delete a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It refuses the request.
    Refuse,
    /// It has no objection.
    Allow,
}

impl Lineage {
    /// Decides for one live session on a request to delete a row.
    pub fn on_delete(&self, record: &Record, row: &StoredId) -> Deletion {
        let in_use = match self.delete {
            Deletes::Conversation | Deletes::Row => record.owns(row),
            Deletes::RowUnlessKey => record.key == *row,
        };
        if in_use && record.stage != SessionStage::Finalized { Deletion::Refuse } else { Deletion::Allow }
    }

    /// What a deletion removes.
    pub fn deletes(&self) -> Deletes {
        self.delete
    }

    /// The kind of client that a new session belongs to.
    pub fn source(&self, named: Option<String>, setting: &str) -> String {
        match self.source {
            Source::Named | Source::NamedUntilResume | Source::NamedUntilRotation => {
                named.unwrap_or_else(|| setting.to_owned())
            }
            Source::Setting => setting.to_owned(),
        }
    }

    /// The `source` of a session that is resumed, whose row has `rows`.
    pub fn resumed_source<'a>(&self, rows: &'a str, setting: &'a str) -> &'a str {
        match self.source {
            Source::Named | Source::NamedUntilRotation | Source::Setting => rows,
            Source::NamedUntilResume => setting,
        }
    }

    /// The `source` of a rotation's child, whose parent has `parents`.
    pub fn child_source<'a>(&self, parents: &'a str, setting: &'a str) -> &'a str {
        match self.source {
            Source::Named | Source::NamedUntilResume => parents,
            Source::NamedUntilRotation | Source::Setting => setting,
        }
    }

    /// The model of a new session for which a client asks for `asked`; `None`: the setting's.
    pub fn model(&self, asked: Option<String>) -> Option<String> {
        match self.model {
            Model::Session | Model::SessionUntilResume => asked.filter(|asked| !asked.is_empty()),
            Model::Setting => None,
        }
    }

    /// The model that a resume asks for and that its session gets; `None`: it keeps the one it has.
    pub fn new_model(&self, asked: Option<String>) -> Option<String> {
        match self.model {
            Model::Session => asked.filter(|asked| !asked.is_empty()),
            Model::SessionUntilResume | Model::Setting => None,
        }
    }

    /// The model of a session that is resumed, whose row has `rows`; `None`: the setting's.
    pub fn resumed_model(&self, rows: Option<String>) -> Option<String> {
        match self.model {
            Model::Session => rows,
            Model::SessionUntilResume | Model::Setting => None,
        }
    }

    /// The row that a new session is a branch of, where a client names one.
    pub fn draft_of(&self, named: Option<StoredId>) -> Option<StoredId> {
        match self.draft {
            Draft::WithPrompt | Draft::OneByOne => named,
            Draft::NotStored => None,
        }
    }

    /// How the messages that a new session was given are stored; `parent` is the row that it is a branch of.
    pub fn draft(&self, parent: Option<&StoredId>) -> Draft {
        match (self.draft, parent) {
            (Draft::OneByOne, None) => Draft::NotStored,
            (draft, _) => draft,
        }
    }

    /// How the messages that a session was given are stored, while its row does not have them; `None` if it has.
    pub fn waiting_draft(&self, record: &Record) -> Option<Draft> {
        (record.transcript.draft > 0).then(|| self.draft(record.details.branch_of.as_ref()))
    }

    /// How a branch is written.
    pub fn branching(&self) -> Branching {
        self.branch
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
            ["row", "tip"].map(|row| lineage.on_delete(record, &StoredId::new(row)))
        };
        assert_eq!(protects(Deletes::Conversation, &lagging), [Deletion::Refuse; 2]);
        assert_eq!(protects(Deletes::Row, &lagging), [Deletion::Refuse; 2]);
        assert_eq!(protects(Deletes::RowUnlessKey, &lagging), [Deletion::Refuse, Deletion::Allow]);
        assert_eq!(protects(Deletes::Conversation, &finalized), [Deletion::Allow; 2]);
    }

    #[test]
    fn deletions_remove_by_release() {
        for delete in [Deletes::Conversation, Deletes::Row, Deletes::RowUnlessKey] {
            assert_eq!(Lineage { delete, ..Lineage::default() }.deletes(), delete);
        }
    }

    #[test]
    fn drafts_are_stored_by_release() {
        let row = StoredId::new("row");
        let stores = |draft| [None, Some(&row)].map(|parent| Lineage { draft, ..Lineage::default() }.draft(parent));
        assert_eq!(stores(Draft::WithPrompt), [Draft::WithPrompt; 2]);
        assert_eq!(stores(Draft::OneByOne), [Draft::NotStored, Draft::OneByOne]);
        assert_eq!(stores(Draft::NotStored), [Draft::NotStored; 2]);
        let waiting = with(idle(), |record| record.transcript.draft = 1);
        assert_eq!(Lineage::default().waiting_draft(&waiting), Some(Draft::WithPrompt));
        assert_eq!(Lineage::default().waiting_draft(&idle()), None);
    }

    #[test]
    fn branches_are_written_by_release() {
        for branch in [Branching::OneTransaction, Branching::RowThenMessages] {
            assert_eq!(Lineage { branch, ..Lineage::default() }.branching(), branch);
        }
    }

    #[test]
    fn clients_name_their_source() {
        let source = |source, named: Option<&str>| {
            Lineage { source, ..Lineage::default() }.source(named.map(str::to_owned), "setting")
        };
        assert_eq!([Some("cli"), None].map(|named| source(Source::Named, named)), ["cli", "setting"]);
        assert_eq!(source(Source::NamedUntilRotation, Some("cli")), "cli");
        assert_eq!(source(Source::Setting, Some("cli")), "setting");
        let resumed = |source| Lineage { source, ..Lineage::default() }.resumed_source("cli", "setting").to_owned();
        assert_eq!([Source::Named, Source::NamedUntilResume].map(resumed), ["cli", "setting"]);
        let child = |source| Lineage { source, ..Lineage::default() }.child_source("cli", "setting").to_owned();
        assert_eq!(
            [Source::Named, Source::NamedUntilRotation, Source::Setting].map(child),
            ["cli", "setting", "setting"]
        );
    }

    #[test]
    fn sessions_have_a_model_by_release() {
        let all = [Model::Session, Model::SessionUntilResume, Model::Setting];
        let own = || Some("own".to_owned());
        let lineage = |model| Lineage { model, ..Lineage::default() };
        assert_eq!(all.map(|model| lineage(model).model(own())), [own(), own(), None]);
        assert_eq!(all.map(|model| lineage(model).new_model(own())), [own(), None, None]);
        assert_eq!(all.map(|model| lineage(model).resumed_model(own())), [own(), None, None]);
        assert_eq!(lineage(Model::Session).model(Some(String::new())), None);
    }
}
