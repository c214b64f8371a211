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
        /// Whether clients that show a question hear how it was resolved.
        resolved: Resolved {
            /// Each that it was sent to receives `question.resolved`.
            Announced "announced",
            /// No: the question stays open on the screens of other clients (in all releases here).
            Silent "silent",
        }
        /// What a client receives that gets a session back because another client has left.
        returned: Returned {
            /// The state of the session: whether a turn runs, and its prompt and reply so far.
            StateIsSent "state_is_sent",
            /// Nothing: the client shows the state in which it lost the session (part of no release here).
            Nothing "nothing",
        }
        /// What happens to the other requests of a connection while one of its sessions has an open question.
        while_asking: WhileAsking {
            /// They are carried out.
            Serves "serves",
            /// They wait for its answer, which waits behind them (agentclientprotocol/claude-agent-acp#830, part of no release
            /// here).
            HoldsUp "holds_up",
        }
        /// Which question an answer is given to.
        answers: Answers {
            /// The one with the id in the answer.
            Named "named",
            /// The first open one of its kind, which may be that of another session.
            FirstOfItsKind "first_of_its_kind",
        }
        /// The numbers of the events of a session.
        numbers: Numbers {
            /// Consecutive ones.
            Consecutive "consecutive",
            /// Every eighth number is skipped: a client takes the gap for events that it has missed.
            WithGaps "with_gaps",
        }
        /// What the answer says to a client that asks for events, if the first of them are kept no more.
        lost: Lost {
            /// That the list is not whole.
            Marked "marked",
            /// Nothing: it takes the rest for everything.
            Unmarked "unmarked",
        }
    }
}

/// How events are numbered and replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaying {
    numbers: Numbers,
    lost: Lost,
}

impl Replaying {
    /// The number of the event after number `latest`.
    pub fn next(self, latest: u64) -> u64 {
        match self.numbers {
            Numbers::WithGaps if latest % 8 == 7 => latest + 2,
            Numbers::Consecutive | Numbers::WithGaps => latest + 1,
        }
    }

    /// What the answer says if its list of events begins too late.
    pub fn lost(self) -> Lost {
        self.lost
    }
}

impl Answers {
    /// Whether an answer that names the question `named` is given to `question`, which is of the kind that it answers.
    pub fn is_meant(self, question: &str, named: &str) -> bool {
        match self {
            Self::Named => question == named,
            Self::FirstOfItsKind => true,
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

    /// Whether clients hear how a question was resolved.
    pub fn resolved(&self) -> Resolved {
        self.resolved
    }

    /// What happens to other requests while a question is open.
    pub fn while_asking(&self) -> WhileAsking {
        self.while_asking
    }

    /// What a client receives that gets a session back.
    pub fn returned(&self) -> Returned {
        self.returned
    }

    /// How events are numbered and replayed.
    pub fn replaying(&self) -> Replaying {
        Replaying { numbers: self.numbers, lost: self.lost }
    }

    /// Which question an answer is given to.
    pub fn answers(&self) -> Answers {
        self.answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_decide_one_thing_each() {
        let decided = |replay, questions| {
            let events = Events { replay, questions, ..Events::default() };
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

    #[test]
    fn clients_are_informed_by_release() {
        let decided = |events: &Events| (events.resolved(), events.returned(), events.while_asking());
        let current = (Resolved::Announced, Returned::StateIsSent, WhileAsking::Serves);
        assert_eq!(decided(&Events::default()), current);
        let (resolved, returned, while_asking) = (Resolved::Silent, Returned::Nothing, WhileAsking::HoldsUp);
        let other = Events { resolved, returned, while_asking, ..Events::default() };
        assert_eq!(decided(&other), (resolved, returned, while_asking));
    }

    #[test]
    fn an_answer_is_given_to_the_question_it_names() {
        let is_meant = |answers, named| Events { answers, ..Events::default() }.answers().is_meant("one", named);
        assert!(is_meant(Answers::Named, "one") && !is_meant(Answers::Named, "other"));
        assert!(is_meant(Answers::FirstOfItsKind, "other"));
    }

    #[test]
    fn numbers_follow_each_other() {
        let numbers = |numbers| {
            let replaying = Events { numbers, ..Events::default() }.replaying();
            [0, 6, 7].map(|latest| replaying.next(latest))
        };
        assert_eq!(numbers(Numbers::Consecutive), [1, 7, 8]);
        assert_eq!(numbers(Numbers::WithGaps), [1, 7, 9]);
    }
}
