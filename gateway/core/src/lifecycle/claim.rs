//! Accepting a prompt: whether it may start, and how its row is inserted.

use crate::config::BusyInput;
use crate::group::group;
use crate::lifecycle::grace;
use crate::record::{AgentState, Record, SessionStage};

group! {
    /// Accepting a prompt: busy sessions, liveness, its row.
    Claim "claim" {
        /// What happens to a prompt while a turn runs.
        busy: BusyPrompt {
            /// `busy_input_mode` decides: it is queued, interrupts the running turn, or steers it.
            Policy "policy",
            /// It is refused as busy.
            Reject "reject",
        }
        /// Whether a session that is being ended refuses prompts.
        liveness: Liveness {
            /// It does; the client may retry with the resumed session.
            Checked "checked",
            /// It does not: the turn runs on a record that is no longer registered (S34, S10).
            NotChecked "not_checked",
        }
        /// Whether the busy check and the claim are one atomic step.
        sections: Sections {
            /// They are one atomic step.
            One "one",
            /// They are separate: a second prompt in between also claims the session, and two turns run (S15).
            TestedThenClaimed "tested_then_claimed",
        }
        /// How the first prompt's row is inserted.
        row: RowInsert {
            /// In one transaction with the prompt, followed by a check that the session is still open.
            WithPrompt "with_prompt",
            /// On its own, without error handling or a check: a close in between leaves an open row (S8). The prompt is
            /// stored with the turn and is lost without an agent (A14).
            PlainInsert "plain_insert",
        }
        /// What a prompt that would interrupt the running turn does while that compresses the conversation.
        compressing: Compressing {
            /// It waits: a user who keeps typing would stop one compression after the other (hermes-agent#114689).
            Waits "waits",
            /// It interrupts the turn.
            Interrupts "interrupts",
        }
        /// Whether a request with an idempotency key that was used before is the same request.
        keys: Keys {
            /// It is: it runs once, and the second is answered as the first was.
            Honored "honored",
            /// Keys are unknown: it is another request, which runs too (LibreChat#14348).
            Ignored "ignored",
        }
    }
}

/// What to do with a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It claims the session and starts.
    Start,
    /// Refuse it: a turn holds the session.
    Reject,
    /// It waits for the turn that holds the session.
    Queue,
    /// It waits, and the turn that holds the session is interrupted.
    QueueAndInterrupt,
    /// Pass it to the turn that holds the session.
    Steer,
    /// Refuse it: the session is being ended, or opened.
    Unavailable,
}

/// How the row of a prompt is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstWrite {
    /// Row and prompt together; a failure refuses the prompt.
    RowAndPrompt,
    /// The row alone; a failure is ignored.
    RowAlone,
}

impl Claim {
    /// Decides on a prompt that has arrived.
    pub fn admit(&self, record: &Record, mode: BusyInput) -> Admission {
        let open = match self.liveness {
            Liveness::Checked => record.stage == SessionStage::Open,
            Liveness::NotChecked => true,
        };
        match open {
            true if grace::is_settling(record) => Admission::Reject,
            true if record.is_running() => match (self.busy, mode) {
                (BusyPrompt::Policy, BusyInput::Interrupt) if self.spares(record) => Admission::Queue,
                (BusyPrompt::Policy, BusyInput::Interrupt) => Admission::QueueAndInterrupt,
                (BusyPrompt::Policy, BusyInput::Steer) if can_listen(record) => Admission::Steer,
                (BusyPrompt::Policy, BusyInput::Queue | BusyInput::Steer) => Admission::Queue,
                (BusyPrompt::Reject, _) => Admission::Reject,
            },
            // A prompt that was accepted earlier is about to begin.
            true if record.has_kept() => Admission::Queue,
            true => Admission::Start,
            false => Admission::Unavailable,
        }
    }

    /// Whether a session that is being ended refuses prompts.
    pub fn liveness(&self) -> Liveness {
        self.liveness
    }

    /// In how many steps a prompt is admitted and claims its session.
    pub fn sections(&self) -> Sections {
        self.sections
    }

    /// What is written before the prompt is accepted.
    pub fn first_write(&self) -> FirstWrite {
        match self.row {
            RowInsert::WithPrompt => FirstWrite::RowAndPrompt,
            RowInsert::PlainInsert => FirstWrite::RowAlone,
        }
    }

