//! The messages of the mirror: the present ones of each row, and all that were ever added to a conversation.

use std::collections::BTreeMap;

use gateway_core::clock::Wall;
use gateway_core::store::{MessageRow, NewMessage, Placed, Replaced, StoredId, Write};

use super::talk::{Flaw, Talk, calls};

/// Messages by row and by conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Messages {
    /// The active messages of each row, oldest first.
    active: BTreeMap<StoredId, Vec<NewMessage>>,
    /// Every message that was added to a conversation, by the conversation's first row, oldest first. Undo and delete
    /// remove nothing here. Summaries of a compression and copies of a branch are not added.
    all: BTreeMap<StoredId, Vec<NewMessage>>,
    /// The number of messages that compressions in place have archived, by row.
    archived: BTreeMap<StoredId, usize>,
    /// Rows that lost archived messages, with the number of messages.
    lost_archived: Vec<(StoredId, usize)>,
    /// The number of messages that were added.
    added: usize,
    /// The number of compressions in place.
    compactions: usize,
    /// Rows in which a message was stored a second time, with its text.
    again: Vec<(StoredId, String)>,
    /// The calls and results of each row's active messages.
    talks: BTreeMap<StoredId, Talk>,
    /// Rows with a message that a model provider refuses, in the order in which they got it.
    flaws: Vec<(StoredId, Flaw)>,
    /// The times of the calls of each conversation, by its first row and the call's id. Copies keep both.
    called: BTreeMap<StoredId, BTreeMap<String, Wall>>,
    /// Rows with a call whose id another call of their conversation has.
    repeated: Vec<(StoredId, String)>,
    /// The number of messages that were judged, and how many of them call tools.
    judged: (usize, usize),
    /// Whether the clock was set back, so that two messages of different times can have one timestamp.
    times_repeat: bool,
}

impl Messages {
    /// The active messages of a row, oldest first.
    pub(super) fn active(&self, row: &StoredId) -> &[NewMessage] {
        self.active.get(row).map_or(&[], Vec::as_slice)
    }

    /// Every message that was added to a conversation, by its first row.
    pub(super) fn all_messages(&self, first: &StoredId) -> &[NewMessage] {
        self.all.get(first).map_or(&[], Vec::as_slice)
    }

    /// Rows in which a message was stored a second time, with its text.
    pub(super) fn again(&self) -> &[(StoredId, String)] {
        &self.again
    }

    /// The number of messages that were added.
    pub(super) fn added(&self) -> usize {
        self.added
    }

    /// The number of compressions in place.
    pub(super) fn compactions(&self) -> usize {
        self.compactions
    }

    /// Rows that lost archived messages, with the number of messages.
    pub(super) fn lost_archived(&self) -> &[(StoredId, usize)] {
        &self.lost_archived
    }

    /// Rows with a message that a model provider refuses.
    pub(super) fn flaws(&self) -> &[(StoredId, Flaw)] {
        &self.flaws
    }

    /// Rows with a call whose id another call of their conversation has.
    pub(super) fn repeated(&self) -> &[(StoredId, String)] {
        &self.repeated
    }

    /// The number of messages that were judged, and how many of them call tools.
    pub(super) fn judged(&self) -> (usize, usize) {
        self.judged
    }

    /// The calls and results of a row's active messages; none of a row without messages.
    pub(super) fn talk(&self, row: &StoredId) -> Option<&Talk> {
        self.talks.get(row)
    }

    /// Records that the clock was set back: later messages may have the timestamps of earlier ones.
    pub(super) fn note_set_back(&mut self) {
        self.times_repeat = true;
    }

