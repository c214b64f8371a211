//! The outcomes of background jobs: which session takes them, and when.

use crate::group::group;
use crate::record::{Record, SessionStage};

group! {
    /// What background jobs have to say.
    Notices "notices" {
        /// Which session takes the notice of a background job.
        taker: Taker {
            /// The session that started it.
            Owner "owner",
            /// The session that ends a turn first (A22).
            AnyAfterTurn "any_after_turn",
        }
        /// Whether a session that is being ended takes a notice.
        liveness: Liveness {
            /// It does not: the notice ends with its session.
            Checked "checked",
            /// It does: a turn starts on a record that is no longer registered (S29).
            NotChecked "not_checked",
        }
        /// What happens to a job that is started again and so has two watchers.
        watchers: Watchers {
            /// It keeps its one watcher, and its notice is delivered once.
            OneForEachJob "one_for_each_job",
            /// The second watcher claims the session and then finds no notice: the session is busy for ever (S21).
            SessionClaimedFirst "session_claimed_first",
        }
    }
}

/// When a session takes an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeTiming {
    /// A job of this session is over.
    JobOver,
    /// A turn of this session is over.
    TurnOver,
}

impl Notices {
    /// Whether an outcome may claim the session.
    pub fn may_begin(&self, record: &Record) -> bool {
        let open = match self.liveness {
            Liveness::Checked => record.stage == SessionStage::Open,
            Liveness::NotChecked => true,
        };
        open && !record.is_running()
    }

    /// Whether a session takes the outcome of a job; `is_owner` says whether it has started the job.
    pub fn takes(&self, is_owner: bool, timing: NoticeTiming) -> bool {
        match (self.taker, timing) {
            (Taker::Owner, _) | (Taker::AnyAfterTurn, NoticeTiming::JobOver) => is_owner,
            (Taker::AnyAfterTurn, NoticeTiming::TurnOver) => true,
        }
    }

    /// Whether the outcomes of a session's jobs are dropped at its end. Releases that keep them have a gap before the
    /// session looks for them (S29).
    pub fn end_with_session(&self) -> bool {
        match self.liveness {
            Liveness::Checked => true,
            Liveness::NotChecked => false,
        }
    }

    /// Whether a job that is started again gets no second watcher.
    pub fn watch_once(&self) -> bool {
        match self.watchers {
            Watchers::OneForEachJob => true,
            Watchers::SessionClaimedFirst => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{idle, running, with};

    #[test]
    fn outcomes_claim_open_sessions_without_a_turn() {
        let closing = with(idle(), |record| record.stage = SessionStage::Closing);
        let current = Notices::default();
        let unchecked = Notices { liveness: Liveness::NotChecked, ..Notices::default() };
        for (notices, claims_closing) in [(&current, false), (&unchecked, true)] {
            assert!(notices.may_begin(&idle()) && !notices.may_begin(&running()));
            assert_eq!(notices.may_begin(&closing), claims_closing, "{notices:?}");
        }
    }

    #[test]
    fn outcomes_go_to_their_owner() {
        let takes = |taker, is_owner, timing| Notices { taker, ..Notices::default() }.takes(is_owner, timing);
        for timing in [NoticeTiming::JobOver, NoticeTiming::TurnOver] {
            assert!(takes(Taker::Owner, true, timing) && !takes(Taker::Owner, false, timing));
        }
        assert!(takes(Taker::AnyAfterTurn, false, NoticeTiming::TurnOver));
        assert!(!takes(Taker::AnyAfterTurn, false, NoticeTiming::JobOver));
    }
}
