//! A scaled clock: the gateway lives through a minute of the script in a second.
#![expect(clippy::disallowed_methods, reason = "the machine's time, scaled")]

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use gateway_core::clock::{Clock, Millis, Now, Uptime, Wall};
use tokio::time::Instant;

use super::Scale;
use sim_harness::world::clock::EPOCH;

/// Uptime is scaled. Wall time is the simulator's epoch plus uptime, so that rows carry the script's times.
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
            // Scaling may round a wake-up down; a timer that fired before its deadline would be lost.
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
