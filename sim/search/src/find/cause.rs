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
    /// `current` leaves them too, so they need no defect.
    Sound,
    /// `current` does not, and neither does the release if any one of these fields is set as in `current`.
    Fields(Vec<Explanation>),
    /// `current` does not, but no field is needed on its own: several have the same effect. These suffice alone.
    Several(Vec<Explanation>),
}

impl Cause {
    /// The fields that explain the rows.
    pub fn fields(&self) -> &[Explanation] {
        match self {
            Self::Sound => &[],
            Self::Fields(fields) | Self::Several(fields) => fields,
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

/// Random schedules that are tried besides the tape and the scripted one. Rows that a change of behaviour only moves to
/// another schedule have not vanished.
const SCHEDULES: u64 = 2;

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
        let distance = Fit::of(self.pattern, end, self.clients).distance;
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
        let mut without = |field: &&Field| {
            let behavior = [mended.clone(), vec![set(field, sound(field))]].concat();
            self.vanishes(simulator, self.release, &behavior)
        };
        let needed: Vec<Explanation> = different.iter().filter(&mut without).map(explanation).collect();
        if !needed.is_empty() {
            return Cause::Fields(needed);
        }
        let mut alone = |field: &&Field| self.shows(simulator, Release::Current, &vec![set(field, field.value)]);
        Cause::Several(different.iter().filter(&mut alone).map(explanation).collect())
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
