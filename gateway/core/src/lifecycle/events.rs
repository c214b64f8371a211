//! Events: whether a client that comes back can tell what it has missed.

use crate::group::group;

group! {
    /// Events.
    Events "events" {
        /// What a client that was away can learn of the events that it missed.
        replay: Replay {
            /// Each event of a session has a number, and the last ones are kept for whoever asks.
            Kept "kept",
            /// Nothing: events to nobody are lost (C3).
            Lost "lost",
        }
        /// What becomes of a question that is open when a client comes back.
        questions: Questions {
            /// It is asked again.
            AskedAgain "asked_again",
            /// Nothing: the client sees a session at work, the agent waits until its time is over (A20).
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
