//! A clock that runs faster than the machine's, so that a gateway lives a minute of a script in a second.
#![expect(clippy::disallowed_methods, reason = "the machine's time, scaled")]

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use gateway_core::clock::{Clock, Millis, Now, Uptime, Wall};
use tokio::time::Instant;

use super::Scale;
use sim_harness::world::clock::EPOCH;

/// Uptime is scaled; wall time is the simulator's epoch and uptime, so that rows carry the times of the script.
#[derive(Clone)]
pub(super) struct ScaledClock {
    started: Instant,
    scale: Scale,
}

impl ScaledClock {
    pub(super) fn start(scale: Scale) -> Self {
        Self { started: Instant::now(), scale }
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Now {
        let uptime = self.scale.scripted(self.started.elapsed());
        Now { uptime: Uptime(uptime.0), wall: EPOCH + uptime }
    }

    fn sleep_until(&self, deadline: Uptime) -> LocalBoxFuture<'static, ()> {
        let clock = self.clone();
        async move {
            // The wake-up may be early by what the scale rounds off; a timer that finds nothing due would be lost.
            while clock.now().uptime < deadline {
                let left = Millis(deadline.0 - clock.now().uptime.0);
                tokio::time::sleep(clock.scale.real(left)).await;
            }
        }
        .boxed_local()
    }

    fn sleep_until_wall(&self, deadline: Wall) -> LocalBoxFuture<'static, ()> {
        self.sleep_until(Uptime(deadline.0.saturating_sub(EPOCH.0)))
    }
}
