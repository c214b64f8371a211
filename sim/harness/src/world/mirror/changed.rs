//! What writes have changed: what claims judge again.

use std::collections::BTreeSet;

use gateway_core::store::StoredId;

/// What writes have changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changed {
    /// The rows that were written, inserted under another or deleted, with their parents and the first rows of their
    /// conversations.
    pub(crate) rows: BTreeSet<StoredId>,
    /// Whether an id or a title may stand for another row than before.
    pub(crate) renamed: bool,
    /// Whether a row was deleted: the aliases of others have changed.
    pub(crate) deleted: bool,
}
