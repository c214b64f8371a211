//! Virtual time, as the gateway's [`Clock`].

use futures_util::future::LocalBoxFuture;
use gateway_core::clock::{Clock, Millis, Now, Uptime, Wall};

use sim_scenario::Jump;

/// The wall time at which every run starts: 2026-01-01 00:00:00 UTC.
pub const EPOCH: Wall = Wall(1_767_225_600_000);

/// The clock of a run.
#[derive(Clone)]
pub(crate) struct VirtualClock(interleaving::VirtualClock);

impl VirtualClock {
    /// A clock at zero. Must be called inside the run's paused runtime.
    pub(crate) fn new() -> Self {
        Self(interleaving::VirtualClock::new(EPOCH.0))
    }

    /// The deadline of the next armed sleep; none without one.
    pub(crate) fn next(&self) -> Option<Uptime> {
        self.0.next_deadline().map(Uptime)
    }

    /// Advances time to `instant` and wakes every sleep that ends by then.
    pub(crate) async fn jump(&self, instant: Uptime) {
        self.0.advance_to(instant.0).await;
    }

    /// Advances wall time by `length`, but not uptime. Sleeps until a wall time compute their deadline again.
    pub(crate) fn suspend(&self, length: Millis) {
        self.jump_wall(Jump::Forward(length));
    }

    /// Sets wall time, but not uptime.
    pub(crate) fn jump_wall(&self, jump: Jump) {
        self.0.shift_wall(match jump {
            Jump::Forward(length) => length.0.cast_signed(),
            Jump::Back(length) => -length.0.cast_signed(),
        });
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Now {
        Now { uptime: Uptime(self.0.uptime()), wall: Wall(self.0.wall()) }
    }

    fn sleep_until(&self, deadline: Uptime) -> LocalBoxFuture<'static, ()> {
        Box::pin(self.0.sleep_until(deadline.0))
    }

    fn sleep_until_wall(&self, deadline: Wall) -> LocalBoxFuture<'static, ()> {
        Box::pin(self.0.sleep_until_wall(deadline.0))
    }
}
