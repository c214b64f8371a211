//! Judges the claims as a run goes on. Its deadlines are no events and no choices: a run is the same with and without.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::Uptime;

use super::{ALL, Breach, Claim, Condition, Invariant, View, Violation};
use crate::rows::Tables;

/// The judge of one run.
#[derive(Default)]
pub(crate) struct Oracle {
    /// Conditions of `Within` claims that hold now.
    begun: BTreeMap<(&'static str, String), Begun>,
    /// What has been reported: once for each claim and subject.
    reported: BTreeSet<(&'static str, String)>,
    violations: Vec<Violation>,
    /// A condition has come to its end, or another took its place, since somebody last asked.
    ended: bool,
}

struct Begun {
    since: Uptime,
    due: Uptime,
    condition: Condition,
}

impl Oracle {
    /// Something has changed: judges what holds always, and notes which conditions begin and end.
    pub(crate) fn look(&mut self, now: Uptime, view: &View<'_>) {
        for invariant in ALL {
            match &invariant.claim {
                Claim::Always(check) => self.report(now, invariant, check(view)),
                Claim::Within(begun) => self.note(now, invariant, begun(view)),
                Claim::Told(_) | Claim::AtRest(_) => {}
            }
        }
    }

    /// Clients were told something.
    pub(crate) fn hear(&mut self, now: Uptime, view: &View<'_>) {
        for invariant in ALL {
            if let Claim::Told(check) = &invariant.claim {
                self.report(now, invariant, check(view));
            }
        }
    }

    /// The next instant at which a condition will have lasted too long.
    pub(crate) fn next(&self) -> Option<Uptime> {
        self.begun.values().map(|begun| begun.due).min()
    }

    /// All that happens at `now` has happened: judges the conditions that are due.
    pub(crate) fn judge(&mut self, now: Uptime) {
        let due = |begun: &Begun| begun.due <= now;
        let overdue: Vec<_> = self.begun.iter().filter(|(_, begun)| due(begun)).map(|(key, _)| key.clone()).collect();
        for key in overdue {
            if let Some(begun) = self.begun.remove(&key) {
                let detail = (begun.condition.detail)(&key.1, begun.since);
                self.violate(now, key.0, key.1, detail);
            }
        }
    }

    /// The run is at rest.
    pub(crate) fn rest(&mut self, now: Uptime, view: &View<'_>, tables: &Tables) {
        for invariant in ALL {
            if let Claim::AtRest(check) = &invariant.claim {
                self.report(now, invariant, check(view, tables));
            }
        }
    }

    /// Whether a condition has come to its end since somebody last asked.
    pub(crate) fn take_ended(&mut self) -> bool {
        std::mem::take(&mut self.ended)
    }

    /// What was found, in order of time.
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    fn note(&mut self, now: Uptime, invariant: &Invariant, conditions: Vec<Condition>) {
        let hold: BTreeSet<&str> = conditions.iter().map(|condition| condition.subject.as_str()).collect();
        let before = self.begun.len();
        self.begun.retain(|(name, subject), _| *name != invariant.name || hold.contains(subject.as_str()));
        self.ended |= self.begun.len() < before;
        for condition in conditions {
            let within = condition.within;
            let key = (invariant.name, condition.subject.clone());
            if !self.reported.contains(&key) {
                let begun = Begun { since: now, due: now + within, condition };
                match self.begun.get_mut(&key) {
                    // What may last longer by now (a fault of the store delays it) is due later.
                    Some(known) if known.condition.era == begun.condition.era => {
                        known.due = known.due.max(known.since + within);
                        known.condition = begun.condition;
                    }
                    Some(known) => {
                        *known = begun;
                        self.ended = true;
                    }
                    None => {
                        self.begun.insert(key, begun);
                    }
                }
            }
        }
    }

    fn report(&mut self, now: Uptime, invariant: &Invariant, breaches: Vec<Breach>) {
        for breach in breaches {
            self.violate(now, invariant.name, breach.subject, breach.detail);
        }
    }

    fn violate(&mut self, now: Uptime, invariant: &'static str, subject: String, detail: String) {
        if self.reported.insert((invariant, subject)) {
            self.violations.push(Violation { invariant, at_ms: now.0, detail });
        }
    }
}
