//! Stopping turns: which turn an interrupt stops, and when.

use crate::agent::QuestionKind;
use crate::group::group;
use crate::record::{Record, TurnPhase};

group! {
    /// Interrupts: their target, their time, their answers.
    Stop "interrupt" {
        /// What an interrupt does to an idle session.
        idle: Idle {
            /// Nothing; the next turn is unaffected.
            Ignored "ignored",
            /// It is kept and interrupts the next turn at once (A16).
            Sticky "sticky",
        }
        /// Which turn a prompt interrupts.
        busy: BusyInterrupt {
            /// The turn that ran when the prompt arrived.
            TurnAtWork "turn_at_work",
            /// The turn that runs when the interrupt is carried out, which may be the prompt's own (S16).
            TurnOfTheMoment "turn_of_the_moment",
        }
        /// What happens to an interrupt while the turn waits for its agent.
        waiting: Waiting {
            /// The turn ends at once.
            Kept "kept",
            /// It is checked when the agent is built; one that arrives right after the check is lost (S17).
            Cleared "cleared",
            /// It is checked when the agent is built.
            LookedAtLater "looked_at_later",
        }
        /// What an interrupt does to a turn that has claimed the session but not begun.
        claimed: Claimed {
            /// The turn ends when it begins.
            EndsAtOnce "ends_at_once",
            /// The turn loses its claim; if a second prompt claims the session meanwhile, both turns run (S18).
            LosesSession "loses_session",
        }
        /// What an interrupt does to a turn that waits for an answer of its user.
        asking: Asking {
            /// The turn stops, and an answer that comes later is refused.
            Stops "stops",
            /// The turn stops when its task runs next; an answer that comes before counts.
            StopsLater "stops_later",
            /// The turn waits on, and a later answer counts (ThinkInAIXYZ/deepchat#1881, part of no release here).
            WaitsOn "waits_on",
        }
        /// Which turn an interrupt stops after a client has resumed its session.
        resumed: AfterResume {
            /// The turn that runs, as before the resume.
            Same "same",
            /// None until the next turn (zed-industries/codex-acp#186, part of no release here).
            None "none",
        }
        /// What happens to an accepted answer that the turn has not read before an interrupt.
        answer: Answer {
            /// The turn reads it and then stops.
            Kept "kept",
            /// The interrupt releases open questions with an empty answer and overwrites it (S31).
            Wiped "wiped",
        }
        /// What an interrupt does to prompts that wait, and to words that the turn has not read.
        queue: OnQueue {
            /// They stay: it stops the turn, and the next prompt has its turn.
            Kept "kept",
            /// They are cancelled, although they were accepted (opencode#5333).
            Cancelled "cancelled",
        }
        /// What happens to an answer that the agent produces after an interrupt.
        late: Late {
            /// It is discarded, and the turn ends as interrupted.
            Dropped "dropped",
            /// It is sent and stored, and the turn ends as completed (related to S17, part of no release here).
            SentAndStored "sent_and_stored",
        }
    }
}

/// What an interrupt stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptTarget {
    /// The turn that runs.
    Turn,
    /// The claim of a turn that has not begun.
    Claim,
    /// The turn that comes next.
    NextTurn,
    /// Nothing: there is no turn.
    Nothing,
}

/// When an interrupt stops a turn that waits for its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptTiming {
    /// When the interrupt arrives.
    AtOnce,
    /// When the agent is ready.
    WhenReady,
    /// When the agent is ready. One that comes right after that is lost (S17).
    WhenReadyThenCleared,
}

impl Stop {
    /// Which turn a prompt interrupts, and so when its interrupt is sent.
    pub fn on_busy(&self) -> BusyInterrupt {
        self.busy
    }

    /// When an interrupt stops a turn that waits for its agent.
    pub fn while_waiting(&self) -> InterruptTiming {
        match self.waiting {
            Waiting::Kept => InterruptTiming::AtOnce,
            Waiting::Cleared => InterruptTiming::WhenReadyThenCleared,
            Waiting::LookedAtLater => InterruptTiming::WhenReady,
        }
    }

    /// Whether an interrupt ends the wait for an answer.
    pub fn ends_questions(&self) -> bool {
        match self.asking {
            Asking::Stops | Asking::StopsLater => true,
            Asking::WaitsOn => false,
        }
    }

    /// Whether an answer to the open question counts.
    pub fn takes_answer(&self, record: &Record) -> bool {
        let is_stopped = record.turn.as_ref().is_some_and(|turn| turn.interrupted);
        match self.asking {
            Asking::Stops => !is_stopped,
            Asking::StopsLater | Asking::WaitsOn => true,
        }
    }

