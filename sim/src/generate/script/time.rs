//! When the next step comes: at an instant at which something is due, in the middle of something that lasts, or anywhere.

use gateway::agent::script::TurnStep;
use gateway::clock::Millis;

use super::Writer;
use crate::scenario::Latency;

impl Writer<'_> {
    /// Time goes on to the next step: not at all, to something that is due, a little, or far.
    pub(super) fn pass_time(&mut self) {
        let secs = Millis::from_secs;
        if let Some(moment) = self.moment.take().filter(|moment| *moment >= self.now)
            && self.prng.hits(3, 4)
        {
            self.now = moment;
            return;
        }
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

    pub(super) fn pass_to_due(&mut self) {
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
    pub(super) fn amid(&mut self) -> Millis {
        let store = &self.scenario.store;
        let others = [self.scenario.network.latency, store.before_commit, store.after_commit, store.after_lookup];
        let lasting = self.scenario.windows.values().chain(&others).filter(|latency| latency.max > Millis::ZERO);
        let lasting: Vec<Latency> = lasting.copied().collect();
        if lasting.is_empty() { Millis(1) } else { Millis(self.prng.one(&lasting).max.0 / 2) }
    }

    pub(super) fn expect(&mut self, later: Millis) {
        self.due.insert(self.now + later);
    }

    /// What a turn with these steps does that begins at an instant; when it is over.
    pub(super) fn expect_turn(&mut self, begins: Millis, steps: &[TurnStep]) -> Millis {
        let mut over = begins;
        for step in steps {
            over = over + self.length(step);
            self.due.extend([over, over + self.in_doubt()]);
            match step {
                TurnStep::Background { takes, .. } => {
                    let ends = over + *takes;
                    let amid = self.amid();
                    self.due.extend([ends, ends + amid]);
                }
                TurnStep::Compress { .. } => {
                    // Who asks for it then has looked its row up when it goes on under another.
                    let looks = self.scenario.store.after_lookup.max.times(2);
                    let stored = Millis((over + self.in_doubt()).0.saturating_sub(self.commit().0));
                    self.due.insert(Millis(stored.0.saturating_sub(looks.0)));
                }
                _ => {}
            }
        }
        // Who goes then has a grace that is over when the turn is.
        let grace = self.scenario.gateway.orphan_grace;
        let meets = [1, 2].map(|rounds| Millis(over.0.saturating_sub(grace.times(rounds).0)));
        self.due.extend(meets.into_iter().filter(|instant| *instant > self.now));
        over
    }

    /// How long a write takes at the most.
    pub(super) fn commit(&self) -> Millis {
        self.scenario.store.before_commit.max + self.scenario.store.after_commit.max
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
