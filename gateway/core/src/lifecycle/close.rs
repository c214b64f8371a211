//! Ending sessions: the turn, the order of the steps, and the reason.

use crate::actor::Actor;
use crate::group::group;
use crate::record::{Record, SessionStage};
use crate::store::EndReason;

group! {
    /// Ending sessions: order, running turns, reasons.
    Close "close" {
        /// What happens to a running turn.
        turn: RunningTurn {
            /// It is interrupted and waited for; then its last row is ended.
            InterruptAndJoin "interrupt_and_join",
            /// It keeps running without its session, and may rotate to a row without an owner (S9). Events of a request
            /// in progress go to that request's connection, whichever client the session had (A33).
            LeftRunning "left_running",
        }
        /// When the record of a closed session leaves the registry.
        order: Order {
            /// After its row is ended; until then no client can attach.
            EndThenPop "end_then_pop",
            /// Before, under the resume lock, so that no resume runs until the row is ended (spec §4.6).
            UnderResumeLock "under_resume_lock",
            /// Before: a resume in between reopens the row, which is then ended while its session lives (S4).
            PopThenEnd "pop_then_end",
        }
        /// When the record of a reaped session leaves the registry.
        reap_order: ReapOrder {
            /// After its row is ended; until then no client can attach.
            EndThenPop "end_then_pop",
            /// Before, under the resume lock, so that no resume runs until the row is ended. While another end holds
            /// the lock, it is reaped although a client has returned (spec §4.6).
            UnderResumeLock "under_resume_lock",
            /// Before: a resume in between reopens the row, which is then ended while its session lives (S4).
            PopThenEnd "pop_then_end",
        }
        /// What happens to a session with `close_on_disconnect` when its connection ends.
        on_disconnect: OnDisconnect {
            /// It is closed at once, without a grace.
            Closes "closes",
            /// It gets a grace like any other session.
            Ignored "ignored",
        }
        /// What happens to the row of a messaging platform, whose own gateway still uses it.
        foreign: Foreign {
            /// It stays open until its own gateway ends it.
            Spared "spared",
            /// It is ended like any other (A5).
            Ended "ended",
        }
        /// What a discarded agent does with its row.
        agent: AgentClose {
            /// Nothing: only the gateway ends rows.
            LeavesRow "leaves_row",
            /// It ends the row, even that of a messaging platform (A6) or of a client that has resumed the session
            /// meanwhile (S32).
            EndsRow "ends_row",
        }
        /// The end reason of a reaped row.
        reap_reason: ReapReason {
            /// The reaper's own: `ws_orphan_reap`.
            Actor "actor",
            /// `tui_close`, as if the user had closed it (A1).
            TuiClose "tui_close",
        }
    }
}

/// Whether rows of a source belong to a messaging platform, and so to another gateway (spec §7).
pub fn is_foreign(source: &str) -> bool {
    const OURS: [&str; 13] = [
        "",
        "tui",
        "cli",
        "webui",
        "desktop",
        "cron",
        "subagent",
        "test",
        "local",
        "acp",
        "webhook",
        "api_server",
        "msgraph_webhook",
    ];
    !OURS.contains(&source)
}

/// When a record leaves the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// After its row is ended.
    AfterEnd,
    /// Before, with the resume lock held until then.
    BeforeEndLocked,
    /// Before its row is ended.
    BeforeEnd,
}

impl Close {
    /// Whether the end of the session may begin. Only one end does.
    pub fn may_begin(&self, record: &Record) -> bool {
        matches!(record.stage, SessionStage::Open)
    }

    /// Whether the turn is interrupted and waited for.
    pub fn joins_turn(&self) -> bool {
        match self.turn {
            RunningTurn::InterruptAndJoin => true,
            RunningTurn::LeftRunning => false,
        }
    }

    /// When the record leaves the registry, by the actor.
    pub fn removal(&self, actor: Actor) -> Removal {
        match (actor, self.order, self.reap_order) {
            (Actor::OrphanTimer, _, ReapOrder::EndThenPop) => Removal::AfterEnd,
            (Actor::OrphanTimer, _, ReapOrder::UnderResumeLock) => Removal::BeforeEndLocked,
            (Actor::OrphanTimer, _, ReapOrder::PopThenEnd) => Removal::BeforeEnd,
            (_, Order::EndThenPop, _) => Removal::AfterEnd,
            (Actor::Client, Order::UnderResumeLock, _) => Removal::BeforeEndLocked,
            // Reapers and disconnects take no lock in any release (W5).
            (_, Order::UnderResumeLock | Order::PopThenEnd, _) => Removal::BeforeEnd,
        }
    }

