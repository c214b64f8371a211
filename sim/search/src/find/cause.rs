//! Causes of rows: the fields of behaviour without which a release would not leave them.

use gateway_core::behavior::Field;
use gateway_core::release::Release;
use interleaving::strategy::{Fifo, Follow, Random, Strategy};
use interleaving::tape::Tape;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;

use super::fit::{Clients, Fit};
use super::pattern::Pattern;
use crate::fuzz::Explanation;
use crate::fuzz::explain::{explanation, set, sound};

/// Fields of behaviour with alternatives, as in `[behavior]`.
pub(super) type Settings = Vec<(String, String)>;

/// Why a release leaves the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The release is `current`, which has no other behaviour to compare with.
    Current,
    /// `current` leaves them too, so they need no defect.
    Sound,
    /// These fields are the cause: the release without any one of them does not leave the rows, and `current` with all of them
    /// does.
    Clear(Vec<Explanation>),
    /// The release without any one of these fields does not leave the rows, but `current` with all of them does not either:
    /// other differences matter, too.
    Needed(Vec<Explanation>),
    /// No field is needed on its own, because several have the same effect. `current` with one of these leaves the rows.
    Several(Vec<Explanation>),
}

impl Cause {
    /// The fields that explain the rows.
    pub fn fields(&self) -> &[Explanation] {
        match self {
            Self::Current | Self::Sound => &[],
            Self::Clear(fields) | Self::Needed(fields) | Self::Several(fields) => fields,
        }
    }

    /// Whether one field alone is the cause, or none can be.
    pub fn is_clear(&self) -> bool {
        match self {
            Self::Current => true,
            Self::Clear(fields) => fields.len() == 1,
            Self::Sound | Self::Needed(_) | Self::Several(_) => false,
        }
    }
}

/// What is asked of runs of one scenario.
pub(super) struct Question<'a> {
    pub(super) pattern: &'a Pattern,
    pub(super) clients: Clients,
    pub(super) scenario: &'a Scenario,
    pub(super) release: Release,
    /// The choices of the run that ended in the rows.
    pub(super) tape: &'a Tape,
}

/// How many random schedules are tried besides the tape and the scripted one. Rows that a change of behaviour only moves to
/// another schedule have not vanished.
const SCHEDULES: u64 = 1;

/// How many fields are mended at once to see whether any of them matters.
const GROUP: usize = 8;

