//! Stopping turns: whom an interrupt hits.

use crate::agent::QuestionKind;
use crate::group::group;
use crate::record::{Record, TurnPhase};

group! {
    /// Stopping turns.
    Stop "interrupt" {
        /// What an interrupt does to a session at rest.
        idle: Idle {
            /// Nothing.
            Ignored "ignored",
            /// It is kept, and stops the next turn at once (A16).
            Sticky "sticky",
        }
        /// Which turn a prompt interrupts that comes while one is at work.
        busy: BusyInterrupt {
            /// The one that was at work when it came.
            TurnAtWork "turn_at_work",
            /// The one that is at work a moment later, which may be its own (S16).
            TurnOfTheMoment "turn_of_the_moment",
        }
        /// What becomes of an interrupt that comes while the turn waits for its agent.
        waiting: Waiting {
            /// The turn is over at once.
            Kept "kept",
            /// It is looked at when the agent is there; one that comes right after that look is lost (S17).
            Cleared "cleared",
            /// It is looked at when the agent is there.
            LookedAtLater "looked_at_later",
        }
        /// What an interrupt does to a turn that holds the session and has not begun yet.
        claimed: Claimed {
            /// It ends when it begins.
            EndsAtOnce "ends_at_once",
            /// It loses the session; a second prompt that takes it meanwhile lets both turns run (S18).
            LosesSession "loses_session",
        }
        /// What becomes of an answer that a client has given and the turn has not read when an interrupt comes.
        answer: Answer {
            /// The turn reads it, and then stops.
            Kept "kept",
            /// The interrupt, which releases open questions with an empty answer, writes over it (S31).
            Wiped "wiped",
        }
        /// What becomes of an answer that the agent still gives after it was told to stop.
        late: Late {
            /// Nobody hears of it, and the turn ends as one that was stopped.
            Dropped "dropped",
            /// It is told and stored, and ends the turn as if nobody had asked it to stop (the kin of S17, part of no
            /// release here).
            Told "told",
        }
    }
}

/// Whom an interrupt hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hits {
    /// The turn that runs.
    Turn,
    /// The claim of a turn that has not begun.
    Claim,
    /// The turn that comes next.
    NextTurn,
    /// Nobody.
    Nobody,
}

/// How a turn that waits for its agent minds an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minds {
    /// At once.
    AtOnce,
    /// When the agent is there.
    Later,
    /// When the agent is there; then it forgets.
    LaterAndForgets,
}

impl Stop {
    /// Whether a prompt's interrupt goes out on its own, to whichever turn it then finds.
    pub fn goes_out_late(&self) -> bool {
        match self.busy {
            BusyInterrupt::TurnAtWork => false,
            BusyInterrupt::TurnOfTheMoment => true,
        }
    }

    /// How a turn that waits for its agent minds an interrupt.
    pub fn while_waiting(&self) -> Minds {
        match self.waiting {
            Waiting::Kept => Minds::AtOnce,
            Waiting::Cleared => Minds::LaterAndForgets,
            Waiting::LookedAtLater => Minds::Later,
        }
    }

    /// Whether an interrupt wipes out an answer that the turn has not read. Leave to run a command is given for good.
    pub fn wipes_answer(&self, kind: QuestionKind) -> bool {
        match self.answer {
            Answer::Kept => false,
            Answer::Wiped => kind != QuestionKind::Approval,
        }
    }

    /// Whether what an agent says after it was told to stop is passed over. What its tools did is kept.
    pub fn drops_late_words(&self) -> bool {
        match self.late {
            Late::Dropped => true,
            Late::Told => false,
        }
    }

    /// A client asks to stop.
    pub fn hits(&self, record: &Record) -> Hits {
        match (record.turn.as_ref().map(|turn| turn.phase), self.claimed, self.idle) {
            (Some(TurnPhase::Claimed), Claimed::LosesSession, _) => Hits::Claim,
            (Some(_), _, _) => Hits::Turn,
            (None, _, Idle::Ignored) => Hits::Nobody,
            (None, _, Idle::Sticky) => Hits::NextTurn,
        }
    }
}
