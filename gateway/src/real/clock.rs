//! The machine's clocks.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the one place that reads the machine's clocks"
)]

use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use gateway_core::clock::{Clock, Now, Uptime, Wall};

/// Uptime from the monotonic clock, wall time from the system's.
pub struct MachineClock {
    started: Instant,
}

impl MachineClock {
    /// A clock whose uptime is zero now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Now {
        // A system clock before 1970 counts as 1970.
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now { uptime: Uptime(whole_millis(self.started.elapsed())), wall: Wall(whole_millis(wall)) }
    }

    fn sleep_until(&self, deadline: Uptime) -> LocalBoxFuture<'static, ()> {
        // Uptime is rounded down and tokio never wakes early, so at the wake-up `now` has reached the deadline.
        tokio::time::sleep_until((self.started + Duration::from_millis(deadline.0)).into()).boxed_local()
    }

    fn sleep_until_wall(&self, deadline: Wall) -> LocalBoxFuture<'static, ()> {
        let clock = Self { started: self.started };
        async move {
            // tokio's timers do not notice a suspend, so this one checks wall time every second. Only old releases wait
            // on it, and `gateway serve` runs none.
            while let Some(left) = deadline.0.checked_sub(clock.now().wall.0).filter(|left| *left > 0) {
                tokio::time::sleep(Duration::from_millis(left.min(1000))).await;
            }
        }
        .boxed_local()
    }
}

fn whole_millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::clock::Millis;

    /// A timer that fired before its deadline would find nothing due and would not be rearmed.
    #[tokio::test(flavor = "current_thread")]
    async fn a_sleep_is_never_short() {
        let clock = MachineClock::start();
        for length in 0..20 {
            let deadline = clock.now().uptime + Millis(length);
            clock.sleep_until(deadline).await;
            assert!(clock.now().uptime >= deadline);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_past_deadline_completes_at_once() {
        let clock = MachineClock::start();
        clock.sleep_until(Uptime(2)).await;
        assert_eq!(clock.sleep_until(Uptime(1)).now_or_never(), Some(()));
    }

    /// Wall time is after the day on which this test was written.
    #[test]
    fn wall_time_is_plausible() {
        assert!(MachineClock::start().now().wall > Wall(1_767_225_600_000));
    }
}
