//! What may well meet: somebody does something just when something else happens that lasts, or is over.
//!
//! Each such meeting takes several steps that have to be of the right sessions and at the right instants, so by chance
//! alone it would hardly ever come about.

use gateway::agent::script::TurnStep;
use gateway::clock::{Millis, Uptime};
use gateway::lifecycle::idle;

use super::{Kind, Writer};
use crate::generate::swarm::Feature;

impl Writer<'_> {
    /// A turn with these steps begins at an instant, and is over at another: what may well come in the middle of it, or of
    /// what it leaves behind.
    pub(super) fn meet_turn(&mut self, begins: Millis, rests: Millis, steps: &[TurnStep], session: &str) {
        let mut meetings: Vec<(Millis, Kind, String)> = Vec::new();
        let own = |at, kind| (at, kind, session.to_owned());
        let mut over = begins;
        if self.commit() > Millis::ZERO {
            // Who stops it may do so before it is stored.
            meetings.push(own(Millis((self.now.0 + begins.0) / 2), Kind::Interrupt));
        }
        let free = self.sessions.iter().filter(|known| known.name != session && known.busy_until <= self.now);
        let free: Vec<String> = free.map(|known| known.name.clone()).collect();
        for step in steps {
            let length = self.length(step);
            match step {
                TurnStep::Late { .. } | TurnStep::Hang => {
                    meetings.push(own(over + Millis(length.0 / 2), Kind::Interrupt));
                }
                TurnStep::Background { takes, .. } => {
                    let ends = over + length + *takes;
                    if ends > rests {
                        let amid = self.amid();
                        meetings.push(own(ends + amid, Kind::Close));
                    } else {
                        // Two sessions at work at one time are more than one after the other.
                        meetings.extend(free.iter().map(|other| (ends, Kind::Prompt, other.clone())));
                    }
                }
                _ => {}
            }
            over = over + length;
        }
        meetings.retain(|(_, kind, _)| match kind {
            Kind::Interrupt => self.swarm.has(Feature::Interrupt),
            Kind::Close => self.swarm.has(Feature::Close),
            _ => true,
        });
        self.meet_one(&meetings);
    }

    /// A connection ends, of sessions that are at rest from an instant on: who comes back may be almost too late.
    pub(super) fn meet_reapers(&mut self, rests: Millis) {
        let (ttl, grace) = (self.scenario.gateway.session_ttl, self.scenario.gateway.orphan_grace);
        let rests = self.now.max(rests);
        let ends = if grace == Millis::ZERO || grace > ttl {
            let idle = idle::scan_after(Uptime(rests.0) + ttl);
            self.due.insert(Millis(idle.0));
            Millis(idle.0)
        } else {
            // The first end of a grace at which nobody is at work.
            self.now + grace.times(1 + (rests.0 - self.now.0) / grace.0)
        };
        if self.prng.hits(1, 2) {
            self.moment = Some(ends + self.amid());
        }
    }

    /// A session is added: those beyond the cap are ended a little later, when somebody may want them.
    pub(super) fn meet_cap(&mut self) {
        if !self.swarm.has(Feature::Crowd) && self.scenario.gateway.max_live_sessions.is_none() {
            return;
        }
        self.expect(idle::CAP_DELAY);
        let at = self.now + idle::CAP_DELAY + self.amid();
        let others = self.sessions.iter().map(|known| &known.name);
        let others = others.flat_map(|other| [Kind::Resume, Kind::Prompt].map(|kind| (at, kind, other.clone())));
        self.meet_one(&others.collect::<Vec<_>>());
    }

    /// One of these comes next, if any.
    fn meet_one(&mut self, meetings: &[(Millis, Kind, String)]) {
        if !meetings.is_empty() && self.prng.hits(2, 3) {
            let (at, kind, session) = self.prng.one(meetings).clone();
            self.next = Some((kind, session));
            self.moment = Some(at);
        }
    }
}