    /// Which turn an interrupt stops after a resume.
    pub fn after_resume(&self) -> AfterResume {
        self.resumed
    }

    /// What an interrupt does to an answer that the turn has not read. An approval is never replaced.
    pub fn on_unread(&self, kind: QuestionKind) -> Answer {
        match kind {
            QuestionKind::Approval => Answer::Kept,
            QuestionKind::Clarify | QuestionKind::Sudo | QuestionKind::Secret => self.answer,
        }
    }

    /// What an interrupt does to input that waits.
    pub fn on_queue(&self) -> OnQueue {
        self.queue
    }

    /// Whether words of the agent after an interrupt are dropped. Results of its tools are kept.
    pub fn drops_late_words(&self) -> bool {
        match self.late {
            Late::Dropped => true,
            Late::SentAndStored => false,
        }
    }

    /// The target of `session.interrupt`.
    pub fn target(&self, record: &Record) -> InterruptTarget {
        match (record.turn.as_ref().map(|turn| turn.phase), self.claimed, self.idle) {
            (Some(TurnPhase::Claimed), Claimed::LosesSession, _) => InterruptTarget::Claim,
            (Some(_), _, _) => InterruptTarget::Turn,
            (None, _, Idle::Ignored) => InterruptTarget::Nothing,
            (None, _, Idle::Sticky) => InterruptTarget::NextTurn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{idle, running, with};

    #[track_caller]
    fn check(stop: &Stop, record: &Record, expected: InterruptTarget) {
        assert_eq!(stop.target(record), expected, "{stop:?}");
    }

    #[test]
    fn an_interrupt_stops_the_turn_that_holds_the_session() {
        let claimed = with(running(), |record| record.turn.as_mut().unwrap().phase = TurnPhase::Claimed);
        let current = Stop::default();
        check(&current, &running(), InterruptTarget::Turn);
        check(&current, &claimed, InterruptTarget::Turn);
        check(&current, &idle(), InterruptTarget::Nothing);
        let losing = Stop { claimed: Claimed::LosesSession, ..Stop::default() };
        check(&losing, &claimed, InterruptTarget::Claim);
        check(&losing, &running(), InterruptTarget::Turn);
        let sticky = Stop { idle: Idle::Sticky, ..Stop::default() };
        check(&sticky, &idle(), InterruptTarget::NextTurn);
        check(&sticky, &running(), InterruptTarget::Turn);
    }

    /// An approval that was given stays given.
    #[test]
    fn only_texts_are_wiped() {
        let wiping = Stop { answer: Answer::Wiped, ..Stop::default() };
        let kinds = [QuestionKind::Clarify, QuestionKind::Approval];
        assert_eq!(kinds.map(|kind| wiping.on_unread(kind)), [Answer::Wiped, Answer::Kept]);
        assert_eq!(kinds.map(|kind| Stop::default().on_unread(kind)), [Answer::Kept; 2]);
    }

    #[test]
    fn interrupts_of_prompts_and_late_words_are_treated_by_release() {
        let decided = |stop: &Stop| (stop.on_busy(), stop.drops_late_words());
        assert_eq!(decided(&Stop::default()), (BusyInterrupt::TurnAtWork, true));
        let other = Stop { busy: BusyInterrupt::TurnOfTheMoment, late: Late::SentAndStored, ..Stop::default() };
        assert_eq!(decided(&other), (BusyInterrupt::TurnOfTheMoment, false));
    }

    #[test]
    fn questions_and_resumes_take_no_interrupt_away() {
        let decided = |stop: &Stop| (stop.ends_questions(), stop.after_resume());
        assert_eq!(decided(&Stop::default()), (true, AfterResume::Same));
        let other = Stop { asking: Asking::WaitsOn, resumed: AfterResume::None, ..Stop::default() };
        assert_eq!(decided(&other), (false, AfterResume::None));
        let stopped = with(running(), |record| record.turn.as_mut().unwrap().interrupted = true);
        let later = Stop { asking: Asking::StopsLater, ..Stop::default() };
        assert_eq!([Stop::default(), later].map(|stop| stop.takes_answer(&stopped)), [false, true]);
        assert!(Stop::default().takes_answer(&running()));
    }

    #[test]
    fn a_turn_that_waits_stops_by_release() {
        let timing = |waiting| Stop { waiting, ..Stop::default() }.while_waiting();
        assert_eq!(timing(Waiting::Kept), InterruptTiming::AtOnce);
        assert_eq!(timing(Waiting::LookedAtLater), InterruptTiming::WhenReady);
        assert_eq!(timing(Waiting::Cleared), InterruptTiming::WhenReadyThenCleared);
    }
}
