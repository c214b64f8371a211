//! Branches: which of them do not have yet what they begin with.

use std::collections::BTreeMap;
use std::ops::Range;

use gateway_core::store::{NewMessage, Role, StoredId, Write};

/// The branches of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Branches {
    /// The rows that were inserted with fewer messages than a branch has at least, and the number that they are to have.
    pub(super) short: BTreeMap<StoredId, usize>,
    /// The number of branches.
    pub(super) begun: usize,
}

impl Branches {
    /// Records that a branch was inserted with this many messages, of a row with those of `parent`.
    pub(super) fn begin(&mut self, row: &StoredId, messages: usize, parent: &[NewMessage]) {
        self.begun += 1;
        let settled = settled(parent);
        if messages < settled.start {
            self.short.insert(row.clone(), settled.end);
        }
    }

    /// Applies a later write to a row that has `active` messages after it.
    pub(super) fn apply(&mut self, write: &Write, row: &StoredId, active: usize) {
        let Some(least) = self.short.get(row) else { return };
        let is_whole = match write {
            Write::Append { .. } | Write::StartTurn { .. } => active >= *least,
            // An undo, a compression or a deletion of the branch: it is in use, or gone.
            Write::ReplaceMessages { .. }
            | Write::Compact { .. }
            | Write::Delete { .. }
            | Write::DeleteChain { .. } => true,
            _ => false,
        };
        if is_whole {
            self.short.remove(row);
        }
    }
}

/// How many messages of a row a branch of it has: at least, and if it is certain that no turn of the row runs. A branch leaves a
/// running turn out, and its prompt with it; a branch of nothing is refused.
fn settled(messages: &[NewMessage]) -> Range<usize> {
    let least = messages.iter().rposition(|message| message.role == Role::User).unwrap_or(0).max(1);
    let is_over = messages.last().is_some_and(|last| last.role == Role::Assistant && last.tool_calls.is_none());
    least..if is_over { messages.len() } else { least }
}
