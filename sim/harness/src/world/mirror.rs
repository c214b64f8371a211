//! A plain model of the session rows, fed by the writes that were committed.
//!
//! Invariants read the mirror: it needs no query, and it is written down a second time, without SQL, so that a mistake
//! in the SQL shows. At rest the tables are compared with it.

mod messages;

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::Wall;
use gateway_core::store::{BranchTitle, EndReason, NewMessage, NewSession, SessionRow, StoredId, Write, Written};

/// The session rows, in the order in which they were inserted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Mirror {
    rows: Vec<SessionRow>,
    /// Where in `rows` each is.
    places: BTreeMap<StoredId, usize>,
    messages: messages::Messages,
    /// By row, also of deleted ones: the first row of its conversation, where that is another.
    firsts: BTreeMap<StoredId, StoredId>,
    /// Titles that rows had, by the first row of their conversation.
    titles: BTreeSet<(StoredId, String)>,
    /// The same of titles that a row was to begin with and that were not free.
    untitled: BTreeSet<(StoredId, String)>,
    /// Rows that got messages after their end, and the reason of that end.
    late: Vec<(StoredId, String)>,
    /// Rows that were deleted, and the rows that they continued.
    deleted: Vec<StoredId>,
    childless: Vec<StoredId>,
    /// Rows that were there and were to get a title, and which.
    given: Vec<(StoredId, String)>,
    /// Rows that another program made.
    elsewhere: Vec<StoredId>,
}

impl Mirror {
    /// All rows.
    pub(crate) fn rows(&self) -> &[SessionRow] {
        &self.rows
    }

    /// One row.
    pub(crate) fn row(&self, id: &StoredId) -> Option<&SessionRow> {
        self.places.get(id).map(|place| &self.rows[*place])
    }

    /// The row with a title.
    pub(crate) fn titled(&self, title: &str) -> Option<&SessionRow> {
        self.rows.iter().find(|row| row.title.as_deref() == Some(title))
    }

    /// What a row is called in reports: `s1` for the first, and so on.
    pub(crate) fn alias(&self, id: &StoredId) -> String {
        let place = self.places.get(id);
        place.map_or_else(|| id.to_string(), |place| format!("s{}", place + 1))
    }

    /// Rows that got messages after their end, and the reason of that end.
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

    /// All that was ever added to the conversation of a row, oldest first, also what is not there any more.
    pub(crate) fn said(&self, row: &StoredId) -> &[NewMessage] {
        self.messages.said(self.first(row))
    }

    /// Rows that got a message a second time, and what it says.
    pub(crate) fn stored_again(&self) -> &[(StoredId, String)] {
        self.messages.again()
    }

    /// Rows that lost messages that a compression had put aside, and how many.
    pub(crate) fn lost_aside(&self) -> &[(StoredId, usize)] {
        self.messages.lost_aside()
    }

    /// Rows that were there and were to get a title, and which: also one that was not free.
    pub(crate) fn given_titles(&self) -> &[(StoredId, String)] {
        &self.given
    }

    /// Whether any row of a row's conversation had this title at some time.
    pub(crate) fn was_titled(&self, row: &StoredId, title: &str) -> bool {
        self.titles.contains(&(self.first(row).clone(), title.to_owned()))
    }

    /// Whether a row of a row's conversation was to begin with this title, and another row had it then.
    pub(crate) fn went_without(&self, row: &StoredId, title: &str) -> bool {
        self.untitled.contains(&(self.first(row).clone(), title.to_owned()))
    }

    /// Whether any row of a row's conversation was deleted.
    pub(crate) fn lost_a_row(&self, row: &StoredId) -> bool {
        self.deleted.iter().any(|deleted| self.first(deleted) == self.first(row))
    }

    /// Whether a row was deleted.
    pub(crate) fn was_deleted(&self, id: &StoredId) -> bool {
        self.deleted.contains(id)
    }

    /// Another program makes this row.
    pub(crate) fn note_elsewhere(&mut self, id: StoredId) {
        self.elsewhere.push(id);
    }

    /// The clock was set back: timestamps repeat.
    pub(crate) fn note_set_back(&mut self) {
        self.messages.note_set_back();
    }

    /// Whether a row goes on with what its parent has said: a branch does not, nor what another program began after it.
    pub(crate) fn continues(&self, row: &SessionRow) -> bool {
        row.parent.is_some() && row.branched_from.is_none() && !self.elsewhere.contains(&row.id)
    }

    /// Whether another program has ended a row, which is its business and none of the gateway's.
    pub(crate) fn is_ended_elsewhere(row: &SessionRow) -> bool {
        let elsewhere = [EndReason::NewSession, EndReason::CliClose].map(EndReason::as_str);
        row.end_reason.as_deref().is_some_and(|reason| elsewhere.contains(&reason))
    }

    /// Whether the row that continued this one was deleted.
    pub(crate) fn lost_its_child(&self, id: &StoredId) -> bool {
        self.childless.contains(id)
    }

    /// The newest row of the chain that starts with `id`: what a client finds that looks the tables up.
    pub(crate) fn newest(&self, id: &StoredId) -> StoredId {
        let mut newest = id.clone();
        // A child is inserted after its parent, so one pass in order of insertion follows the whole chain.
        for row in &self.rows {
            if row.parent.as_ref() == Some(&newest) && self.continues(row) {
                newest = row.id.clone();
            }
        }
        newest
    }

