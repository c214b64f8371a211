//! When the next step comes: at an instant at which something is due, in the middle of something that lasts, or anywhere.

use gateway::agent::script::TurnStep;
use gateway::clock::{Millis, Uptime};
use gateway::lifecycle::idle;
use gateway::spawn::Window;

use super::Writer;
use crate::generate::swarm::Feature;
use crate::scenario::Latency;

/// How long after a session was added the cap is looked at (spec §6).
const CAP_DELAY: Millis = Millis(100);

impl Writer<'_> {
    /// Time goes on to the next step: not at all, to something that is due, a little, or far.
    pub(super) fn pass_time(&mut self) {
        let secs = Millis::from_secs;
        // What mostly follows does so at once, or before what it follows is through.
        if self.next.is_some() && self.prng.hits(1, 2) {
            self.now = self.now + if self.prng.hits(1, 3) { Millis::ZERO } else { self.amid() };
            return;
        }
        let step = match self.prng.below(20) {
            0..=4 => Millis::ZERO,
            5 => Millis(1),
            6..=8 => *self.prng.one(&[secs(1), secs(2), secs(5)]),
            9..=10 => self.amid(),
            11..=17 => return self.pass_to_due(),
            18 => Millis(self.prng.below(60_000) as u64),
            _ => *self.prng.one(&[secs(120), secs(301), secs(900)]),
        };
        self.now = self.now + step;
    }

    fn pass_to_due(&mut self) {
        let later: Vec<Millis> = self.due.range(Millis(self.now.0 + 1)..).copied().collect();
        if later.is_empty() {
            return;
        }
        // The next few are the likely ones.
        let near = later.len().min(4);
        let due = later[self.prng.below(near)];
        let beside = match self.prng.below(6) {
            0 => Millis(due.0 - 1),
            1 => Millis(due.0 + 1),
            2 => Millis(due.0.saturating_sub(1000)),
            3 => due + self.amid(),
            _ => due,
        };
        self.now = self.now.max(beside);
    }

    /// How long after something has begun it is in the middle of a thing that lasts: a race window that is open, a frame
    /// or a write on its way. A millisecond where nothing lasts.
    fn amid(&mut self) -> Millis {
        let store = &self.scenario.store;
        let others = [self.scenario.network.latency, store.before_commit, store.after_commit, store.after_lookup];
        let lasting = self.scenario.windows.values().chain(&others).filter(|latency| latency.max > Millis::ZERO);
        let lasting: Vec<Latency> = lasting.copied().collect();
        if lasting.is_empty() { Millis(1) } else { Millis(self.prng.one(&lasting).max.0 / 2) }
    }

    pub(super) fn expect(&mut self, later: Millis) {
        self.due.insert(self.now + later);
    }

    /// A session is added: those beyond the cap are ended a little later.
    pub(super) fn expect_cap(&mut self) {
        if self.swarm.has(Feature::Crowd) || self.scenario.gateway.max_live_sessions.is_some() {
            self.expect(CAP_DELAY);
        }
    }

    /// A session is left that is at rest from an instant on: the idle reaper ends it, if nobody does before.
    pub(super) fn expect_idle(&mut self, rests: Millis) {
        let (ttl, grace) = (self.scenario.gateway.session_ttl, self.scenario.gateway.orphan_grace);
        if grace == Millis::ZERO || grace > ttl {
            let idle = idle::scan_after(Uptime(self.now.max(rests).0) + ttl);
            self.due.insert(Millis(idle.0));
        }
    }

    /// How long a write takes at the most.
    pub(super) fn commit(&self) -> Millis {
        self.scenario.store.before_commit.max + self.scenario.store.after_commit.max
    }

    /// How long after the end of a job it may be over and nobody has heard of it.
    pub(super) fn unheard(&self) -> Millis {
        let window = self.scenario.windows.get(&Window::JobOverNotHeard);
        Millis(window.map_or(0, |window| window.max.0 / 2))
    }

    /// How long after a call of the store its commit may be done and not yet answered.
    pub(super) fn in_doubt(&self) -> Millis {
        let store = &self.scenario.store;
        store.before_commit.max + Millis(store.after_commit.max.0 / 2)
    }

    /// How long a step of a turn lasts if nobody interrupts or answers.
    pub(super) fn length(&self, step: &TurnStep) -> Millis {
        match step {
            // The call is stored before, the result after.
            TurnStep::Tool { takes, .. } => *takes + self.commit().times(2),
            TurnStep::Compress { takes, .. } | TurnStep::Sleep { takes } | TurnStep::Late { takes, .. } => *takes,
            TurnStep::Hang => self.scenario.gateway.orphan_silence,
            TurnStep::Ask { .. } => self.scenario.gateway.approval_timeout.unwrap_or(Millis::from_secs(60)),
            TurnStep::Background { .. } => self.commit().times(2),
            TurnStep::Say { .. } => self.commit(),
            _ => Millis::ZERO,
        }
    }
}
