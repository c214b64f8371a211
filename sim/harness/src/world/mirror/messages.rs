//! The messages of the mirror: what each row holds now, and all that was ever said in a conversation.

use std::collections::BTreeMap;

use gateway_core::store::{NewMessage, Replaced, StoredId, Write};

/// Messages, by row and by conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Messages {
    /// By row: the active ones, oldest first.
    active: BTreeMap<StoredId, Vec<NewMessage>>,
    /// By the first row of a conversation: all that was ever added to its rows, oldest first. Nothing is taken out
    /// again, neither by an undo nor by a delete. What a compression leaves and what a branch copies is nothing new.
    said: BTreeMap<StoredId, Vec<NewMessage>>,
    /// By row: how many messages compressions in place have put aside there.
    aside: BTreeMap<StoredId, usize>,
    /// Rows that lost what was put aside, and how much.
    lost_aside: Vec<(StoredId, usize)>,
    /// Rows that got a message a second time, and what it says.
    again: Vec<(StoredId, String)>,
    /// Two messages of different times can have one timestamp: the clock was set back.
    times_repeat: bool,
}

impl Messages {
    /// The active messages of a row, oldest first.
    pub(super) fn active(&self, row: &StoredId) -> &[NewMessage] {
        self.active.get(row).map_or(&[], Vec::as_slice)
    }

    /// All that was ever added to a conversation, by its first row.
    pub(super) fn said(&self, first: &StoredId) -> &[NewMessage] {
        self.said.get(first).map_or(&[], Vec::as_slice)
    }

    /// Rows that got a message a second time, and what it says.
    pub(super) fn again(&self) -> &[(StoredId, String)] {
        &self.again
    }

    /// Rows that lost messages that a compression had put aside, and how many.
    pub(super) fn lost_aside(&self) -> &[(StoredId, usize)] {
        &self.lost_aside
    }

    /// The clock was set back: what is stored from here on cannot be told from what was stored before.
    pub(super) fn note_set_back(&mut self) {
        self.times_repeat = true;
    }

    /// A transaction was committed, on a row of the conversation that begins with `first`.
    pub(super) fn apply(&mut self, write: &Write, first: &StoredId) {
        match write {
            Write::StartTurn { session, messages } => self.add(&session.id, first, messages),
            Write::Append { session, messages } => self.add(session, first, messages),
            Write::Rotate { child, messages, .. } | Write::Branch { child, messages, .. } => {
                self.active.insert(child.id.clone(), messages.clone());
            }
            Write::Compact { session, messages } => {
                let before = self.active.insert(session.clone(), messages.clone()).unwrap_or_default();
                *self.aside.entry(session.clone()).or_default() += before.len();
            }
            Write::ReplaceMessages { session, messages, replaced } => {
                self.active.insert(session.clone(), messages.clone());
                if let (Replaced::All, Some(lost)) = (replaced, self.aside.remove(session)) {
                    self.lost_aside.push((session.clone(), lost));
                }
            }
            Write::Delete { session } => {
                self.active.remove(session);
                self.aside.remove(session);
            }
            Write::CreateSession { .. }
            | Write::End { .. }
            | Write::Reopen { .. }
            | Write::ReopenTip { .. }
            | Write::ContinueTitle { .. }
            | Write::SetTitle { .. }
            | Write::NameSession { .. } => {}
        }
    }

    fn add(&mut self, row: &StoredId, first: &StoredId, messages: &[NewMessage]) {
        let active = self.active.entry(row.clone()).or_default();
        // Two messages can be equal when they are said at one time, never when others were said in between.
        let newest = active.iter().map(|message| message.timestamp).max();
        let is_old = |message: &&NewMessage| newest.is_some_and(|newest| message.timestamp < newest);
        let is_old = |message: &&NewMessage| is_old(message) && !self.times_repeat;
        let again = messages.iter().filter(|message| is_old(message) && active.contains(message));
        self.again.extend(again.map(|message| (row.clone(), message.content.clone().unwrap_or_default())));
        active.extend_from_slice(messages);
        self.said.entry(first.clone()).or_default().extend_from_slice(messages);
    }
}
