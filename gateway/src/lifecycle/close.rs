//! Ending sessions: what happens to the turn, in which order, and under which reason.

use crate::behavior::group;
use crate::session::{Record, Stage};
use crate::store::EndReason;

group! {
    /// Ending sessions.
    Close "close" {
        /// What happens to a turn that runs.
        turn: RunningTurn {
            /// It is interrupted and waited for; then the row it left is ended.
            InterruptAndJoin "interrupt_and_join",
            /// It runs on without its session, and may rotate to a row that nobody owns (S9).
            LeftRunning "left_running",
        }
        /// When the record leaves the registry.
        order: Order {
            /// After its row is ended; meanwhile nobody may attach.
            EndThenPop "end_then_pop",
            /// Before: a resume in between reopens the row, which then ends under a live session (S4).
            PopThenEnd "pop_then_end",
        }
        /// What a reaped row says.
        reap_reason: ReapReason {
            /// `ws_orphan_reap`.
            Actor "actor",
            /// `tui_close`, as if the user had closed it (A1).
            TuiClose "tui_close",
        }
    }
}

impl Close {
    /// May somebody begin to end this session? Only one does.
    pub fn may_begin(&self, record: &Record) -> bool {
        matches!(record.stage, Stage::Open)
    }

    /// Whether the turn is interrupted and waited for.
    pub fn joins_turn(&self) -> bool {
        match self.turn {
            RunningTurn::InterruptAndJoin => true,
            RunningTurn::LeftRunning => false,
        }
    }

    /// Whether the record leaves the registry before its row is ended.
    pub fn pops_first(&self) -> bool {
        match self.order {
            Order::EndThenPop => false,
            Order::PopThenEnd => true,
        }
    }

    /// The reason that an orphan's row gets.
    pub fn reap_reason(&self) -> EndReason {
        match self.reap_reason {
            ReapReason::Actor => EndReason::WsOrphanReap,
            ReapReason::TuiClose => EndReason::TuiClose,
        }
    }
}
