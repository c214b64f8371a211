//! Limits on what one client may use.
#![expect(clippy::disallowed_methods, reason = "sockets have deadlines of their own, below the gateway's")]

use std::future::pending;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use gateway_core::clock::{Clock, Millis};

/// Limits on connections and frames. Beyond a limit clients are refused or wait; no queue is unbounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most connections at one time. Further requests are answered with 503.
    pub connections: usize,
    /// The most sockets in a handshake, besides the connections, and half as many of one address. A further one takes the place
    /// of an older one.
    pub handshakes: usize,
    /// The timeout of a handshake; a fifth of it while more than half of the places are taken.
    pub handshake_time: Duration,
    /// The silence after which a client gets a ping, and after which a client with an unanswered ping is disconnected.
    /// Zero for no pings.
    pub ping_interval: Duration,
    /// The longest frame in bytes. A longer one ends its connection with close code 1009.
    pub frame_bytes: usize,
    /// The most requests of a connection that are read per second. Further ones wait in its socket.
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

/// How long a client may read none of its frames before it is disconnected, on the gateway's clock.
pub struct WriteTimeout {
    /// Measures the timeout; the same clock as the gateway's.
    pub clock: Rc<dyn Clock>,
    /// The timeout; `None` for no timeout.
    pub length: Option<Millis>,
}

impl WriteTimeout {
    /// Completes when the timeout has passed from now. Cancel safe.
    pub(super) async fn elapsed(&self) {
        match self.length {
            Some(length) => self.clock.sleep_until(self.clock.now().uptime + length).await,
            None => pending().await,
        }
    }
}

/// A rate limit with a burst of one second's worth of requests.
pub(super) struct RateLimit {
    each: Duration,
    /// The time of the last request if all had come at an even rate.
    last: Instant,
}

impl RateLimit {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self { each: Duration::from_secs(1) / per_second.get(), last: Instant::now() }
    }

    /// Waits until the next request is allowed.
    pub(super) async fn next(&mut self) {
        let early = self.early(Instant::now());
        if early > Duration::ZERO {
            tokio::time::sleep(early).await;
        }
    }

    /// How long a request at `now` must wait.
    fn early(&mut self, now: Instant) -> Duration {
        self.last = self.last.max(now) + self.each;
        (self.last - now).saturating_sub(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A burst passes up to one second's worth; further requests are evenly spaced.
    #[test]
    fn a_burst_is_limited() {
        let mut limit = RateLimit::new(NonZeroU32::new(100).expect("some"));
        let now = limit.last;
        let tenth = Duration::from_millis(100);
        assert_eq!((0..100).map(|_| limit.early(now)).max(), Some(Duration::ZERO));
        assert_eq!((0..10).map(|_| limit.early(now)).max(), Some(tenth));
        assert_eq!((0..10).map(|_| limit.early(now + tenth)).max(), Some(tenth));
        assert_eq!(limit.early(now + Duration::from_secs(9)), Duration::ZERO);
    }
}
