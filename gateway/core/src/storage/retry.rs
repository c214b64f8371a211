//! The waits between tries of a call that the store could not carry out.

use crate::clock::Millis;
use crate::entropy::{Purpose, Stream};
use crate::lifecycle::flush::{Again, back_off};
use crate::state::Gateway;

/// How long old releases wait.
const FIXED: Millis = Millis::from_secs(1);

/// The tries of one call.
#[derive(Default)]
pub(crate) struct Retry {
    refusals: u32,
}

impl Retry {
    /// The store has refused the call: waits until it is tried again. Cancel safe.
    pub(crate) async fn wait(&mut self, gateway: &Gateway) {
        let length = wait(gateway, self.refusals);
        self.refusals = self.refusals.saturating_add(1);
        gateway.env.sleep(length).await;
    }
}

/// How long to wait before the next try of a call that the store has refused `refusals` times before the last.
pub(crate) fn wait(gateway: &Gateway, refusals: u32) -> Millis {
    match gateway.behavior.flush.again() {
        Again::BackOff => back_off(refusals, gateway.env.draw(Stream::Retries, Purpose::Wait)),
        Again::EachSecond => FIXED,
    }
}
