//! Listing stored sessions: in which order.

use crate::behavior::group;
use crate::store::ListOrder;

group! {
    /// Listing stored sessions.
    List "list" {
        /// Which session comes first.
        order: Order {
            /// The one that was active last.
            Activity "activity",
            /// The one that began last (spec §4.5).
            Start "start",
        }
    }
}

impl List {
    /// Which session comes first.
    pub fn order(&self) -> ListOrder {
        match self.order {
            Order::Activity => ListOrder::Activity,
            Order::Start => ListOrder::Start,
        }
    }
}