    /// Whether no prompt interrupts the running turn at this time.
    pub fn spares(&self, record: &Record) -> bool {
        self.compressing == Compressing::Waits && record.is_compressing()
    }

    /// What the idempotency key of a request means.
    pub fn keys(&self) -> Keys {
        self.keys
    }

    /// Whether a prompt stays in the conversation whose turn never began, for want of an agent.
    pub fn keeps_unbegun(&self) -> bool {
        match self.row {
            RowInsert::WithPrompt => true,
            RowInsert::PlainInsert => false,
        }
    }
}

/// Whether the running turn can be steered: it has an agent, unlike a compression that a client requested.
fn can_listen(record: &Record) -> bool {
    let prompted = record.turn.as_ref().is_some_and(|turn| !turn.user.is_empty());
    prompted && matches!(record.agent.state, AgentState::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{idle, running, with};
    use crate::record::{Kept, Queued};

    #[track_caller]
    fn check(claim: &Claim, record: &Record, mode: BusyInput, expected: Admission) {
        assert_eq!(claim.admit(record, mode), expected, "{claim:?} {mode:?}");
    }

    #[test]
    fn prompts_are_admitted_by_state() {
        let current = Claim::default();
        let closing = with(idle(), |record| record.stage = SessionStage::Closing);
        let settling = with(idle(), |record| record.details.interrupted = Some(0));
        check(&current, &idle(), BusyInput::Interrupt, Admission::Start);
        check(&current, &closing, BusyInput::Interrupt, Admission::Unavailable);
        check(&current, &settling, BusyInput::Interrupt, Admission::Reject);
        let unchecked = Claim { liveness: Liveness::NotChecked, ..Claim::default() };
        check(&unchecked, &closing, BusyInput::Interrupt, Admission::Start);
    }

    #[test]
    fn prompts_claim_and_are_written_by_release() {
        let decided = |claim: &Claim| (claim.liveness(), claim.sections(), claim.first_write(), claim.keeps_unbegun());
        let current = (Liveness::Checked, Sections::One, FirstWrite::RowAndPrompt, true);
        assert_eq!(decided(&Claim::default()), current);
        let (liveness, sections) = (Liveness::NotChecked, Sections::TestedThenClaimed);
        let other = Claim { liveness, sections, row: RowInsert::PlainInsert, ..Claim::default() };
        assert_eq!(decided(&other), (liveness, sections, FirstWrite::RowAlone, false));
    }

    /// A prompt stops no compression.
    #[test]
    fn compressions_are_spared() {
        let compressing = with(running(), |record| record.note_compressing(true));
        check(&Claim::default(), &compressing, BusyInput::Interrupt, Admission::Queue);
        let other = Claim { compressing: Compressing::Interrupts, ..Claim::default() };
        check(&other, &compressing, BusyInput::Interrupt, Admission::QueueAndInterrupt);
    }

    /// A prompt that is kept comes before those that are sent later.
    #[test]
    fn kept_prompts_come_first() {
        let kept = Kept::Stored(crate::store::InputId("one".into()));
        let waiting = Queued { text: "one".to_owned(), link: None, kept, refusals: 0 };
        let about_to_begin = with(idle(), |record| record.queue = vec![waiting]);
        check(&Claim::default(), &about_to_begin, BusyInput::Interrupt, Admission::Queue);
        assert_eq!(Claim::default().keys(), Keys::Honored);
    }

    /// A busy session does what `busy_input_mode` says; only an agent can be steered, and only in a turn.
    #[test]
    fn busy_sessions_follow_the_setting() {
        let current = Claim::default();
        let ready = with(running(), |record| record.agent.state = AgentState::Ready);
        let held = with(ready.clone(), |record| record.turn.as_mut().unwrap().user.clear());
        check(&current, &running(), BusyInput::Interrupt, Admission::QueueAndInterrupt);
        check(&current, &running(), BusyInput::Queue, Admission::Queue);
        check(&current, &running(), BusyInput::Steer, Admission::Queue);
        check(&current, &ready, BusyInput::Steer, Admission::Steer);
        check(&current, &held, BusyInput::Steer, Admission::Queue);
        let rejecting = Claim { busy: BusyPrompt::Reject, ..Claim::default() };
        check(&rejecting, &ready, BusyInput::Steer, Admission::Reject);
    }
}
