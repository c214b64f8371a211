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
                (BusyPrompt::Policy, BusyInput::Interrupt) => Admission::QueueAndInterrupt,
                (BusyPrompt::Policy, BusyInput::Steer) if can_listen(record) => Admission::Steer,
                (BusyPrompt::Policy, BusyInput::Queue | BusyInput::Steer) => Admission::Queue,
                (BusyPrompt::Reject, _) => Admission::Reject,
            },
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
