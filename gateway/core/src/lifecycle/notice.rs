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

/// What a session does with the outcome of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeClaim {
    /// It takes it: the outcome claims the session.
    Take,
    /// It leaves it for another time, or for another session.
    Leave,
}

/// What the end of a session does with the outcomes of its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticesAtEnd {
    /// They are dropped.
    Drop,
    /// They are kept for a session that takes them.
    Keep,
}

impl Notices {
    /// Decides by the state of the session whether an outcome may claim it.
    pub fn on_notice(&self, record: &Record) -> NoticeClaim {
        match (self.liveness, record.stage) {
            _ if record.is_running() => NoticeClaim::Leave,
            (Liveness::Checked, SessionStage::Open) | (Liveness::NotChecked, _) => NoticeClaim::Take,
            (Liveness::Checked, _) => NoticeClaim::Leave,
        }
    }

    /// Decides by the owner of an outcome whether a session takes it; `is_owner` says whether it has started the job.
    pub fn of_owner(&self, is_owner: bool, timing: NoticeTiming) -> NoticeClaim {
        match (self.taker, timing) {
            (Taker::AnyAfterTurn, NoticeTiming::TurnOver) => NoticeClaim::Take,
            (Taker::Owner, _) | (Taker::AnyAfterTurn, NoticeTiming::JobOver) if is_owner => NoticeClaim::Take,
            (Taker::Owner, _) | (Taker::AnyAfterTurn, NoticeTiming::JobOver) => NoticeClaim::Leave,
        }
    }

    /// What the end of a session does with the outcomes of its jobs. Releases that keep them have a gap before the session
    /// looks for them (S29).
    pub fn at_end(&self) -> NoticesAtEnd {
        match self.liveness {
            Liveness::Checked => NoticesAtEnd::Drop,
            Liveness::NotChecked => NoticesAtEnd::Keep,
        }
    }

    /// What happens to a job that is started again.
    pub fn watchers(&self) -> Watchers {
        self.watchers
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
        for (notices, of_closing, at_end) in
            [(&current, NoticeClaim::Leave, NoticesAtEnd::Drop), (&unchecked, NoticeClaim::Take, NoticesAtEnd::Keep)]
        {
            let decided = [idle(), running(), closing.clone()].map(|record| notices.on_notice(&record));
            assert_eq!(decided, [NoticeClaim::Take, NoticeClaim::Leave, of_closing], "{notices:?}");
            assert_eq!(notices.at_end(), at_end, "{notices:?}");
        }
    }

    #[test]
    fn outcomes_go_to_their_owner() {
        let decided = |taker, timing| {
            [true, false].map(|is_owner| Notices { taker, ..Notices::default() }.of_owner(is_owner, timing))
        };
        let owner_alone = [NoticeClaim::Take, NoticeClaim::Leave];
        for timing in [NoticeTiming::JobOver, NoticeTiming::TurnOver] {
            assert_eq!(decided(Taker::Owner, timing), owner_alone);
        }
        assert_eq!(decided(Taker::AnyAfterTurn, NoticeTiming::JobOver), owner_alone);
        assert_eq!(decided(Taker::AnyAfterTurn, NoticeTiming::TurnOver), [NoticeClaim::Take; 2]);
    }

    #[test]
    fn jobs_are_watched_by_release() {
        for watchers in [Watchers::OneForEachJob, Watchers::SessionClaimedFirst] {
            assert_eq!(Notices { watchers, ..Notices::default() }.watchers(), watchers);
        }
    }
}
