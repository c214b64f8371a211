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
    pub fn keeps(&self) -> bool {
        match self.replay {
            Replay::Kept => true,
            Replay::Lost => false,
        }
    }

    /// Whether open questions are asked again.
    pub fn asks_again(&self) -> bool {
        match self.questions {
            Questions::AskedAgain => true,
            Questions::NotShown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_decide_one_thing_each() {
        let decided = |replay, questions| {
            let events = Events { replay, questions };
            (events.keeps(), events.asks_again())
        };
        assert_eq!(decided(Replay::Kept, Questions::AskedAgain), (true, true));
        assert_eq!(decided(Replay::Lost, Questions::AskedAgain), (false, true));
        assert_eq!(decided(Replay::Kept, Questions::NotShown), (true, false));
    }
}