impl Question<'_> {
    /// Whether the rows are those of the pattern, whatever else still goes on; none for a run that broke off.
    fn leaves(
        &self,
        simulator: &mut Simulator,
        release: Release,
        behavior: &Settings,
        strategy: Box<dyn Strategy>,
    ) -> Option<bool> {
        let behavior = [self.scenario.behavior.clone(), behavior.clone()].concat();
        let scenario = Scenario { behavior, tapes: Default::default(), ..self.scenario.clone() };
        let (report, observations) = simulator.observe(&scenario, release, strategy, &[]);
        let end = observations.last().filter(|_| is_whole(&report))?;
        let distance = Fit::of(self.pattern, &scenario, end, self.clients).distance;
        Some(distance.rows() + distance.live == 0)
    }

    /// Whether no schedule that is tried ends in the rows.
    pub(super) fn vanishes(&self, simulator: &mut Simulator, release: Release, behavior: &Settings) -> bool {
        let mut schedules: Vec<Box<dyn Strategy>> = vec![Box::new(Follow::new(self.tape))];
        if !self.tape.choices.is_empty() {
            schedules.push(Box::new(Fifo));
        }
        schedules.extend((0..SCHEDULES).map(|seed| Box::new(Random::new(seed)) as Box<dyn Strategy>));
        schedules.into_iter().all(|strategy| self.leaves(simulator, release, behavior, strategy) == Some(false))
    }

    /// Whether the tape, or the scripted schedule, ends in the rows.
    fn shows(&self, simulator: &mut Simulator, release: Release, behavior: &Settings) -> bool {
        let schedules: [Box<dyn Strategy>; 2] = [Box::new(Follow::new(self.tape)), Box::new(Fifo)];
        schedules.into_iter().any(|strategy| self.leaves(simulator, release, behavior, strategy) == Some(true))
    }

    /// The cause of the rows in the release with these fields mended.
    pub(super) fn cause(&self, simulator: &mut Simulator, mended: &Settings) -> Cause {
        if self.release == Release::Current || !self.vanishes(simulator, Release::Current, &Vec::new()) {
            return Cause::Sound;
        }
        let is_mended = |field: &Field| mended.iter().any(|(name, _)| *name == field.name);
        let fields = self.release.behavior().fields().into_iter();
        let different: Vec<Field> = fields.filter(|field| field.value != sound(field) && !is_mended(field)).collect();
        let needed = self.needed(simulator, &different, mended);
        let mut with = |fields: &[Field]| {
            let behavior = fields.iter().map(|field| set(field, field.value)).collect();
            self.shows(simulator, Release::Current, &behavior)
        };
        if needed.is_empty() {
            let alone = different.iter().filter(|field| with(std::slice::from_ref(field)));
            return Cause::Several(alone.map(explanation).collect());
        }
        if let Some(field) = needed.iter().find(|field| with(std::slice::from_ref(field))) {
            return Cause::Clear(vec![explanation(field)]);
        }
        let is_enough = with(&needed);
        let explained = needed.iter().map(explanation).collect();
        if is_enough { Cause::Clear(explained) } else { Cause::Needed(explained) }
    }

    /// The fields without any one of which the rows vanish.
    ///
    /// A release differs from `current` in some seventy fields, of which one or two matter. So several are mended at once: if
    /// the rows are still left, none of them is asked for on its own.
    fn needed(&self, simulator: &mut Simulator, different: &[Field], mended: &Settings) -> Vec<Field> {
        let mut without = |fields: &[Field]| {
            let sound = fields.iter().map(|field| set(field, sound(field))).collect();
            self.vanishes(simulator, self.release, &[mended.clone(), sound].concat())
        };
        let mut needed = Vec::new();
        for group in different.chunks(GROUP) {
            if without(group) {
                needed.extend(group.iter().filter(|field| without(std::slice::from_ref(field))).cloned());
            }
        }
        needed
    }

    /// Whether the rows come by one of these causes. Those of one field are mended at once, which takes no more runs than one.
    pub(super) fn is_known(&self, simulator: &mut Simulator, known: &[Cause], mended: &Settings) -> bool {
        let (single, joint): (Vec<&Cause>, Vec<&Cause>) = known.iter().partition(|cause| cause.fields().len() == 1);
        let fields: Settings = single.iter().flat_map(|cause| self::mended(cause, self.release)).collect();
        !fields.is_empty() && self.vanishes(simulator, self.release, &[mended.clone(), fields].concat())
            || joint.into_iter().any(|cause| self.is_needed(simulator, cause, mended))
    }

    /// Whether the fields of a cause are still that of the rows, in the release with earlier causes mended.
    pub(super) fn is_by(&self, simulator: &mut Simulator, cause: &Cause, earlier: &Settings) -> bool {
        if matches!(cause, Cause::Current | Cause::Sound) {
            return true;
        }
        if let Cause::Clear(fields) = cause {
            let behavior = fields.iter().map(|field| (field.field.clone(), field.alternative.to_owned())).collect();
            if !self.shows(simulator, Release::Current, &behavior) {
                return false;
            }
        }
        if !self.vanishes(simulator, Release::Current, &Vec::new()) {
            return false;
        }
        matches!(cause, Cause::Several(_)) || self.is_needed(simulator, cause, earlier)
    }

    /// Whether the release without any one of the cause's fields leaves other rows.
    pub(super) fn is_needed(&self, simulator: &mut Simulator, cause: &Cause, earlier: &Settings) -> bool {
        let mut fields = mended(cause, self.release).into_iter();
        fields.all(|field| self.vanishes(simulator, self.release, &[earlier.clone(), vec![field]].concat()))
    }
}

/// Whether the run has an end that its rows can be judged at.
pub(super) fn is_whole(report: &Report) -> bool {
    !matches!(report.outcome, Outcome::Panicked | Outcome::Limit | Outcome::Nondeterministic)
}

/// The fields of a cause, each set as in `current`.
pub(super) fn mended(cause: &Cause, release: Release) -> Settings {
    let fields = release.behavior().fields();
    let of = |explained: &Explanation| fields.iter().find(|field| field.name == explained.field);
    cause.fields().iter().filter_map(of).map(|field| set(field, sound(field))).collect()
}