    /// Begins with the messages of a row that the database has before the first process starts.
    pub(super) fn begin_with<'a>(
        &mut self,
        row: &StoredId,
        first: &StoredId,
        messages: impl Iterator<Item = &'a MessageRow>,
    ) {
        for MessageRow { message, active, .. } in messages {
            match active {
                true => self.active.entry(row.clone()).or_default().push(message.clone()),
                false => *self.archived.entry(row.clone()).or_default() += 1,
            }
            self.all.entry(first.clone()).or_default().push(message.clone());
            // What an earlier process has stored is not judged. Later messages are, after it.
            if *active {
                self.talks.entry(row.clone()).or_default().add(message, calls(message));
            }
            for id in calls(message) {
                self.called.entry(first.clone()).or_default().entry(id).or_insert(message.timestamp);
            }
        }
    }

    /// Applies a committed transaction on a row of the conversation that begins with `first`.
    pub(super) fn apply(&mut self, write: &Write, first: &StoredId) {
        match write {
            Write::StartTurn { session, messages, .. } => self.add(&session.id, first, messages),
            Write::Append { session, messages, .. } => self.add(session, first, messages),
            Write::EndOrphan { session, results, .. } => self.insert_between(session, first, results),
            Write::Rotate { child, messages, .. } | Write::Branch { child, messages, .. } => {
                self.active.insert(child.id.clone(), messages.clone());
                self.judge_anew(&child.id, first, messages);
            }
            Write::Compact { session, messages } => {
                self.compactions += 1;
                self.judge_anew(session, first, messages);
                let before = self.active.insert(session.clone(), messages.clone()).unwrap_or_default();
                *self.archived.entry(session.clone()).or_default() += before.len();
            }
            Write::ReplaceMessages { session, messages, replaced, taken: _ } => {
                self.judge_anew(session, first, messages);
                let before = self.active.insert(session.clone(), messages.clone()).unwrap_or_default();
                self.all.entry(first.clone()).or_default().extend(appeared(&before, messages));
                if let (Replaced::All, Some(lost)) = (replaced, self.archived.remove(session)) {
                    self.lost_archived.push((session.clone(), lost));
                }
            }
            Write::CreateSession { .. }
            | Write::Accept { .. }
            | Write::Cancel { .. }
            | Write::End { .. }
            | Write::Reopen { .. }
            | Write::ReopenTip { .. }
            | Write::ContinueTitle { .. }
            | Write::SetTitle { .. }
            | Write::SetModel { .. }
            | Write::NameSession { .. }
            // The caller knows which rows it deletes.
            | Write::Delete { .. }
            | Write::DeleteChain { .. } => {}
        }
    }

    /// Removes the messages of a deleted row.
    pub(super) fn delete(&mut self, row: &StoredId) {
        self.active.remove(row);
        self.talks.remove(row);
        self.archived.remove(row);
    }

    /// Inserts results between the messages of a row, which are not judged again.
    fn insert_between(&mut self, row: &StoredId, first: &StoredId, results: &[Placed]) {
        let active = self.active.entry(row.clone()).or_default();
        for placed in results.iter().rev() {
            active.insert(placed.before, placed.message.clone());
        }
        let mut talk = Talk::default();
        for message in active.iter() {
            let flaw = talk.add(message, calls(message));
            let is_new = results.iter().any(|placed| placed.message == *message);
            self.flaws.extend(flaw.filter(|_| is_new).map(|flaw| (row.clone(), flaw)));
        }
        self.talks.insert(row.clone(), talk);
        self.judged.0 += results.len();
        self.added += results.len();
        self.all.entry(first.clone()).or_default().extend(results.iter().map(|placed| placed.message.clone()));
    }

    fn add(&mut self, row: &StoredId, first: &StoredId, messages: &[NewMessage]) {
        let active = self.active.entry(row.clone()).or_default();
        // Equal messages at the newest timestamp may be two messages. An equal message with an older timestamp is a
        // repetition.
        let newest = active.iter().map(|message| message.timestamp).max();
        let is_old = |message: &&NewMessage| newest.is_some_and(|newest| message.timestamp < newest);
        let is_old = |message: &&NewMessage| is_old(message) && !self.times_repeat;
        let again = messages.iter().filter(|message| is_old(message) && active.contains(message));
        self.again.extend(again.map(|message| (row.clone(), message.content.clone().unwrap_or_default())));
        active.extend_from_slice(messages);
        self.added += messages.len();
        self.all.entry(first.clone()).or_default().extend_from_slice(messages);
        self.judge(row, first, messages);
    }

    /// Judges the messages of a row that are all of its active ones.
    fn judge_anew(&mut self, row: &StoredId, first: &StoredId, messages: &[NewMessage]) {
        self.talks.insert(row.clone(), Talk::default());
        self.judge(row, first, messages);
    }

    /// Judges messages that a row gets behind its active ones.
    fn judge(&mut self, row: &StoredId, first: &StoredId, messages: &[NewMessage]) {
        if !self.talks.contains_key(row) {
            self.talks.insert(row.clone(), Talk::default());
        }
        let Some(talk) = self.talks.get_mut(row) else { return };
        for message in messages {
            let calls = calls(message);
            self.judged.0 += 1;
            self.judged.1 += usize::from(!calls.is_empty());
            for id in &calls {
                let called = self.called.entry(first.clone()).or_default();
                if *called.entry(id.clone()).or_insert(message.timestamp) != message.timestamp {
                    self.repeated.push((row.clone(), id.clone()));
                }
            }
            self.flaws.extend(talk.add(message, calls).map(|flaw| (row.clone(), flaw)));
        }
    }
}

/// The messages that a row has more often after a write of all its messages than before it.
pub(super) fn appeared(before: &[NewMessage], after: &[NewMessage]) -> Vec<NewMessage> {
    let mut before: Vec<&NewMessage> = before.iter().collect();
    let mut is_new = |message: &&NewMessage| match before.iter().position(|known| known == message) {
        Some(place) => {
            before.remove(place);
            false
        }
        None => true,
    };
    after.iter().filter(|message| is_new(message)).cloned().collect()
}
