//! Collisions: a step that falls into an operation under way, or on the instant at which one ends.
//!
//! A collision needs several steps on the right sessions at the right instants. Independent draws would hardly ever
//! produce one, so the writer schedules them.

use gateway_core::agent::script::TurnStep;
use gateway_core::clock::{Millis, Uptime};
use gateway_core::lifecycle::idle;

use super::Writer;
use crate::generate::feature::Feature;
use sim_scenario::Word;

impl Writer<'_> {
    /// Schedules a step in the middle of a turn that runs from `begins` to `rests`, or of a background job it leaves.
    pub(super) fn collide_with_turn(&mut self, begins: Millis, rests: Millis, steps: &[TurnStep], session: &str) {
        let mut candidates: Vec<(Millis, Word, String)> = Vec::new();
        let own = |at, word| (at, word, session.to_owned());
        let mut over = begins;
        if self.commit() > Millis::ZERO {
            // An interrupt may arrive before the prompt is stored.
            candidates.push(own(Millis((self.now.0 + begins.0) / 2), Word::Interrupt));
        }
        let free = self.sessions.iter().filter(|known| known.name != session && known.busy_until <= self.now);
        let free: Vec<String> = free.map(|known| known.name.clone()).collect();
        for step in steps {
            let length = self.length(step);
            match step {
                TurnStep::Late { .. } | TurnStep::Hang => {
                    candidates.push(own(over + Millis(length.0 / 2), Word::Interrupt));
                }
                TurnStep::Background { takes, .. } => {
                    let ends = over + length + *takes;
                    if ends > rests {
                        let midway = self.midway();
                        candidates.push(own(ends + midway, Word::CloseSession));
                    } else {
                        // A second session that works at the same time may receive the job's notice by mistake.
                        candidates.extend(free.iter().map(|other| (ends, Word::Prompt, other.clone())));
                    }
                }
                _ => {}
            }
            over = over + length;
        }
        let (interrupts, closes) = (self.swarm.has(Feature::Interrupt), self.swarm.has(Feature::Close));
        candidates
            .retain(|(_, word, _)| (*word != Word::Interrupt || interrupts) && (*word != Word::CloseSession || closes));
        self.schedule_collision(&candidates);
    }

    /// Schedules a step at the instant at which a reaper ends the sessions of a lost connection, which rest from `rests`
    /// on.
    pub(super) fn collide_with_reapers(&mut self, rests: Millis) {
        let (ttl, grace) = (self.scenario.gateway.session_ttl, self.scenario.gateway.orphan_grace);
        let rests = self.now.max(rests);
        let ends = if grace == Millis::ZERO || grace > ttl {
            let idle = idle::scan_after(Uptime(rests.0) + ttl);
            self.due.insert(Millis(idle.0));
            Millis(idle.0)
        } else {
            // The first end of a grace at which no turn runs.
            self.now + grace.times(1 + (rests.0 - self.now.0) / grace.0)
        };
        if self.prng.hits(1, 2) {
            self.next_at = Some(ends + self.midway());
        }
    }

    /// A session is added. Sessions beyond the cap are ended [`idle::CAP_DELAY`] later; schedules a resume or a prompt to
    /// one of them at that instant.
    pub(super) fn collide_with_cap(&mut self) {
        if !self.swarm.has(Feature::Crowd) && self.scenario.gateway.max_live_sessions.is_none() {
            return;
        }
        self.expect(idle::CAP_DELAY);
        let at = self.now + idle::CAP_DELAY + self.midway();
        let others = self.sessions.iter().map(|known| &known.name);
        let others = others.flat_map(|other| [Word::Resume, Word::Prompt].map(|word| (at, word, other.clone())));
        self.schedule_collision(&others.collect::<Vec<_>>());
    }

    /// Takes one of the candidates as the next step, in two of three cases.
    fn schedule_collision(&mut self, candidates: &[(Millis, Word, String)]) {
        if !candidates.is_empty() && self.prng.hits(2, 3) {
            let (at, word, session) = self.prng.one(candidates).clone();
            self.next = Some((word, session));
            self.next_at = Some(at);
        }
    }
}
