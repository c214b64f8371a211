//! Events: whether a returning client can replay events that it missed.

use crate::group::group;

group! {
    /// Events: replay and open questions.
    Events "events" {
        /// Whether a client can replay events that it missed.
        replay: Replay {
            /// Events are numbered, and the most recent ones can be requested.
            Kept "kept",
            /// No: events without a client are lost (C3).
            Lost "lost",
        }
        /// What happens to an open question when a client resumes.
        questions: Questions {
            /// It is sent again.
            AskedAgain "asked_again",
            /// Nothing: the client sees a busy session, and the agent waits for the question's timeout (A20).
            NotShown "not_shown",
        }
    }
}

impl Events {
    /// Whether events are numbered and the last ones kept.
    pub fn replay(&self) -> Replay {
        self.replay
    }

    /// What happens to an open question when a client resumes.
    pub fn questions(&self) -> Questions {
        self.questions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_decide_one_thing_each() {
        let decided = |replay, questions| {
            let events = Events { replay, questions };
            (events.replay(), events.questions())
        };
        for expected in [
            (Replay::Kept, Questions::AskedAgain),
            (Replay::Lost, Questions::AskedAgain),
            (Replay::Kept, Questions::NotShown),
        ] {
            assert_eq!(decided(expected.0, expected.1), expected);
        }
    }
}
