//! A model of the session rows, updated by the committed writes.
//!
//! Claims read the mirror instead of the tables. It needs no query, and it implements the writes a second time without
//! SQL, so that mistakes in the SQL are found. At rest the tables are compared with it.

mod branches;
mod changed;
mod ends;
mod inputs;
mod links;
mod messages;
pub(crate) mod misdated;
mod refused;
mod reports;
mod rows;
pub(crate) mod talk;
mod titles;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::{Uptime, Wall};
use gateway_core::store::{
    BranchTitle, EndReason, NewInput, NewMessage, NewSession, SessionRow, StoredId, Write, Written,
};
use gateway_sqlite::Dump;

pub(crate) use {
    changed::Changed,
    ends::RowEnd,
    refused::{RefusedMessage, Why},
};

/// The session rows, in the order in which they were inserted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Mirror {
    rows: Vec<SessionRow>,
    /// The index of each row in `rows`.
    places: BTreeMap<StoredId, usize>,
    messages: messages::Messages,
    refused: refused::Refused,
    inputs: inputs::Inputs,
    /// The first row of each row's conversation, deleted rows included; absent for a row that is the first itself.
    firsts: BTreeMap<StoredId, StoredId>,
    /// The titles that rows had at any time, by the first row of their conversation.
    titles: BTreeSet<(StoredId, String)>,
    /// The titles that new rows asked for but did not get, because another row had them. By the first row of the
    /// conversation.
    untitled: BTreeSet<(StoredId, String)>,
    branches: branches::Branches,
    ends: ends::Ends,
    uses: uses::Uses,
    /// Rows that received messages after their end, with the end reason.
    late: Vec<(StoredId, String)>,
    /// Deleted rows; `childless` has their parents.
    deleted: Vec<StoredId>,
    childless: Vec<StoredId>,
    /// Attempts to set a title of an existing row, with the title.
    title_attempts: Vec<(StoredId, String, Uptime)>,
    /// Rows whose model a write has tried to set.
    asked_models: Vec<StoredId>,
    /// The models that rows had before another was set.
    past_models: Vec<(StoredId, Option<String>)>,
    /// Titles with which rows were to be inserted. Those that a rotation or a branch derives are none.
    first_titles: Vec<(StoredId, String)>,
    /// Rows that another program inserted.
    elsewhere: Vec<StoredId>,
    /// Rows that were there before the first process started and that no write but an end has changed, with their end reason; `begun` has all of the first.
    initial: BTreeMap<StoredId, Option<String>>,
    begun: BTreeSet<StoredId>,
    /// What has changed since the last `take_changed`.
    changed: Changed,
}

impl Mirror {
    /// Begins with the rows that the database has before the first process starts.
    pub(crate) fn begin_with(&mut self, dump: &Dump) {
        for row in &dump.sessions {
            self.places.insert(row.id.clone(), self.rows.len());
            self.uses.add(&row.id);
            self.rows.push(row.clone());
            let first = match self.link(row) {
                Some((parent, _)) => {
                    let first = self.first(parent).clone();
                    self.firsts.insert(row.id.clone(), first.clone());
                    first
                }
                None => {
                    self.elsewhere.extend(row.parent.is_some().then(|| row.id.clone()));
                    row.id.clone()
                }
            };
            self.titles.extend(row.title.clone().map(|title| (first.clone(), title)));
            let messages = || dump.messages.iter().filter(|message| message.session == row.id);
            self.messages.begin_with(&row.id, &first, messages());
            self.initial.insert(row.id.clone(), row.end_reason.clone());
            self.begun.insert(row.id.clone());
            self.changed.rows.insert(row.id.clone());
        }
    }

    /// Whether a row was there before the first process started, and nothing but its end may have changed since.
    pub(crate) fn is_untouched(&self, id: &StoredId) -> bool {
        self.initial.contains_key(id)
    }

    /// Whether a row was there before the first process started.
    pub(crate) fn is_initial(&self, id: &StoredId) -> bool {
        self.begun.contains(id)
    }

