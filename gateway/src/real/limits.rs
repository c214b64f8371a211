//! How much one client may take of the machine.
#![expect(clippy::disallowed_methods, reason = "sockets have deadlines of their own, below the gateway's")]

use std::future::pending;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use gateway_core::clock::{Clock, Millis};

/// Bounds on what comes from outside. What is beyond them is refused or waits; nothing grows without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many connections there may be at once; a further one is answered with 503.
    pub connections: usize,
    /// How many more sockets there may be whose clients have not yet said what they want, or are told that they may
    /// not have it; further ones wait with the system.
    pub handshakes: usize,
    /// How long all that may take.
    pub handshake_time: Duration,
    /// How long a client may be silent before it is asked whether it is there, and how long then; zero for ever.
    pub ping_interval: Duration,
    /// How many bytes a frame may have; a longer one ends its connection with close code 1009.
    pub frame_bytes: usize,
    /// How many requests of a connection are read in a second; further ones wait in its socket.
    pub requests_per_second: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            handshakes: 512,
            handshake_time: Duration::from_secs(10),
            ping_interval: Duration::from_secs(20),
            frame_bytes: 1024 * 1024,
            requests_per_second: const { NonZeroU32::new(1000).expect("it is not zero") },
        }
    }
}

/// How long a client may take none of its frames, by the clock that the gateway goes by.
pub struct Patience {
    /// The clock.
    pub clock: Rc<dyn Clock>,
    /// How long; `None` for ever.
    pub length: Option<Millis>,
}

impl Patience {
    /// Waits for so long. Cancel safe.
    pub(super) async fn over(&self) {
        match self.length {
            Some(length) => self.clock.sleep_until(self.clock.now().uptime + length).await,
            None => pending().await,
        }
    }
}

/// Lets so many requests through in a second, and a second's worth at once after a rest.
pub(super) struct Pace {
    each: Duration,
    /// When the last request would have come, had they come evenly.
    last: Instant,
}

impl Pace {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self { each: Duration::from_secs(1) / per_second.get(), last: Instant::now() }
    }

    /// Waits until the next request may come.
    pub(super) async fn next(&mut self) {
        let early = self.early(Instant::now());
        if early > Duration::ZERO {
            tokio::time::sleep(early).await;
        }
    }

    /// How much too early a request comes at `now`.
    fn early(&mut self, now: Instant) -> Duration {
        self.last = self.last.max(now) + self.each;
        (self.last - now).saturating_sub(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes at once is let through up to a second's worth; the rest comes evenly.
    #[test]
    fn a_flood_is_evened_out() {
        let mut pace = Pace::new(NonZeroU32::new(100).expect("some"));
        let now = pace.last;
        let tenth = Duration::from_millis(100);
        assert_eq!((0..100).map(|_| pace.early(now)).max(), Some(Duration::ZERO));
        assert_eq!((0..10).map(|_| pace.early(now)).max(), Some(tenth));
        assert_eq!((0..10).map(|_| pace.early(now + tenth)).max(), Some(tenth));
        assert_eq!(pace.early(now + Duration::from_secs(9)), Duration::ZERO);
    }
}
