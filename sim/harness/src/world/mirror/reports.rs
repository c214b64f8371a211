//! Branches and refused writes of the mirror: what the store reports of them, and what claims read.

use gateway_core::clock::Uptime;
use gateway_core::store::{NewSession, StoredId, Write};

use super::{Mirror, Why};

impl Mirror {
    /// The rows of branches that lack messages which they begin with.
    pub(crate) fn short_branches(&self) -> impl Iterator<Item = &StoredId> {
        self.branches.short.keys()
    }

    /// The number of branches.
    pub(crate) fn branches(&self) -> usize {
        self.branches.begun
    }

    /// Records that a branch was inserted with this many messages.
    pub(super) fn begin_branch(&mut self, child: &NewSession, messages: usize) {
        // A row that a compression has ended is not what the conversation says now.
        let is_open = |parent: &&StoredId| self.row(parent).is_some_and(|row| row.ended_at.is_none());
        let parent = child.branched_from.as_ref().filter(is_open);
        let copied = parent.map_or(&[][..], |parent| self.messages.active(parent));
        self.branches.begin(&child.id, messages, copied);
    }

    /// Records that the store has refused a write, which is known to the gateway as not written.
    pub(crate) fn note_refused(&mut self, write: &Write, why: Why, now: Uptime) {
        let (row, messages) = match write {
            Write::Append { session, messages, .. } => (session, &messages[..]),
            Write::StartTurn { session, messages, .. } => {
                let parent = session.parent.as_ref().filter(|_| session.branched_from.is_none());
                (parent.unwrap_or(&session.id), &messages[..])
            }
            Write::Accept { input, .. } => (&input.session, &[][..]),
            _ => return,
        };
        let first = self.first(row).clone();
        self.changed.rows.extend([row.clone(), first.clone()]);
        if !matches!(write, Write::Accept { .. }) {
            self.refused.note(&first, messages, now);
        }
        self.refused.inputs.entry(first).or_default().push((now, why));
    }

    /// Why writes of what clients have submitted to the conversation of a row, or of its messages, were refused from this instant on.
    pub(crate) fn refused_inputs(&self, row: &StoredId, from: Uptime) -> impl Iterator<Item = Why> {
        let of_row = self.refused.inputs.get(self.first(row)).into_iter().flatten();
        of_row.filter(move |(at, _)| *at >= from).map(|(_, why)| *why)
    }
}