    /// Whether a row of this source is ended with its session.
    pub fn ends_row(&self, source: &str) -> bool {
        match self.foreign {
            Foreign::Spared => !is_foreign(source),
            Foreign::Ended => true,
        }
    }

    /// Whether a request's connection gets the events of a session that has left the registry (A33). A release that stops
    /// all work before has none.
    pub fn tells_requester(&self) -> bool {
        !self.joins_turn()
    }

    /// Whether an agent that is closed ends its row.
    pub fn agent_ends_row(&self) -> bool {
        match self.agent {
            AgentClose::LeavesRow => false,
            AgentClose::EndsRow => true,
        }
    }

    /// Whether a session with `close_on_disconnect` is closed with its connection.
    pub fn closes_on_disconnect(&self) -> bool {
        match self.on_disconnect {
            OnDisconnect::Closes => true,
            OnDisconnect::Ignored => false,
        }
    }

    /// The reason in the row.
    pub fn reason(&self, actor: Actor) -> EndReason {
        match (actor, self.reap_reason) {
            (Actor::OrphanTimer, ReapReason::Actor) => EndReason::WsOrphanReap,
            (Actor::Client, _) | (Actor::OrphanTimer, ReapReason::TuiClose) => EndReason::TuiClose,
            (Actor::Disconnect, _) => EndReason::WsDisconnect,
            (Actor::IdleReaper, _) => EndReason::IdleTimeout,
            (Actor::Cap, _) => EndReason::LruEvict,
            (Actor::Shutdown, _) => EndReason::TuiShutdown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{idle, with};

    #[test]
    fn only_open_sessions_begin_to_end() {
        use SessionStage::{Closing, Finalized, Open, Opening};
        for (stage, may_begin) in [(Opening, false), (Open, true), (Closing, false), (Finalized, false)] {
            let record = with(idle(), |record| record.stage = stage);
            assert_eq!(Close::default().may_begin(&record), may_begin, "{stage:?}");
        }
    }

    #[track_caller]
    fn check_removal(order: Order, reap_order: ReapOrder, actor: Actor, expected: Removal) {
        let close = Close { order, reap_order, ..Close::default() };
        assert_eq!(close.removal(actor), expected, "{order:?} {reap_order:?} {actor:?}");
    }

    /// Only a client's close and the reaper ever hold the resume lock.
    #[test]
    fn records_leave_after_their_row_or_before() {
        check_removal(Order::EndThenPop, ReapOrder::EndThenPop, Actor::Client, Removal::AfterEnd);
        check_removal(Order::EndThenPop, ReapOrder::PopThenEnd, Actor::OrphanTimer, Removal::BeforeEnd);
        check_removal(Order::UnderResumeLock, ReapOrder::EndThenPop, Actor::Client, Removal::BeforeEndLocked);
        check_removal(Order::UnderResumeLock, ReapOrder::EndThenPop, Actor::IdleReaper, Removal::BeforeEnd);
        check_removal(Order::UnderResumeLock, ReapOrder::EndThenPop, Actor::OrphanTimer, Removal::AfterEnd);
        check_removal(Order::PopThenEnd, ReapOrder::UnderResumeLock, Actor::OrphanTimer, Removal::BeforeEndLocked);
        check_removal(Order::PopThenEnd, ReapOrder::EndThenPop, Actor::Client, Removal::BeforeEnd);
    }

    #[test]
    fn reasons_name_the_actor() {
        let current = Close::default();
        let reasons = [
            (Actor::Client, EndReason::TuiClose),
            (Actor::OrphanTimer, EndReason::WsOrphanReap),
            (Actor::Disconnect, EndReason::WsDisconnect),
            (Actor::IdleReaper, EndReason::IdleTimeout),
            (Actor::Cap, EndReason::LruEvict),
            (Actor::Shutdown, EndReason::TuiShutdown),
        ];
        for (actor, reason) in reasons {
            assert_eq!(current.reason(actor), reason);
        }
        let anonymous = Close { reap_reason: ReapReason::TuiClose, ..Close::default() };
        assert_eq!(anonymous.reason(Actor::OrphanTimer), EndReason::TuiClose);
    }

    #[test]
    fn rows_of_platforms_are_spared() {
        let ending = Close { foreign: Foreign::Ended, ..Close::default() };
        assert!(Close::default().ends_row("tui") && !Close::default().ends_row("telegram"));
        assert!(ending.ends_row("telegram"));
    }
}
