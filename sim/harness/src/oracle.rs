//! Judges the claims during a run. Its deadlines are neither events nor choices: a run is the same with and without it.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::clock::{Millis, Uptime};
use gateway_core::state::Session;
use gateway_core::store::{SessionRow, StoredId};
use sim_scenario::Scenario;

use crate::claim::{Breach, Case, Cases, Claim, Condition, Excuse, Invariant, Tally, View, Violation};
use crate::counts::Counts;
use crate::invariant::ALL;
use crate::rows::RowSet;

/// The judge of one run.
#[derive(Default)]
pub(crate) struct Oracle {
    /// The bound of each claim of [`ALL`] under the present settings; zero where it has none.
    bounds: Vec<Millis>,
    /// The conditions of the `Within` claims of [`ALL`] that hold now, by their subject. Those that are due at one instant are
    /// reported in this order.
    begun: Vec<BTreeMap<String, Begun>>,
    /// The subjects of the conditions of each claim of [`ALL`] that is judged by sessions or by rows.
    of_parts: Vec<BTreeMap<Part, Vec<String>>>,
    /// The claims and subjects that are reported: each pair once.
    reported: BTreeSet<(&'static str, String)>,
    violations: Vec<Violation>,
    /// The cases of each claim of [`ALL`].
    tallies: Vec<Tally>,
    /// Whether a condition has ended, or was replaced, since the last `take_ended`.
    ended: bool,
}

type BegunOf = fn(&View<'_>, &Session, Millis) -> Vec<Condition>;
type BegunOfRow = fn(&View<'_>, &SessionRow, Millis) -> Option<Condition>;

/// What the conditions of a claim are about that change together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// The session at this place.
    Session(usize),
    Row(StoredId),
}

struct Begun {
    since: Uptime,
    due: Uptime,
    condition: Condition,
}

impl Oracle {
    /// The judge of a run of this scenario.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let begun = ALL.map(|_| BTreeMap::new()).into();
        let of_parts = vec![BTreeMap::new(); ALL.len()];
        let mut oracle = Self { tallies: vec![Tally::default(); ALL.len()], begun, of_parts, ..Self::default() };
        oracle.bound_by(scenario);
        oracle
    }

    /// Call when a process starts with other settings. Conditions that hold already keep the time at which they are due.
    pub(crate) fn bound_by(&mut self, scenario: &Scenario) {
        let bound = |invariant: &Invariant| match invariant.claim {
            Claim::Within { bound, .. }
            | Claim::WithinOf { bound, .. }
            | Claim::OfSession { bound, .. }
            | Claim::OfSessionOf { bound, .. }
            | Claim::OfRow { bound, .. }
            | Claim::OfRowOf { bound, .. } => bound(scenario),
            _ => Millis::ZERO,
        };
        self.bounds = ALL.into_iter().map(bound).collect();
    }

    /// Call after each event. Judges the `Always` claims, and notes which conditions of `Within` claims begin and end.
    pub(crate) fn judge_state(&mut self, now: Uptime, view: &View<'_>) {
        for (place, invariant) in ALL.into_iter().enumerate() {
            match &invariant.claim {
                Claim::Each(check) => self.look(now, place, |cases| check(view, cases)),
                Claim::Within { begun, .. } => self.note_all(now, place, begun(view, self.bounds[place]), view),
                Claim::WithinOf { begun, cases, .. } => {
                    self.look(now, place, |counted| counted.so_far(cases(view)));
                    self.note_all(now, place, begun(view, self.bounds[place]), view);
                }
                Claim::OfSession { begun, .. } => self.note_sessions(now, place, *begun, view),
                Claim::OfSessionOf { begun, cases, .. } => {
                    self.look(now, place, |counted| counted.so_far(cases(view)));
                    self.note_sessions(now, place, *begun, view);
                }
                Claim::OfRow { begun, .. } => self.note_rows(now, place, *begun, view),
                Claim::OfRowOf { begun, cases, .. } => {
                    self.look(now, place, |counted| counted.so_far(cases(view)));
                    self.note_rows(now, place, *begun, view);
                }
                Claim::Frames(_) | Claim::Rest(_) => {}
            }
        }
    }

    /// Call after clients have received frames. Judges the `Received` claims.
    pub(crate) fn judge_frames(&mut self, now: Uptime, view: &View<'_>) {
        for (place, invariant) in ALL.into_iter().enumerate() {
            if let Claim::Frames(check) = &invariant.claim {
                self.look(now, place, |cases| check(view, cases));
            }
        }
    }

    /// The next instant at which a condition is due. `None`: no condition holds.
    pub(crate) fn next_due(&self) -> Option<Uptime> {
        self.begun.iter().flat_map(BTreeMap::values).map(|begun| begun.due).min()
    }

    /// Call after the last event of the instant `now`. Reports the conditions that are due.
    pub(crate) fn judge_due(&mut self, now: Uptime) {
        for (place, invariant) in ALL.into_iter().enumerate() {
            let due = self.begun[place].extract_if(.., |_, begun| begun.due <= now);
            for (subject, begun) in due.collect::<Vec<_>>() {
                let detail = (begun.condition.detail)(&subject, begun.since);
                self.close(place, 1, None);
                self.violate(now, invariant.name, subject, detail);
            }
        }
    }

    /// Call once, at the end of the run. Judges the `AtRest` claims.
    pub(crate) fn judge_at_rest(&mut self, now: Uptime, view: &View<'_>, tables: &RowSet) {
        for (place, invariant) in ALL.into_iter().enumerate() {
            match &invariant.claim {
                Claim::Rest(check) => self.look(now, place, |cases| check(view, tables, cases)),
                // For what was counted since the last frame that was judged.
                Claim::Frames(check) => self.look(now, place, |cases| check(view, cases)),
                _ => {}
            }
        }
    }

    /// Whether a condition has ended, or was replaced, since the last call.
    pub(crate) fn take_ended(&mut self) -> bool {
        std::mem::take(&mut self.ended)
    }

    /// The violations so far, in order of time.
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How often each claim was judged and excused so far.
    pub(crate) fn counts(&self) -> Counts {
        Counts::new(|place| self.tallies.get(place).map(Tally::count).unwrap_or_default())
    }

    /// Notes which conditions of a claim hold now.
    fn note_all(&mut self, now: Uptime, place: usize, conditions: Vec<Condition>, view: &View<'_>) {
        let held = self.begun[place].keys().cloned().collect();
        self.note(now, place, held, conditions, view);
    }

    /// Notes which conditions of the sessions hold now of which something has changed.
    fn note_sessions(&mut self, now: Uptime, place: usize, begun: BegunOf, view: &View<'_>) {
        let bound = self.bounds[place];
        let conditions = |(known, session)| match view.is_live(known) {
            true => (Part::Session(known), begun(view, session, bound)),
            false => (Part::Session(known), Vec::new()),
        };
        self.note_parts(now, place, view.changed().map(conditions), view);
    }

    /// Notes which conditions of the rows hold now of which something has changed.
    fn note_rows(&mut self, now: Uptime, place: usize, begun: BegunOfRow, view: &View<'_>) {
        let bound = self.bounds[place];
        let condition = |id: &StoredId| view.rows.row(id).and_then(|row| begun(view, row, bound));
        let conditions = |id: &StoredId| (Part::Row(id.clone()), condition(id).into_iter().collect());
        self.note_parts(now, place, view.changed_rows.iter().map(conditions), view);
    }

    /// Notes which conditions of these parts hold now. Those of all parts go together: a row can have the alias that another had.
    fn note_parts(
        &mut self,
        now: Uptime,
        place: usize,
        parts: impl Iterator<Item = (Part, Vec<Condition>)>,
        view: &View<'_>,
    ) {
        let (mut held, mut all) = (Vec::new(), Vec::new());
        for (part, conditions) in parts {
            held.extend(self.of_parts[place].remove(&part).unwrap_or_default());
            if !conditions.is_empty() {
                let subjects = conditions.iter().map(|condition| condition.subject.clone()).collect();
                self.of_parts[place].insert(part, subjects);
                all.extend(conditions);
            }
        }
        if !held.is_empty() || !all.is_empty() {
            self.note(now, place, held, all, view);
        }
    }

    /// Notes which of some conditions hold now. `held` are the subjects of those that may have held before.
    fn note(&mut self, now: Uptime, place: usize, held: Vec<String>, conditions: Vec<Condition>, view: &View<'_>) {
        let hold: BTreeSet<&str> = conditions.iter().map(|condition| condition.subject.as_str()).collect();
        // A condition that ended in time is a case that was judged; one that ended with the process would be judged later.
        let over = held.iter().filter(|subject| !hold.contains(subject.as_str()));
        let ended = over.filter_map(|subject| self.begun[place].remove(subject)).count();
        self.close(place, ended, view.sessions.is_none().then_some(Excuse::Killed));
        self.ended |= ended > 0;
        let mut replaced = 0;
        for condition in conditions {
            let within = condition.within;
            let delayed = |since: Uptime| since + within + view.store.delay_since(since);
            let reported = (ALL[place].name, condition.subject.clone());
            if !self.reported.contains(&reported) {
                // What puts it off may be later than now.
                let since = now.max(condition.era);
                let begun = Begun { since, due: delayed(since), condition };
                match self.begun[place].get_mut(&reported.1) {
                    // A condition that may now hold longer, for a fault of the store delays its end, is due later.
                    Some(known) if known.condition.era == begun.condition.era => {
                        known.due = known.due.max(delayed(known.since));
                        known.condition = begun.condition;
                    }
                    Some(known) => {
                        *known = begun;
                        replaced += 1;
                        self.ended = true;
                    }
                    None => {
                        self.begun[place].insert(reported.1, begun);
                    }
                }
            }
        }
        self.close(place, replaced, None);
    }

    /// Counts conditions that are over. Those of `WithinOf` claims were counted where they began.
    fn close(&mut self, place: usize, conditions: usize, excuse: Option<Excuse>) {
        let tally = &mut self.tallies[place];
        for _ in 0..conditions {
            match (&ALL[place].claim, excuse) {
                (Claim::WithinOf { .. } | Claim::OfSessionOf { .. } | Claim::OfRowOf { .. }, None) => {}
                (Claim::WithinOf { .. } | Claim::OfSessionOf { .. } | Claim::OfRowOf { .. }, Some(excuse)) => {
                    tally.take_back(excuse);
                }
                (_, None) => tally.add(&Case::Held),
                (_, Some(excuse)) => tally.add(&Case::Excused(excuse)),
            }
        }
    }

    fn look(&mut self, now: Uptime, place: usize, check: impl FnOnce(&mut Cases<'_>)) {
        let mut cases = Cases::new(&mut self.tallies[place]);
        check(&mut cases);
        let breaches = cases.into_breaches();
        self.report(now, ALL[place], breaches);
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
