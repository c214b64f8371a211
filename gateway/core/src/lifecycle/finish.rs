//! Ending turns: when the session is free again.

use crate::group::group;

group! {
    /// Ending turns: when the session is free, failed turns.
    Finish "finish" {
        /// When the session becomes free for the next prompt.
        running: Running {
            /// Before `message.complete` is sent.
            ClearedBeforeComplete "cleared_before_complete",
            /// After `message.complete`: a fast client's next prompt is refused (S27).
            ClearedAfterComplete "cleared_after_complete",
        }
        /// What happens to the messages of a failed turn.
        failed: Failed {
            /// They are part of the history, and the key follows the turn's last row.
            Kept "kept",
            /// They are dropped from the history, and the key stays behind a rotation of the turn (spec §5.11).
            Forgotten "forgotten",
        }
        /// What the history records of an interrupt.
        interrupted: Interrupted {
            /// An agent message that the operation was interrupted.
            Said "said",
            /// Nothing (recordings of 0.16.0 and 0.17.0).
            Silent "silent",
        }
    }
}

/// When a turn that ends frees its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeTiming {
    /// Before `message.complete` is sent.
    BeforeComplete,
    /// After `message.complete` is sent.
    AfterComplete,
}

impl Finish {
    /// Whether a turn that raised is part of the conversation.
    pub fn keeps_failed(&self) -> bool {
        match self.failed {
            Failed::Kept => true,
            Failed::Forgotten => false,
        }
    }

    /// Whether an interrupted turn ends with a message that reports the interrupt.
    pub fn says_interrupted(&self) -> bool {
        match self.interrupted {
            Interrupted::Said => true,
            Interrupted::Silent => false,
        }
    }

    /// When the session is freed.
    pub fn free_timing(&self) -> FreeTiming {
        match self.running {
            Running::ClearedBeforeComplete => FreeTiming::BeforeComplete,
            Running::ClearedAfterComplete => FreeTiming::AfterComplete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(finish: &Finish, timing: FreeTiming, keeps_failed: bool, says_interrupted: bool) {
        let decisions = (finish.free_timing(), finish.keeps_failed(), finish.says_interrupted());
        assert_eq!(decisions, (timing, keeps_failed, says_interrupted), "{finish:?}");
    }

    #[test]
    fn fields_decide_one_thing_each() {
        let current = Finish::default;
        let first = FreeTiming::BeforeComplete;
        check(&current(), first, true, true);
        check(&Finish { running: Running::ClearedAfterComplete, ..current() }, FreeTiming::AfterComplete, true, true);
        check(&Finish { failed: Failed::Forgotten, ..current() }, first, false, true);
        check(&Finish { interrupted: Interrupted::Silent, ..current() }, first, true, false);
    }
}
