//! The orphan grace: what its timer finds, and how many timers there are.

use crate::clock::{Millis, Uptime};
use crate::config::Config;
use crate::group::group;
use crate::record::{Attachment, Record, SessionStage, TurnState};

group! {
    /// The orphan timer: expiry, piling up, clock.
    Grace "grace" {
        /// What a grace timer does when it fires while the detached session's turn still runs.
        expiry: Expiry {
            /// It is rearmed until the turn is over. A turn whose agent has reported nothing for `orphan_silence` is
            /// interrupted.
            Rearm "rearm",
            /// It is rearmed however long the agent reports nothing: a hanging agent keeps its session for ever
            /// (hermes-agent#90373).
            RearmForEver "rearm_for_ever",
            /// It returns; a second timer, armed at each detachment, rearms both (recordings of hermes-agent#44102).
            /// Both miss a turn that ends between their checks.
            RearmBeside "rearm_beside",
            /// It returns and is not rearmed: the row stays open (S1, hermes-agent#44045).
            OneShot "one_shot",
            /// It ends the session and interrupts its healthy turn (S14, part of no release here).
            Kill "kill",
            /// It interrupts the turn, sets a flag, and checks every second while the session is busy. A client that
            /// attaches again stops the checks but does not clear the flag (S13, part of no release here).
            Interrupt "interrupt",
        }
        /// What happens to an armed timer when the client returns or drops again.
        timers: Timers {
            /// One timer per record: a return cancels it, and a new detachment starts a whole grace.
            Single "single",
            /// Each detachment adds a timer that is never cancelled; an old timer reaps in the middle of a new grace
            /// (S3).
            Pile "pile",
        }
        /// The clock on which the grace is measured.
        clock: GraceClock {
            /// Uptime, which stands still during a suspend.
            Uptime "uptime",
            /// Wall time: after a suspend a client finds its session reaped (S26).
            Wall "wall",
        }
        /// The instant from which the silence of an agent is measured.
        silence: Silence {
            /// Its last report, or the beginning of its work.
            SinceReport "since_report",
            /// The beginning of its turn: a long turn that reports all the time is taken for one that hangs.
            SinceStart "since_start",
        }
        /// What a tool that runs and reports nothing is taken for.
        tools: QuietTool {
            /// Work: the turn is interrupted only after `orphan_tool_silence`.
            Works "works",
            /// An agent that hangs: a long build without output is interrupted because its client is away
            /// (hermes-agent#84491, part of no release here).
            Hangs "hangs",
        }
    }
}

/// How often a turn is checked that the grace has interrupted, before its session is ended (spec §13).
const CHECKS: u32 = 60;

/// What to do when an orphan timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExpiry {
    /// End the session as an orphan.
    Reap,
    /// Arm the timer for another grace.
    Rearm,
    /// Interrupt the turn, whose agent hangs, and arm the timer for another grace.
    InterruptAndRearm,
    /// Interrupt the turn, note that, and check the session again soon.
    InterruptAndCheck,
    /// Nothing: the session is no orphan, or is being ended.
    StandDown,
}

/// What an orphan timer does when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// It ends the session, or is armed again.
    Single,
    /// It ends the session, or does nothing.
    Reap,
    /// It arms both timers again, or does nothing.
    Rearm,
}

/// Whether a session counts as busy because the grace has interrupted its turn (S13).
pub fn is_settling(record: &Record) -> bool {
    record.details.interrupted.is_some()
}

