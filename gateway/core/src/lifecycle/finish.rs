//! Ending turns: when the session is free again.

use crate::group::group;
use crate::record::Transcript;
use crate::store::Role;

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
            /// They are dropped, and the number of stored messages is not reduced: as many messages of the next turn count as
            /// stored and never are (recordings of 0.16.0).
            ForgottenButCounted "forgotten_but_counted",
            /// They are dropped. Stored messages are known by their addresses in memory, and later messages may get the
            /// addresses of dropped ones: those count as stored and never are (recordings of 0.17.0).
            ForgottenButAddressed "forgotten_but_addressed",
        }
        /// What the history records of an interrupt.
        interrupted: Interrupted {
            /// An agent message that the operation was interrupted.
            Said "said",
            /// An agent message as above, but only after the result of a tool (recordings of 0.18.2 and 0.19.0).
            SaidAfterTool "said_after_tool",
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

/// What becomes of the messages of a failed turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// They stay in the history.
    Keep,
    /// The history is what it was before the turn.
    Forget {
        /// How many later messages are taken for stored in place of those that the turn had stored.
        mistaken: Mistaken,
    },
}

/// Messages that an old release takes for stored although they are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistaken {
    /// None.
    None,
    /// One for each forgotten message that was stored.
    All,
    /// One for each forgotten message that was stored, or fewer: it depends on which memory the new ones get.
    Some,
}

/// The history after a turn that began with it has failed and is forgotten. `failed` is the transcript at that turn's end.
/// `by` says by what the release knows stored messages.
pub fn after_forgetting(mut history: Transcript, failed: &Transcript, by: Mistaken) -> Transcript {
    let is_compressed = failed.version != history.version;
    let forgotten = match by {
        // All that the row of the turn holds: its messages are others than those of the history.
        Mistaken::Some if is_compressed => failed.saved,
        Mistaken::None | Mistaken::All | Mistaken::Some => failed.saved.saturating_sub(history.messages.len()),
    };
    history.mistaken = failed.mistaken + forgotten;
    history.loaded = if is_compressed { 0 } else { history.loaded.min(failed.loaded) };
    history
}

impl Finish {
    /// What becomes of the messages of a turn that has failed.
    pub fn on_failure(&self) -> OnFailure {
        match self.failed {
            Failed::Kept => OnFailure::Keep,
            Failed::Forgotten => OnFailure::Forget { mistaken: Mistaken::None },
            Failed::ForgottenButCounted => OnFailure::Forget { mistaken: Mistaken::All },
            Failed::ForgottenButAddressed => OnFailure::Forget { mistaken: Mistaken::Some },
        }
    }

    /// Whether an interrupted turn ends with a message that reports the interrupt. `last` is the role of its last message.
    pub fn says_interrupted(&self, last: Option<Role>) -> bool {
        match self.interrupted {
            Interrupted::Said => true,
            Interrupted::SaidAfterTool => last == Some(Role::Tool),
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
    use crate::clock::Wall;
    use crate::store::NewMessage;

    #[test]
    fn sessions_are_freed_before_or_after_the_end_is_reported() {
        let timing = |running| Finish { running, ..Finish::default() }.free_timing();
        assert_eq!(timing(Running::ClearedBeforeComplete), FreeTiming::BeforeComplete);
        assert_eq!(timing(Running::ClearedAfterComplete), FreeTiming::AfterComplete);
    }

    #[test]
    fn failed_turns_are_kept_or_forgotten() {
        let decided = |failed| Finish { failed, ..Finish::default() }.on_failure();
        let forget = |mistaken| OnFailure::Forget { mistaken };
        assert_eq!(decided(Failed::Kept), OnFailure::Keep);
        assert_eq!(decided(Failed::Forgotten), forget(Mistaken::None));
        assert_eq!(decided(Failed::ForgottenButCounted), forget(Mistaken::All));
        assert_eq!(decided(Failed::ForgottenButAddressed), forget(Mistaken::Some));
    }

    /// A history of two messages, after a turn that had stored two more or, after a compression, two of its own.
    #[test]
    fn forgotten_messages_are_counted_by_release() {
        let said = |saved, version| Transcript {
            messages: vec![NewMessage::text(Role::User, "x", Wall(0)); saved],
            saved,
            version,
            ..Transcript::default()
        };
        let mistaken = |failed: &Transcript, by| after_forgetting(said(2, 0), failed, by).mistaken;
        assert_eq!([Mistaken::All, Mistaken::Some].map(|by| mistaken(&said(4, 0), by)), [2, 2]);
        assert_eq!([Mistaken::All, Mistaken::Some].map(|by| mistaken(&said(2, 1), by)), [0, 2]);
    }

    #[test]
    fn interrupts_are_reported_by_release() {
        let says = |interrupted| {
            let finish = Finish { interrupted, ..Finish::default() };
            [None, Some(Role::User), Some(Role::Assistant), Some(Role::Tool)].map(|last| finish.says_interrupted(last))
        };
        assert_eq!(says(Interrupted::Said), [true; 4]);
        assert_eq!(says(Interrupted::SaidAfterTool), [false, false, false, true]);
        assert_eq!(says(Interrupted::Silent), [false; 4]);
    }
}
