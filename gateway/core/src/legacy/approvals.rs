//! The approval table of old releases: which session's client is asked for leave to run commands, by stored id.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::agent::QuestionKind;
use crate::lifecycle::approval::Asked;
use crate::observe::{Observe, Resource};
use crate::record::{OpenQuestion, Resolution};
use crate::state::session::Session;
use crate::store::StoredId;

/// The entries. A release without the table leaves it empty.
pub(crate) struct ApprovalTable {
    /// Whom the release asks: a session found here, or the one whose agent asks.
    asked: Asked,
    entries: RefCell<BTreeMap<StoredId, Session>>,
    observe: Observe,
}

impl ApprovalTable {
    pub(crate) fn new(asked: Asked, observe: Observe) -> Self {
        Self { asked, entries: RefCell::default(), observe }
    }

    /// The session's agent is built: from now on its client is asked.
    pub(crate) fn enter(&self, session: &Session) {
        if self.asked == Asked::StoredId {
            self.observe.write(Resource::Approvals);
            self.entries.borrow_mut().insert(key(session), session.clone());
        }
    }

    /// The session is over. The entry under its stored id goes, also when it is another session's by now (S12). A release with
    /// the table denies what an agent asks for under that id, so that its turn goes on.
    pub(crate) fn leave(&self, session: &Session) {
        self.observe.write(Resource::Approvals);
        let entered = self.entries.borrow_mut().remove(&key(session));
        match self.asked {
            Asked::Session => {}
            Asked::StoredId => entered.iter().chain([session]).for_each(deny),
        }
    }

    /// Whether the session's client is asked.
    pub(crate) fn is_asked(&self, session: &Session) -> bool {
        self.observe.read(Resource::Approvals);
        match self.asked {
            Asked::Session => true,
            Asked::StoredId => self.entries.borrow().get(&key(session)).is_some_and(|asked| asked.is(session)),
        }
    }

    /// The session's key becomes the row that its agent writes, and its entry moves along.
    pub(crate) fn follow_row(&self, session: &Session) {
        let before = session.change(|record| std::mem::replace(&mut record.key, record.agent.row.clone()));
        self.observe.write(Resource::Approvals);
        let mut entries = self.entries.borrow_mut();
        if let Some(asked) = entries.remove(&before) {
            entries.insert(key(session), asked);
        }
    }
}

/// The open approval of a session is answered as if nobody had given leave.
fn deny(session: &Session) {
    let is_approval = |question: &OpenQuestion| question.kind == QuestionKind::Approval;
    let answer =
        session.change_with(|record, handles| handles.take_question(record, Resolution::SessionEnded, is_approval));
    if let Some(answer) = answer {
        let _ = answer.send(QuestionKind::Approval.unanswered().to_owned());
    }
}

fn key(session: &Session) -> StoredId {
    session.read(|record| record.key.clone())
}
