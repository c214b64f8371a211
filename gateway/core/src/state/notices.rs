//! The outcomes of background jobs that no session has taken yet.

use std::cell::RefCell;

use crate::observe::{Observe, Resource};
use crate::record::Kept;
use crate::state::session::Session;
use crate::store::InputId;

/// The outcomes of all sessions' jobs, oldest first.
#[derive(Default)]
pub(crate) struct Notices {
    waiting: RefCell<Vec<Notice>>,
    observe: Observe,
}

/// The outcome of one job.
pub(crate) struct Notice {
    /// The session that started the job.
    pub(crate) owner: Session,
    /// The agent's name for the job.
    pub(crate) job: String,
    /// The outcome, as text that can be sent as a prompt.
    pub(crate) text: String,
    /// Whether it outlives the process.
    pub(crate) kept: Kept,
}

impl Notices {
    pub(crate) fn observed(observe: Observe) -> Self {
        Self { observe, ..Self::default() }
    }

    /// Adds an outcome after all others.
    pub(crate) fn add(&self, notice: Notice) {
        self.observe.write(Resource::Notices);
        self.waiting.borrow_mut().push(notice);
    }

    /// Takes out the oldest outcome that `may` be taken.
    pub(crate) fn take(&self, may: impl Fn(&Notice) -> bool) -> Option<Notice> {
        self.observe.write(Resource::Notices);
        let mut waiting = self.waiting.borrow_mut();
        let place = waiting.iter().position(may)?;
        Some(waiting.remove(place))
    }

    /// The outcome of a job that waits has this id in the rows from now on. False if a turn has taken it, or the session has
    /// ended.
    pub(crate) fn keep(&self, session: &Session, job: &str, id: &InputId) -> bool {
        self.observe.write(Resource::Notices);
        let mut waiting = self.waiting.borrow_mut();
        let found = waiting
            .iter_mut()
            .find(|notice| notice.owner.is(session) && notice.job == job && notice.kept == Kept::Memory);
        found.map(|notice| notice.kept = Kept::Stored(id.clone())).is_some()
    }

    /// Whether an outcome waits in the rows for the session.
    pub(crate) fn has_kept(&self, session: &Session) -> bool {
        self.observe.read(Resource::Notices);
        let kept = |notice: &Notice| notice.owner.is(session) && notice.kept != Kept::Memory;
        self.waiting.borrow().iter().any(kept)
    }

    /// Drops the outcomes of the jobs of a session that has ended.
    pub(crate) fn forget(&self, session: &Session) {
        self.observe.write(Resource::Notices);
        self.waiting.borrow_mut().retain(|notice| !notice.owner.is(session));
    }
}
