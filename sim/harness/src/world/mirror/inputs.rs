//! The accepted inputs of the mirror.

use gateway_core::clock::Uptime;
use gateway_core::store::{NewInput, StoredId, Write};

/// The inputs that wait in the rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Inputs {
    /// Oldest first.
    waiting: Vec<NewInput>,
    /// Those that waited when they were cancelled, with the time of that, oldest first.
    cancelled: Vec<(Uptime, NewInput)>,
}

impl Inputs {
    /// The inputs that wait, oldest first.
    pub(super) fn waiting(&self) -> &[NewInput] {
        &self.waiting
    }

    /// The inputs that were cancelled, with the time of that, oldest first.
    pub(super) fn cancelled(&self) -> &[(Uptime, NewInput)] {
        &self.cancelled
    }

    /// Applies a transaction that was committed now.
    pub(super) fn apply(&mut self, write: &Write, now: Uptime) {
        match write {
            Write::Accept { input, .. } => self.waiting.push(input.clone()),
            Write::StartTurn { taken, .. } | Write::Append { taken, .. } | Write::ReplaceMessages { taken, .. } => {
                self.waiting.retain(|input| !taken.contains(&input.id));
            }
            Write::Cancel { session } => {
                let cancelled = self.waiting.iter().filter(|input| input.session == *session);
                self.cancelled.extend(cancelled.map(|input| (now, input.clone())));
                self.cancel(session);
            }
            Write::Rotate { parent, child, .. } => {
                let passed_on = self.waiting.iter_mut().filter(|input| input.session == *parent);
                passed_on.for_each(|input| input.session = child.id.clone());
            }
            Write::CreateSession { .. }
            | Write::End { .. }
            | Write::EndOrphan { .. }
            | Write::Reopen { .. }
            | Write::ReopenTip { .. }
            | Write::ContinueTitle { .. }
            | Write::Compact { .. }
            | Write::SetTitle { .. }
            | Write::SetModel { .. }
            | Write::NameSession { .. }
            | Write::Branch { .. }
            // The mirror cancels the inputs of each row that it deletes.
            | Write::Delete { .. }
            | Write::DeleteChain { .. } => {}
        }
    }

    /// Removes the inputs of a session.
    pub(super) fn cancel(&mut self, session: &StoredId) {
        self.waiting.retain(|input| input.session != *session);
    }
}
