//! The instant of the next step: at a due time, in the middle of an operation, or at random.

use gateway_core::agent::script::TurnStep;
use gateway_core::clock::Millis;

use super::Writer;
use sim_scenario::Latency;

impl Writer<'_> {
    /// Advances the script's time to the next step: by nothing, to a due time, a little, or far.
    pub(super) fn pass_time(&mut self) {
        let secs = Millis::from_secs;
        if let Some(at) = self.next_at.take().filter(|at| *at >= self.now)
            && self.prng.hits(3, 4)
        {
            self.now = at;
            return;
        }
        // A follow-up comes at once, or while the action that it follow_up is still under way.
        if self.next.is_some() && self.prng.hits(1, 2) {
            self.now = self.now + if self.prng.hits(1, 3) { Millis::ZERO } else { self.midway() };
            return;
        }
        let step = match self.prng.below(20) {
            0..=4 => Millis::ZERO,
            5 => Millis(1),
            6..=8 => *self.prng.one(&[secs(1), secs(2), secs(5)]),
            9..=10 => self.midway(),
            11..=17 => return self.pass_to_due(),
            18 => Millis(self.prng.below(60_000) as u64),
            _ => *self.prng.one(&[secs(120), secs(301), secs(900)]),
        };
        self.now = self.now + step;
    }

    pub(super) fn pass_to_due(&mut self) {
        let later: Vec<Millis> = self.due.range(Millis(self.now.0 + 1)..).copied().collect();
        if later.is_empty() {
            return;
        }
        // Only the next four due times are candidates.
        let near = later.len().min(4);
        let due = later[self.prng.below(near)];
        let beside = match self.prng.below(6) {
            0 => Millis(due.0 - 1),
            1 => Millis(due.0 + 1),
            2 => Millis(due.0.saturating_sub(1000)),
            3 => due + self.midway(),
            _ => due,
        };
        self.now = self.now.max(beside);
    }

    /// The offset from the start of an operation to its middle: of an open race window, of a frame or a write in flight.
    /// One millisecond when the scenario has no such duration.
    pub(super) fn midway(&mut self) -> Millis {
        let store = &self.scenario.store;
        let others = [self.scenario.network.latency, store.before_commit, store.after_commit, store.after_lookup];
        let lasting = self.scenario.windows.values().chain(&others).filter(|latency| latency.max > Millis::ZERO);
        let lasting: Vec<Latency> = lasting.copied().collect();
        if lasting.is_empty() { Millis(1) } else { Millis(self.prng.one(&lasting).max.0 / 2) }
    }

    /// Notes a due time, `later` from now.
    pub(super) fn expect(&mut self, later: Millis) {
        self.due.insert(self.now + later);
    }

    /// Notes the due times of a turn that begins at `begins`. Returns the instant at which it ends.
    pub(super) fn expect_turn(&mut self, begins: Millis, steps: &[TurnStep]) -> Millis {
        let mut over = begins;
        for step in steps {
            over = over + self.length(step);
            self.due.extend([over, over + self.in_doubt()]);
            match step {
                TurnStep::Background { takes, .. } => {
                    let ends = over + *takes;
                    let midway = self.midway();
                    self.due.extend([ends, ends + midway]);
                }
                TurnStep::Compress { .. } => {
                    // A resume at this instant has looked the row up just before its id is rotated.
                    let looks = self.scenario.store.after_lookup.max.times(2);
                    let stored = Millis((over + self.in_doubt()).0.saturating_sub(self.commit().0));
                    self.due.insert(Millis(stored.0.saturating_sub(looks.0)));
                }
                _ => {}
            }
        }
        // A client that leaves one or two graces before the end of the turn has its grace expire at that end.
        let grace = self.scenario.gateway.orphan_grace;
        let departures = [1, 2].map(|rounds| Millis(over.0.saturating_sub(grace.times(rounds).0)));
        self.due.extend(departures.into_iter().filter(|instant| *instant > self.now));
        over
    }

    /// The upper bound of a write's duration.
    pub(super) fn commit(&self) -> Millis {
        self.scenario.store.before_commit.max + self.scenario.store.after_commit.max
    }

    /// The offset from a store call to an instant at which its commit is done and its answer is not.
    pub(super) fn in_doubt(&self) -> Millis {
        let store = &self.scenario.store;
        store.before_commit.max + Millis(store.after_commit.max.0 / 2)
    }

    /// The duration of a turn's step without interrupt or answer.
    pub(super) fn length(&self, step: &TurnStep) -> Millis {
        match step {
            // The call is stored before the tool runs, the result after.
            TurnStep::Tool { takes, .. } => *takes + self.commit().times(2),
            TurnStep::Tools { calls } => step.takes().unwrap_or_default() + self.commit().times(1 + calls.len() as u64),
            TurnStep::Compress { takes, .. } => *takes + self.commit(),
            TurnStep::Sleep { takes } | TurnStep::Late { takes, .. } => *takes,
            TurnStep::Hang => self.scenario.gateway.orphan_silence,
            TurnStep::Ask { .. } => self.scenario.gateway.approval_timeout.unwrap_or(Millis::from_secs(60)),
            TurnStep::Background { .. } => self.commit().times(2),
            TurnStep::Say { .. } => self.commit(),
            _ => Millis::ZERO,
        }
    }
}
