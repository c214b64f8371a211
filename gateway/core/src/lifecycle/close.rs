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
            /// It is waited for without an interrupt: a long turn delays the answer to a close, and one that hangs has it
            /// wait for ever.
            JoinOnly "join_only",
        }
        /// What the requests of a connection do that come after one to close a session.
        later_requests: LaterRequests {
            /// They wait until the session has ended, but no longer than five seconds.
            Served "served",
            /// They wait until the session has ended, for as long as its tool cannot be interrupted or the store refuses its last
            /// messages.
            Wait "wait"
                harmless "each is answered, after the end that it waits for",
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
        /// What happens to the end of a row that the store has refused.
        refused: RefusedEnd {
            /// It is tried again until it is written.
            TriedAgain "tried_again",
            /// It is forgotten: the row stays open until the next start.
            Forgotten "forgotten",
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

/// Whether rows of a source belong to another program on the same database, which may use them now: a messaging platform, the
/// command line, a schedule, an editor, an API, or an agent that another agent has started.
pub fn is_of_another_program(source: &str) -> bool {
    const THEIRS: [&str; 7] = ["cli", "cron", "subagent", "acp", "webhook", "api_server", "msgraph_webhook"];
    is_foreign(source) || THEIRS.contains(&source)
}

/// What follows the end of a row that the store has refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRefusal {
    /// Another try, a little later.
    Again,
    /// Nothing.
    GiveUp,
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

/// What a request to end a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndRequest {
    /// It begins the end.
    Begin,
    /// Another has begun it: it waits until the session has ended.
    AwaitOther,
}

/// What an end does with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowEnd {
    /// End it.
    End,
    /// Leave it open.
    Leave,
}

/// Where the events of a request go whose session has left the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventRoute {
    /// To the client of the session, if it has one.
    Session,
    /// To the connection of the request (A33).
    Requester,
}

impl Close {
    /// What follows the end of a row that the store has refused.
    pub fn after_refusal(&self) -> AfterRefusal {
        match self.refused {
            RefusedEnd::TriedAgain => AfterRefusal::Again,
            RefusedEnd::Forgotten => AfterRefusal::GiveUp,
        }
    }

    /// Decides on a request to end a session that is no longer being opened. Only one begins the end.
    pub fn on_request(&self, record: &Record) -> EndRequest {
        match record.stage {
            SessionStage::Open => EndRequest::Begin,
            SessionStage::Opening | SessionStage::Closing | SessionStage::Finalized => EndRequest::AwaitOther,
        }
    }

    /// What happens to a running turn.
    pub fn turn(&self) -> RunningTurn {
        self.turn
    }

    /// What the later requests of a connection do while a session is closed.
    pub fn later_requests(&self) -> LaterRequests {
        self.later_requests
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

    /// What the end of a session does with a row of this source.
    pub fn on_row(&self, source: &str) -> RowEnd {
        match self.foreign {
            Foreign::Spared if is_foreign(source) => RowEnd::Leave,
            Foreign::Spared | Foreign::Ended => RowEnd::End,
        }
    }

    /// Where the events of a request go whose session has left the registry. A release that stops all work before has none.
    pub fn after_removal(&self) -> EventRoute {
        match self.turn {
            RunningTurn::InterruptAndJoin | RunningTurn::JoinOnly => EventRoute::Session,
            RunningTurn::LeftRunning => EventRoute::Requester,
        }
    }

    /// What an agent that is closed does with its row.
    pub fn on_agent_close(&self) -> RowEnd {
        match self.agent {
            AgentClose::LeavesRow => RowEnd::Leave,
            AgentClose::EndsRow => RowEnd::End,
        }
    }

    /// What happens to a session with `close_on_disconnect` when its connection ends.
    pub fn on_disconnect(&self) -> OnDisconnect {
        self.on_disconnect
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
        let decided = |stage| Close::default().on_request(&with(idle(), |record| record.stage = stage));
        assert_eq!(decided(Open), EndRequest::Begin);
        assert_eq!([Opening, Closing, Finalized].map(decided), [EndRequest::AwaitOther; 3]);
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
        assert_eq!(["tui", "telegram"].map(|source| Close::default().on_row(source)), [RowEnd::End, RowEnd::Leave]);
        assert_eq!(ending.on_row("telegram"), RowEnd::End);
    }

    /// The other decisions depend on one field each: the turn, its events, a closed agent, the end of a connection.
    #[test]
    fn turns_agents_and_connections_are_treated_by_release() {
        let decided =
            |close: &Close| (close.turn(), close.after_removal(), close.on_agent_close(), close.on_disconnect());
        let current = (RunningTurn::InterruptAndJoin, EventRoute::Session, RowEnd::Leave, OnDisconnect::Closes);
        assert_eq!(decided(&Close::default()), current);
        let (turn, on_disconnect) = (RunningTurn::LeftRunning, OnDisconnect::Ignored);
        let other = Close { turn, agent: AgentClose::EndsRow, on_disconnect, ..Close::default() };
        assert_eq!(decided(&other), (turn, EventRoute::Requester, RowEnd::End, on_disconnect));
    }
}
