//! The orphan grace: what its timer finds, and how many timers there are.

use crate::clock::{Millis, Uptime};
use crate::group::group;
use crate::record::{Attachment, Record, SessionStage};

group! {
    /// The orphan timer.
    Grace "grace" {
        /// What a timer does that fires while the detached session is still at work.
        expiry: Expiry {
            /// It is armed again, until the turn is over. A turn whose agent has reported nothing for long is interrupted.
            Rearm "rearm",
            /// It is armed again, however long the agent reports nothing: one that hangs keeps its session for ever
            /// (hermes-agent#90373).
            RearmForEver "rearm_for_ever",
            /// It returns for good; a second timer that each detachment arms beside it arms both again (the recordings
            /// of hermes-agent#44102). A turn that ends between the looks of the two is passed over by both.
            RearmBeside "rearm_beside",
            /// It returns for good, and nobody looks again (S1, hermes-agent#44045).
            OneShot "one_shot",
            /// It ends the session and interrupts its healthy turn (S14, part of no release here).
            Kill "kill",
            /// It interrupts the turn, remembers that, and looks every second; meanwhile the session is busy. A client
            /// that has itself attached again stops the looking, but not the remembering (S13, part of no release here).
            Interrupt "interrupt",
        }
        /// What becomes of a timer when the client comes back, or drops again.
        timers: Timers {
            /// One timer per record: a return disarms it, a new detachment starts a whole grace.
            Single "single",
            /// Each detachment adds a timer that nobody disarms; an old one reaps in the middle of a new grace (S3).
            Pile "pile",
        }
        /// On which clock the grace is measured.
        clock: GraceClock {
            /// On one that stands still while the machine sleeps.
            Uptime "uptime",
            /// On the wall's: a client finds its session gone when it wakes the machine (S26).
            Wall "wall",
        }
    }
}

/// How long a turn has to stop that the grace has interrupted, in looks (spec §13).
const LOOKS: u32 = 60;

/// What to do when a timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// End the session.
    Reap,
    /// Look again after another grace.
    Rearm,
    /// Interrupt the turn, whose agent hangs, and look again after another grace.
    GiveUp,
    /// Interrupt the turn, remember that, and look again soon.
    Interrupt,
    /// Nothing: the session is not an orphan, or somebody else ends it.
    StandDown,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// To end the session or to be armed again, whichever is right.
    Either,
    /// To end the session.
    Reap,
    /// To have the timers armed again.
    Rearm,
}

/// Whether a session is taken for busy because the grace has interrupted its turn.
pub fn is_settling(record: &Record) -> bool {
    record.facts.interrupted.is_some()
}

impl Grace {
    /// The timers that a detachment arms.
    pub fn duties(&self) -> &'static [Duty] {
        match self.expiry {
            Expiry::Rearm | Expiry::RearmForEver | Expiry::OneShot | Expiry::Kill | Expiry::Interrupt => {
                &[Duty::Either]
            }
            Expiry::RearmBeside => &[Duty::Reap, Duty::Rearm],
        }
    }

    /// An armed timer fires. An agent that has reported nothing for `silence` hangs.
    pub fn on_expiry(&self, record: &Record, duty: Duty, now: Uptime, silence: Millis) -> Expired {
        let hangs =
            || record.turn.as_ref().is_some_and(|turn| silence > Millis::ZERO && now - turn.reported >= silence);
        match (&record.attachment, record.stage) {
            (Attachment::Attached(_), _) | (_, SessionStage::Closing | SessionStage::Finalized) => Expired::StandDown,
            (Attachment::Detached { .. }, SessionStage::Open) if !record.is_running() => match duty {
                Duty::Either | Duty::Reap => Expired::Reap,
                Duty::Rearm => Expired::StandDown,
            },
            (Attachment::Detached { .. }, SessionStage::Open | SessionStage::Opening) => match (self.expiry, duty) {
                (Expiry::Rearm, _) if record.stage == SessionStage::Open && hangs() => Expired::GiveUp,
                (Expiry::Rearm | Expiry::RearmForEver, _) | (Expiry::RearmBeside, Duty::Rearm) => Expired::Rearm,
                (Expiry::RearmBeside | Expiry::OneShot, _) => Expired::StandDown,
                (Expiry::Kill | Expiry::Interrupt, _) if record.stage == SessionStage::Opening => Expired::Rearm,
                (Expiry::Kill, _) => Expired::Reap,
                (Expiry::Interrupt, _) if record.facts.interrupted.is_some_and(|looks| looks >= LOOKS) => Expired::Reap,
                (Expiry::Interrupt, _) => Expired::Interrupt,
            },
        }
    }

    /// Whether the grace goes on while the machine sleeps.
    pub fn counts_sleep(&self) -> bool {
        match self.clock {
            GraceClock::Uptime => false,
            GraceClock::Wall => true,
        }
    }

    /// Whether armed timers are disarmed when a client attaches, and when another timer takes over.
    pub fn disarms(&self) -> bool {
        match self.timers {
            Timers::Single => true,
            Timers::Pile => false,
        }
    }
}