impl Grace {
    /// The timers that a detachment arms.
    pub fn timer_kinds(&self) -> &'static [TimerKind] {
        match self.expiry {
            Expiry::Rearm | Expiry::RearmForEver | Expiry::OneShot | Expiry::Kill | Expiry::Interrupt => {
                &[TimerKind::Single]
            }
            Expiry::RearmBeside => &[TimerKind::Reap, TimerKind::Rearm],
        }
    }

    /// Decides what an armed timer does that fires.
    pub fn on_expiry(&self, record: &Record, kind: TimerKind, now: Uptime, config: &Config) -> OnExpiry {
        let hangs = || record.turn.as_ref().is_some_and(|turn| self.hangs(record, turn, now, config));
        match (&record.attachment, record.stage) {
            (Attachment::Attached(_), _) | (_, SessionStage::Closing | SessionStage::Finalized) => OnExpiry::StandDown,
            (Attachment::Detached { .. }, SessionStage::Open) if !record.is_running() => match kind {
                TimerKind::Single | TimerKind::Reap => OnExpiry::Reap,
                TimerKind::Rearm => OnExpiry::StandDown,
            },
            (Attachment::Detached { .. }, SessionStage::Open | SessionStage::Opening) => match (self.expiry, kind) {
                (Expiry::Rearm, _) if record.stage == SessionStage::Open && hangs() => OnExpiry::InterruptAndRearm,
                (Expiry::Rearm | Expiry::RearmForEver, _) | (Expiry::RearmBeside, TimerKind::Rearm) => OnExpiry::Rearm,
                (Expiry::RearmBeside | Expiry::OneShot, _) => OnExpiry::StandDown,
                (Expiry::Kill | Expiry::Interrupt, _) if record.stage == SessionStage::Opening => OnExpiry::Rearm,
                (Expiry::Kill, _) => OnExpiry::Reap,
                (Expiry::Interrupt, _) if record.details.interrupted.is_some_and(|checks| checks >= CHECKS) => {
                    OnExpiry::Reap
                }
                (Expiry::Interrupt, _) => OnExpiry::InterruptAndCheck,
            },
        }
    }

    /// Whether the agent of a turn hangs: it has reported nothing for longer than an agent or a tool may; zero is for ever.
    /// A question that waits for its user is no tool that runs.
    fn hangs(&self, record: &Record, turn: &TurnState, now: Uptime, config: &Config) -> bool {
        let silence = match self.tools {
            QuietTool::Works if turn.tools > 0 && record.question.is_none() => config.longest_tool_silence(),
            QuietTool::Works | QuietTool::Hangs => config.orphan_silence,
        };
        silence > Millis::ZERO && now - turn.reported >= silence
    }

    /// The clock on which the grace elapses.
    pub fn clock(&self) -> GraceClock {
        self.clock
    }

    /// What happens to armed timers when a client attaches, when another timer is armed, and when the session ends.
    pub fn timers(&self) -> Timers {
        self.timers
    }

    /// The instant from which the silence of an agent is measured.
    pub fn silence(&self) -> Silence {
        self.silence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::QuestionKind;
    use crate::ids::ConnectionId;
    use crate::record::OpenQuestion;
    use crate::record::samples::{idle, running, with};

    /// A timer fires ten minutes after the agent's last report, which is silence.
    #[track_caller]
    fn check(expiry: Expiry, kind: TimerKind, record: &Record, expected: OnExpiry) {
        let grace = Grace { expiry, ..Grace::default() };
        let (now, config) = (Uptime(600_000), Config::default());
        assert_eq!(grace.on_expiry(record, kind, now, &config), expected, "{expiry:?} {kind:?}");
    }

    /// A session that is no orphan, or is being ended, is left alone by every release.
    #[test]
    fn timers_stand_down() {
        let attached = with(idle(), |record| record.attach(&ConnectionId::new(1, "desktop")));
        let closing = with(idle(), |record| record.stage = SessionStage::Closing);
        for expiry in Expiry::ALL {
            check(*expiry, TimerKind::Single, &attached, OnExpiry::StandDown);
            check(*expiry, TimerKind::Single, &closing, OnExpiry::StandDown);
        }
    }

    #[test]
    fn orphans_at_rest_are_reaped() {
        for expiry in Expiry::ALL {
            check(*expiry, TimerKind::Single, &idle(), OnExpiry::Reap);
            check(*expiry, TimerKind::Reap, &idle(), OnExpiry::Reap);
            check(*expiry, TimerKind::Rearm, &idle(), OnExpiry::StandDown);
        }
    }

    /// What happens to an orphan whose turn runs is the decision of hermes-agent#44045.
    #[test]
    fn running_orphans_are_treated_by_release() {
        let reporting = with(running(), |record| record.turn.as_mut().unwrap().reported = Uptime(1));
        check(Expiry::Rearm, TimerKind::Single, &reporting, OnExpiry::Rearm);
        check(Expiry::Rearm, TimerKind::Single, &running(), OnExpiry::InterruptAndRearm);
        check(Expiry::RearmForEver, TimerKind::Single, &running(), OnExpiry::Rearm);
        check(Expiry::RearmBeside, TimerKind::Reap, &running(), OnExpiry::StandDown);
        check(Expiry::RearmBeside, TimerKind::Rearm, &running(), OnExpiry::Rearm);
        check(Expiry::OneShot, TimerKind::Single, &running(), OnExpiry::StandDown);
        check(Expiry::Kill, TimerKind::Single, &running(), OnExpiry::Reap);
        check(Expiry::Interrupt, TimerKind::Single, &running(), OnExpiry::InterruptAndCheck);
        let stuck = with(running(), |record| record.details.interrupted = Some(CHECKS));
        check(Expiry::Interrupt, TimerKind::Single, &stuck, OnExpiry::Reap);
    }

    /// A session that is being opened is not reaped, nor is its agent taken for hung.
    #[test]
    fn opening_orphans_are_kept() {
        let opening = with(idle(), |record| record.stage = SessionStage::Opening);
        check(Expiry::Rearm, TimerKind::Single, &opening, OnExpiry::Rearm);
        check(Expiry::Kill, TimerKind::Single, &opening, OnExpiry::Rearm);
        check(Expiry::OneShot, TimerKind::Single, &opening, OnExpiry::StandDown);
    }

    #[test]
    fn timers_are_counted_and_measured_by_release() {
        let decided = |grace: &Grace| (grace.clock(), grace.timers(), grace.timer_kinds());
        let (one, two) = ([TimerKind::Single], [TimerKind::Reap, TimerKind::Rearm]);
        assert_eq!(decided(&Grace::default()), (GraceClock::Uptime, Timers::Single, &one[..]));
        let (timers, clock, silence) = (Timers::Pile, GraceClock::Wall, Silence::SinceStart);
        let other = Grace { expiry: Expiry::RearmBeside, timers, clock, silence, ..Grace::default() };
        assert_eq!(decided(&other), (GraceClock::Wall, Timers::Pile, &two[..]));
    }

    /// A silence of zero never counts as hung.
    #[test]
    fn silence_can_be_switched_off() {
        let config = Config { orphan_silence: Millis::ZERO, ..Config::default() };
        let decided = Grace::default().on_expiry(&running(), TimerKind::Single, Uptime(u64::MAX), &config);
        assert_eq!(decided, OnExpiry::Rearm);
    }

    /// A quiet tool has a longer silence of its own, a question has not.
    #[test]
    fn a_quiet_tool_is_work() {
        let tool = with(running(), |record| record.turn.as_mut().unwrap().tools = 1);
        let asking = with(tool.clone(), |record| {
            let payload = serde_json::Value::Null;
            let shown = Vec::new();
            record.question = Some(OpenQuestion { id: "1".to_owned(), kind: QuestionKind::Clarify, payload, shown });
        });
        let decided = |tools, record: &Record, now| {
            Grace { tools, ..Grace::default() }.on_expiry(record, TimerKind::Single, Uptime(now), &Config::default())
        };
        assert_eq!(decided(QuietTool::Works, &tool, 600_000), OnExpiry::Rearm);
        assert_eq!(decided(QuietTool::Works, &tool, 86_400_000), OnExpiry::InterruptAndRearm);
        assert_eq!(decided(QuietTool::Works, &asking, 600_000), OnExpiry::InterruptAndRearm);
        assert_eq!(decided(QuietTool::Hangs, &tool, 600_000), OnExpiry::InterruptAndRearm);
    }
}
