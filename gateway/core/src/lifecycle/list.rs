//! Listing stored sessions: in which order.

use crate::group::group;
use crate::store::{ListOrder, TipRule};

group! {
    /// Listing stored sessions: their order, and the row shown for each.
    List "list" {
        /// The order of `session.list`.
        order: Order {
            /// By last activity, latest first.
            Activity "activity",
            /// By start, latest first (spec §4.5).
            Start "start",
        }
        /// Which row `session.list` shows for a continued conversation.
        tip: Tip {
            /// The newest continuation of its root.
            Continuation "continuation",
            /// The same, but a session that another program started after a row before its compression counts as a
            /// continuation.
            Best "best",
            /// After each compression the child that started last, which may be a branch (B7).
            LatestStart "latest_start",
        }
    }
}

impl List {
    /// The order of `session.list`.
    pub fn order(&self) -> ListOrder {
        match self.order {
            Order::Activity => ListOrder::Activity,
            Order::Start => ListOrder::Start,
        }
    }

    /// How the row is found that stands for a conversation.
    pub fn tip_rule(&self) -> TipRule {
        match self.tip {
            Tip::Continuation => TipRule::Continuation,
            Tip::Best => TipRule::BestContinuation,
            Tip::LatestStart => TipRule::StartedAfterEnd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_ordered_by_release() {
        let list = |order, tip| {
            let list = List { order, tip };
            (list.order(), list.tip_rule())
        };
        assert_eq!(list(Order::Activity, Tip::Continuation), (ListOrder::Activity, TipRule::Continuation));
        assert_eq!(list(Order::Activity, Tip::Best), (ListOrder::Activity, TipRule::BestContinuation));
        assert_eq!(list(Order::Start, Tip::LatestStart), (ListOrder::Start, TipRule::StartedAfterEnd));
    }
}