    /// A transaction is tried.
    pub(crate) fn note_attempt(&mut self, write: &Write) {
        if let Write::SetTitle { session, title } = write
            && self.row(session).is_some()
        {
            self.given.push((session.clone(), title.clone()));
        }
    }

    /// A transaction was committed.
    pub(crate) fn apply(&mut self, write: &Write, written: &Written) {
        self.apply_to_rows(write, written);
        let row = match write {
            Write::CreateSession { session }
            | Write::StartTurn { session, .. }
            | Write::NameSession { session, .. } => &session.id,
            Write::Append { session, .. }
            | Write::End { session, .. }
            | Write::Reopen { session }
            | Write::ReopenTip { session }
            | Write::ContinueTitle { session, .. }
            | Write::Compact { session, .. }
            | Write::SetTitle { session, .. }
            | Write::ReplaceMessages { session, .. }
            | Write::Delete { session } => session,
            Write::Rotate { child, .. } | Write::Branch { child, .. } => &child.id,
        };
        let first = self.first(row).clone();
        if let Some(title) = self.row(row).and_then(|row| row.title.clone()) {
            self.titles.insert((first.clone(), title));
        }
        self.messages.apply(write, &first);
    }

    fn apply_to_rows(&mut self, write: &Write, written: &Written) {
        match write {
            Write::CreateSession { session } => self.insert(session),
            Write::StartTurn { session, messages } => {
                self.insert(session);
                self.count(&session.id, messages.len() as u64, messages.iter().map(NewMessage::calls).sum());
            }
            Write::Append { session, messages } => {
                self.count(session, messages.len() as u64, messages.iter().map(NewMessage::calls).sum());
            }
            Write::End { session, at, reason } => self.end(session, *at, *reason),
            Write::Reopen { session } => self.open(session),
            Write::ReopenTip { session } => {
                if written.session.as_ref() == Some(session) {
                    self.open(session);
                }
            }
            Write::Rotate { parent, at, child, messages } => {
                self.end(parent, *at, EndReason::Compression);
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
            Write::NameSession { session, title } => {
                self.insert(session);
                self.take_title(&session.id, title);
                self.change(&session.id, |row| row.title = Some(title.clone()));
            }
            Write::Branch { child, title, messages } => {
                self.insert(child);
                self.name_branch(child, title);
                self.count(&child.id, messages.len() as u64, messages.iter().map(NewMessage::calls).sum());
            }
            Write::Delete { session } => {
                let continued = self.row(session).filter(|row| self.continues(row)).and_then(|row| row.parent.clone());
                self.childless.extend(continued);
                self.deleted.push(session.clone());
                self.rows.retain(|row| row.id != *session);
                self.places = self.rows.iter().enumerate().map(|(place, row)| (row.id.clone(), place)).collect();
                for row in self.rows.iter_mut().filter(|row| row.parent.as_ref() == Some(session)) {
                    row.parent = None;
                }
            }
        }
    }

    /// The rows that a session continues give their title up to it.
    fn take_title(&mut self, id: &StoredId, title: &str) {
        let continued = |row: &SessionRow| row.parent.clone().filter(|_| row.branched_from.is_none());
        let mut next = self.row(id).and_then(continued);
        while let Some(row) = next.and_then(|id| self.row_mut(&id)) {
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
                let next = if used { self.next_title("branch") } else { "branch".to_owned() };
                self.change(&child.id, |row| row.title = Some(next));
            }
            (BranchTitle::None, _) => {}
        }
    }

    fn insert(&mut self, session: &NewSession) {
        if self.row(&session.id).is_some() {
            return;
        }
        // A branch is a conversation of its own.
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
        self.places.insert(session.id.clone(), self.rows.len());
        self.rows.push(SessionRow {
            id: session.id.clone(),
            source: session.source.clone(),
            parent,
            started_at: session.started_at,
            ended_at: None,
            end_reason: None,
            message_count: 0,
            tool_call_count: 0,
            title,
            cwd: session.cwd.clone(),
            model: session.model.clone(),
            branched_from: session.branched_from.clone(),
        });
    }

    fn end(&mut self, id: &StoredId, at: Wall, reason: EndReason) {
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
        let next = self.next_title(numbered(&title).map_or(title.as_str(), |(base, _)| base));
        self.change(id, |row| row.title = Some(next));
    }

    /// The title after the highest one that `base` has.
    fn next_title(&self, base: &str) -> String {
        let number = |title: &str| match numbered(title) {
            Some((of, number)) if of == base => Some(number),
            _ => (title == base).then_some(1),
        };
        let highest = self.rows.iter().filter_map(|row| number(row.title.as_deref()?)).max().unwrap_or(0);
        format!("{base} #{}", highest.max(1) + 1)
    }

    fn change(&mut self, id: &StoredId, change: impl FnOnce(&mut SessionRow)) {
        if let Some(row) = self.row_mut(id) {
            change(row);
        }
    }

    fn row_mut(&mut self, id: &StoredId) -> Option<&mut SessionRow> {
        self.places.get(id).map(|place| &mut self.rows[*place])
    }
}

/// `name #2` is the second of `name`.
fn numbered(title: &str) -> Option<(&str, u64)> {
    let (base, number) = title.rsplit_once(" #")?;
    Some((base, u64::from(number.parse::<u32>().ok()?)))
}