    /// Whether a row has the end that it had before the first process started.
    pub(crate) fn has_initial_end(&self, row: &SessionRow) -> bool {
        self.initial.get(&row.id) == Some(&row.end_reason)
    }

    /// The rows that are not deleted, in the order of insertion.
    pub(crate) fn rows(&self) -> &[SessionRow] {
        &self.rows
    }

    /// The row with this id, unless it is deleted.
    pub(crate) fn row(&self, id: &StoredId) -> Option<&SessionRow> {
        self.places.get(id).map(|place| &self.rows[*place])
    }

    /// Which of these rows exist, in the order of insertion.
    pub(crate) fn among<'a>(&'a self, ids: &BTreeSet<StoredId>) -> impl Iterator<Item = &'a SessionRow> {
        let places: BTreeSet<usize> = ids.iter().filter_map(|id| self.places.get(id).copied()).collect();
        places.into_iter().map(|place| &self.rows[place])
    }

    /// The row with a title.
    pub(crate) fn titled(&self, title: &str) -> Option<&SessionRow> {
        self.rows.iter().find(|row| row.title.as_deref() == Some(title))
    }

    /// The number of a row, which it keeps when other rows are deleted: where claims count their verdict on it.
    pub(crate) fn place(&self, id: &StoredId) -> usize {
        self.uses.place(id)
    }

    /// The alias of a row in reports: `s1` for the first row.
    pub(crate) fn alias(&self, id: &StoredId) -> String {
        let place = self.places.get(id);
        place.map_or_else(|| id.to_string(), |place| format!("s{}", place + 1))
    }

    /// Rows that received messages after their end, with the end reason.
    pub(crate) fn written_late(&self) -> &[(StoredId, String)] {
        &self.late
    }

    /// The active messages of a row, oldest first.
    pub(crate) fn messages(&self, row: &StoredId) -> &[NewMessage] {
        self.messages.active(row)
    }

    /// The first row of the conversation that a row belongs to.
    pub(crate) fn first<'a>(&'a self, row: &'a StoredId) -> &'a StoredId {
        self.firsts.get(row).unwrap_or(row)
    }

    /// Every message that was ever added to the conversation of a row, removed ones included, oldest first.
    pub(crate) fn all_messages(&self, row: &StoredId) -> &[NewMessage] {
        self.messages.all_messages(self.first(row))
    }

    /// The messages of the conversation of a row whose last write the store has refused.
    pub(crate) fn refused(&self, row: &StoredId) -> &[RefusedMessage] {
        self.refused.of(self.first(row))
    }

    /// The messages of the conversation that begins with a row that a client has cut off before the store took them.
    pub(crate) fn cut_off(&self, first: &StoredId) -> &[NewMessage] {
        self.refused.cut_off(first)
    }

    /// How many messages like it the store has refused in the conversation of a row; any number while a refused write waits.
    pub(crate) fn excused(&self, row: &StoredId, is_it: impl Fn(&NewMessage) -> bool) -> usize {
        self.refused.like(self.first(row), is_it)
    }

    /// How many writes of messages to the conversation of a row the store has refused from this instant on.
    pub(crate) fn refusals_since(&self, row: &StoredId, from: Uptime) -> usize {
        self.refused.since(self.first(row), from)
    }

    /// The accepted inputs that wait in the rows, oldest first.
    pub(crate) fn inputs(&self) -> &[NewInput] {
        self.inputs.waiting()
    }

    /// The inputs that were cancelled in the rows, with the time of that, oldest first.
    pub(crate) fn cancelled(&self) -> &[(Uptime, NewInput)] {
        self.inputs.cancelled()
    }

    /// Rows in which a message was stored a second time, with its text.
    pub(crate) fn stored_again(&self) -> &[(StoredId, String)] {
        self.messages.again()
    }

    /// The number of messages that were added to rows.
    pub(crate) fn added(&self) -> usize {
        self.messages.added()
    }

    /// The number of compressions in place.
    pub(crate) fn compactions(&self) -> usize {
        self.messages.compactions()
    }

    /// The number of rows that were ended by a rotation.
    pub(crate) fn rotations(&self) -> usize {
        self.ends.rotations
    }

    /// The number of ends of rows.
    pub(crate) fn ends(&self) -> usize {
        self.ends.count
    }

    /// The committed ends of rows that were open, in order.
    pub(crate) fn row_ends(&self) -> &[RowEnd] {
        self.ends.of_open_rows()
    }

    /// Whether the process that is up, or was up last, has opened the row or said something in it.
    pub(crate) fn was_used(&self, id: &StoredId) -> bool {
        self.uses.was_used(id)
    }

    /// Records that another process starts.
    pub(crate) fn note_start(&mut self) {
        self.uses.note_start();
    }

    /// Rows with a message that a model provider refuses.
    pub(crate) fn flaws(&self) -> &[(StoredId, talk::Flaw)] {
        self.messages.flaws()
    }

    /// Rows with a call whose id another call of their conversation has.
    pub(crate) fn repeated_calls(&self) -> &[(StoredId, String)] {
        self.messages.repeated()
    }

    /// The number of messages that were judged by the rules of model providers, and how many of them call tools.
    pub(crate) fn judged(&self) -> (usize, usize) {
        self.messages.judged()
    }

    /// The calls and results of a row's active messages; none of a row without messages.
    pub(crate) fn talk(&self, row: &StoredId) -> Option<&talk::Talk> {
        self.messages.talk(row)
    }

    /// Rows that lost messages that a compression had archived, with the number of messages.
    pub(crate) fn lost_archived(&self) -> &[(StoredId, usize)] {
        self.messages.lost_archived()
    }

    /// Attempts to set a title of an existing row, with the title, failed attempts included.
    pub(crate) fn title_attempts(&self) -> &[(StoredId, String, Uptime)] {
        &self.title_attempts
    }

    /// Whether a write has tried to give the row another model.
    pub(crate) fn was_asked_model(&self, row: &StoredId) -> bool {
        self.asked_models.contains(row)
    }

    /// The models that a row has had, the one of now last.
    pub(crate) fn models_of<'a>(&'a self, row: &'a SessionRow) -> impl Iterator<Item = Option<&'a str>> {
        let past = self.past_models.iter().filter(|(id, _)| *id == row.id).map(|(_, model)| model.as_deref());
        past.chain([row.model.as_deref()])
    }

    /// Titles with which rows were to be inserted, failed attempts included.
    pub(crate) fn first_titles(&self) -> &[(StoredId, String)] {
        &self.first_titles
    }

    /// Whether any row of a row's conversation had this title at some time.
    pub(crate) fn was_titled(&self, row: &StoredId, title: &str) -> bool {
        self.titles.contains(&(self.first(row).clone(), title.to_owned()))
    }

    /// Whether a new row of the conversation asked for this title while another row had it.
    pub(crate) fn was_refused_title(&self, row: &StoredId, title: &str) -> bool {
        self.untitled.contains(&(self.first(row).clone(), title.to_owned()))
    }

    /// Whether any row of a row's conversation was deleted, and with it the inputs that waited for it.
    pub(crate) fn lost_a_row(&self, row: &StoredId) -> bool {
        self.deleted.iter().any(|deleted| self.first(deleted) == self.first(row))
    }

    /// Whether a row was deleted.
    pub(crate) fn was_deleted(&self, id: &StoredId) -> bool {
        self.deleted.contains(id)
    }

    /// Records that another program inserts this row.
    pub(crate) fn note_elsewhere(&mut self, id: StoredId) {
        self.elsewhere.push(id);
    }

    /// Records that the clock was set back, so that timestamps may repeat.
    pub(crate) fn note_set_back(&mut self) {
        self.messages.note_set_back();
    }

    /// Whether a row continues the conversation of its parent. A branch does not, nor does a row of another program.
    pub(crate) fn continues(&self, row: &SessionRow) -> bool {
        row.parent.is_some() && row.branched_from.is_none() && !self.elsewhere.contains(&row.id)
    }

    /// Whether another program ended the row. Claims about the gateway do not apply to such an end.
    pub(crate) fn is_ended_elsewhere(row: &SessionRow) -> bool {
        let elsewhere = [EndReason::NewSession, EndReason::CliClose].map(EndReason::as_str);
        row.end_reason.as_deref().is_some_and(|reason| elsewhere.contains(&reason))
    }

    /// Whether the row that continued this one was deleted.
    pub(crate) fn lost_its_child(&self, id: &StoredId) -> bool {
        self.childless.contains(id)
    }

    /// Records the attempt of a transaction.
    pub(crate) fn note_attempt(&mut self, write: &Write, now: Uptime) {
        match write {
            Write::SetTitle { session, title } if self.row(session).is_some() => {
                self.title_attempts.push((session.clone(), title.clone(), now));
            }
            Write::SetModel { session, .. } => self.asked_models.push(session.clone()),
            Write::NameSession { session, title } => self.first_titles.push((session.id.clone(), title.clone())),
            Write::CreateSession { session } | Write::StartTurn { session, .. } => {
                self.first_titles.extend(session.title.clone().map(|title| (session.id.clone(), title)));
            }
            _ => {}
        }
    }

    /// Applies a transaction that was committed at `now`.
    pub(crate) fn apply(&mut self, write: &Write, written: &Written, now: Uptime) {
        let parts = rows::parts(write, written, |row| self.messages.active(row).len());
        for part in parts.as_deref().unwrap_or(std::slice::from_ref(write)) {
            self.apply_part(part, written, now);
        }
    }

    fn apply_part(&mut self, write: &Write, written: &Written, now: Uptime) {
        let is_only_read = uses::only_reads(write, |row| self.row(row));
        self.apply_to_rows(write, written, now);
        self.inputs.apply(write, now);
        let row = match write {
            Write::CreateSession { session }
            | Write::StartTurn { session, .. }
            | Write::NameSession { session, .. } => &session.id,
            Write::Accept { input, .. } => &input.session,
            Write::Append { session, .. }
            | Write::Cancel { session }
            | Write::End { session, .. }
            | Write::EndOrphan { session, .. }
            | Write::Reopen { session }
            | Write::ReopenTip { session }
            | Write::ContinueTitle { session, .. }
            | Write::Compact { session, .. }
            | Write::SetTitle { session, .. }
            | Write::SetModel { session, .. }
            | Write::ReplaceMessages { session, .. }
            | Write::Delete { session }
            | Write::DeleteChain { session, .. } => session,
            Write::Rotate { child, .. } | Write::Branch { child, .. } => &child.id,
        };
        self.touch(write, written, row);
        if !is_only_read {
            self.uses.apply(write, written, row);
        }
        let first = self.first(row).clone();
        if let Some(title) = self.row(row).and_then(|row| row.title.clone()) {
            self.titles.insert((first.clone(), title));
        }
        self.refused.apply(write, &first, self.messages.active(row));
        self.messages.apply(write, &first);
        self.branches.apply(write, row, self.messages.active(row).len());
        self.changed.rows.extend([row.clone(), first]);
        self.changed.renamed |= matches!(
            write,
            Write::SetTitle { .. } | Write::NameSession { .. } | Write::ContinueTitle { .. } | Write::Branch { .. }
        );
    }

    /// What has changed since the last call.
    pub(crate) fn take_changed(&mut self) -> Changed {
        std::mem::take(&mut self.changed)
    }

    /// Records that a write has changed a row other than by an end.
    fn touch(&mut self, write: &Write, written: &Written, row: &StoredId) {
        if self.initial.is_empty() {
            return;
        }
        match write {
            Write::End { .. } => {}
            Write::ReopenTip { .. } if written.session.as_ref() != Some(row) => {}
            Write::Rotate { parent, .. } => drop(self.initial.remove(parent)),
            _ => drop(self.initial.remove(row)),
        }
    }

    fn apply_to_rows(&mut self, write: &Write, written: &Written, now: Uptime) {
        match write {
            Write::CreateSession { session } => self.insert(session),
            Write::Accept { .. } | Write::Cancel { .. } => {}
            Write::EndOrphan { session, results, .. } => self.count(session, results.len() as u64, 0),
            Write::StartTurn { session, messages, .. } => {
                self.insert(session);
                self.count(&session.id, messages.len() as u64, messages.iter().map(NewMessage::calls).sum());
            }
            Write::Append { session, messages, .. } => {
                self.count(session, messages.len() as u64, messages.iter().map(NewMessage::calls).sum());
            }
            Write::End { session, at, reason } => self.end(session, *at, *reason, now),
            Write::Reopen { session } => self.open(session),
            Write::ReopenTip { session } => {
                if written.session.as_ref() == Some(session) {
                    self.open(session);
                }
            }
            Write::Rotate { parent, at, child, messages } => {
                self.end(parent, *at, EndReason::Compression, now);
                self.insert(child);
                self.continue_title(&child.id, parent);
                self.count(&child.id, messages.len() as u64, messages.iter().map(NewMessage::calls).sum());
            }
            Write::ContinueTitle { session, parent } => self.continue_title(session, parent),
            Write::Compact { session, messages } | Write::ReplaceMessages { session, messages, .. } => {
                self.change(session, |row| {
                    row.message_count = messages.len() as u64;
                    row.tool_call_count = messages.iter().map(NewMessage::calls).sum();
                });
            }
            Write::SetTitle { session, title } => self.change(session, |row| row.title = Some(title.clone())),
            Write::SetModel { session, model } => {
                self.past_models.extend(self.row(session).map(|row| (row.id.clone(), row.model.clone())));
                self.change(session, |row| row.model = Some(model.clone()));
            }
            Write::NameSession { session, title } => {
                self.insert(session);
                self.take_title(&session.id, title);
                self.change(&session.id, |row| row.title = Some(title.clone()));
            }
            Write::Branch { child, title, messages } => {
                self.insert(child);
                self.begin_branch(child, messages.len());
                self.name_branch(child, title);
                self.count(&child.id, messages.len() as u64, messages.iter().map(NewMessage::calls).sum());
            }
            Write::Delete { session } => self.delete(session),
            Write::DeleteChain { session, rows } => {
                // A conversation with other rows stays.
                if self.chain(session) == *rows {
                    rows.iter().for_each(|row| self.delete(row));
                }
            }
        }
    }

    /// Deletes a row. The deletion of a row that does not exist changes nothing.
    fn delete(&mut self, id: &StoredId) {
        self.inputs.cancel(id);
        let Some(row) = self.row(id) else { return };
        let continued = row.parent.clone().filter(|_| self.continues(row));
        self.childless.extend(continued);
        self.deleted.push(id.clone());
        self.changed.deleted = true;
        self.changed.rows.extend(self.rows.iter().find(|row| row.id == *id).and_then(|row| row.parent.clone()));
        self.changed.rows.insert(id.clone());
        self.rows.retain(|row| row.id != *id);
        self.places = self.rows.iter().enumerate().map(|(place, row)| (row.id.clone(), place)).collect();
        for row in self.rows.iter_mut().filter(|row| row.parent.as_ref() == Some(id)) {
            row.parent = None;
            self.changed.rows.insert(row.id.clone());
        }
        self.messages.delete(id);
    }

    /// A row takes over the title of the rows that it continues.
    fn take_title(&mut self, id: &StoredId, title: &str) {
        let continued = |row: &SessionRow| row.parent.clone().filter(|_| row.branched_from.is_none());
        let mut next = self.row(id).and_then(continued);
        while let Some(id) = next {
            self.changed.rows.insert(id.clone());
            let Some(row) = self.row_mut(&id) else { return };
            if row.end_reason.as_deref() != Some("compression") {
                return;
            }
            if row.title.as_deref() == Some(title) {
                row.title = None;
            }
            next = continued(row);
        }
    }

    fn name_branch(&mut self, child: &NewSession, title: &BranchTitle) {
        let titled = child.parent.as_ref().and_then(|parent| self.row(parent)).is_some_and(|row| row.title.is_some());
        match (title, &child.parent) {
            (BranchTitle::Asked(title), _) => self.change(&child.id, |row| row.title = Some(title.clone())),
            (BranchTitle::Next, Some(parent)) if titled => self.continue_title(&child.id, parent),
            (BranchTitle::Next, _) => {
                let used = self.rows.iter().any(|row| row.title.as_deref() == Some("branch"));
                let next = if used { titles::next(&self.rows, "branch") } else { "branch".to_owned() };
                self.change(&child.id, |row| row.title = Some(next));
            }
            (BranchTitle::None, _) => {}
        }
    }

    fn insert(&mut self, session: &NewSession) {
        if self.row(&session.id).is_some() {
            return;
        }
        // A branch starts a conversation of its own.
        let goes_on = session.branched_from.is_none() && !self.elsewhere.contains(&session.id);
        if let Some(parent) = session.parent.as_ref().filter(|_| goes_on) {
            self.firsts.insert(session.id.clone(), self.first(parent).clone());
        }
        let is_free = |title: &String| self.rows.iter().all(|row| row.title.as_ref() != Some(title));
        let (title, untitled) = match session.title.clone() {
            Some(title) if is_free(&title) => (Some(title), None),
            taken => (None, taken),
        };
        let first = self.first(&session.id).clone();
        self.untitled.extend(untitled.map(|title| (first, title)));
        let is_left_out = |parent: &StoredId| session.branched_from.is_some() && self.row(parent).is_none();
        let parent = session.parent.clone().filter(|parent| !is_left_out(parent));
        self.changed.rows.extend(parent.clone());
        self.changed.renamed = true;
        self.places.insert(session.id.clone(), self.rows.len());
        self.uses.add(&session.id);
        self.rows.push(rows::begun(session, parent, title));
    }

    fn end(&mut self, id: &StoredId, at: Wall, reason: EndReason, now: Uptime) {
        let was_open = self.row(id).is_some_and(|row| row.ended_at.is_none());
        self.ends.add(id, was_open, reason, now);
        self.change(id, |row| {
            if row.ended_at.is_none() {
                row.ended_at = Some(at);
                row.end_reason = Some(reason.as_str().to_owned());
            }
        });
    }

    fn open(&mut self, id: &StoredId) {
        self.change(id, |row| {
            row.ended_at = None;
            row.end_reason = None;
        });
    }

    fn count(&mut self, id: &StoredId, messages: u64, calls: u64) {
        if let Some(reason) = self.row(id).and_then(|row| row.end_reason.clone()) {
            self.late.push((id.clone(), reason));
        }
        self.change(id, |row| {
            row.message_count += messages;
            row.tool_call_count += calls;
        });
    }

    fn continue_title(&mut self, id: &StoredId, parent: &StoredId) {
        let Some(title) = self.row(parent).and_then(|row| row.title.clone()) else {
            return;
        };
        let next = titles::next(&self.rows, titles::base(&title));
        self.change(id, |row| row.title = Some(next));
    }

    fn change(&mut self, id: &StoredId, change: impl FnOnce(&mut SessionRow)) {
        self.changed.rows.insert(id.clone());
        if let Some(row) = self.row_mut(id) {
            change(row);
        }
    }

    fn row_mut(&mut self, id: &StoredId) -> Option<&mut SessionRow> {
        self.places.get(id).map(|place| &mut self.rows[*place])
    }
}
