//! Campaigns: many generated scenarios, each under several schedules, and their findings.
//!
//! A campaign is a function of its [`Campaign`] value: run number `n` is the same on any thread, so the report does not
//! depend on the number of threads. The unit of work is a scenario with its schedules. The first schedule is the scripted
//! one, whose choices give the others their profile.

mod accepted;
mod blind;
pub(crate) mod explain;
mod finding;
mod guard;
mod guided;

use std::collections::BTreeMap;

use gateway_core::behavior::Behavior;
use gateway_core::clock::Millis;
use gateway_core::release::Release;

pub use accepted::{ACCEPTED, Accepted, Blindness};
pub use blind::{Blind, EXCUSED_MAX, JUDGED_MIN, LONG, blind, excused_share};
pub use explain::{Explanation, explain};
pub use finding::Finding;
pub use guard::{Difference, Guard};
pub use guided::{Corpus, Kept, Mode};

use crate::generate;
use crate::signature::FailureSignature;
use interleaving::prng::Prng;
use interleaving::strategy::{Fifo, Follow, Plan, Profile, Strategy};
use sim_harness::counts::Counts;
use sim_harness::coverage::Coverage;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;

/// The number of schedules of one scenario.
pub const SCHEDULES: u64 = 4;

/// The configuration of a campaign.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The seed of all scenarios and schedules.
    pub seed: u64,
    /// The release under test.
    pub release: Release,
    /// Fields of the release's behaviour that are set otherwise (planted bugs).
    pub behavior: Vec<(String, String)>,
    /// The strategy of the schedules.
    pub plan: Plan,
    /// Only violations of these invariants count; all if empty.
    pub only: Vec<String>,
    /// Which runs are repeated to check determinism.
    pub guard: Guard,
    /// Whether later scenarios are mutations of earlier ones.
    pub mode: Mode,
}

impl Campaign {
    /// The release's behaviour with the planted bugs.
    ///
    /// # Panics
    /// When a planted bug is none: the command line checks them.
    pub fn behavior_under_test(&self) -> Behavior {
        let mut behavior = self.release.behavior();
        for (field, alternative) in &self.behavior {
            behavior.set(field, alternative).expect("a planted bug sets a field that exists");
        }
        behavior
    }
}

/// The coordinates of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number, from 0.
    pub number: u64,
    /// The seed of its scenario.
    pub scenario: u64,
    /// The plan of its schedule.
    pub plan: Plan,
    /// The seed of its schedule.
    pub schedule: u64,
    /// The origin of its scenario.
    pub origin: Origin,
}

/// The origin of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Generated from the seed [`Run::scenario`] alone.
    Generated,
    /// A mutation of an earlier scenario.
    Mutated,
}

/// The result of one or more units of work.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The number of runs.
    pub runs: u64,
    /// The number of runs on mutated scenarios.
    pub mutated: u64,
    /// The number of repeated runs.
    pub repeated: u64,
    /// The number of events.
    pub events: u64,
    /// The virtual time of all runs together.
    pub uptime: Millis,
    /// The transitions and marks that were reached.
    pub coverage: Coverage,
    /// How often each claim was judged and excused.
    pub counts: Counts,
    /// The findings, by signature: the first run of each, and the number of runs.
    pub findings: BTreeMap<FailureSignature, (Finding, u64)>,
    /// The first run whose repetition differed.
    pub different: Option<Difference>,
    /// Runs that reached something new, in order; empty unless the campaign is guided.
    pub kept: Vec<Kept>,
}

impl Campaign {
    /// A campaign on a release with default options.
    pub fn new(seed: u64, release: Release) -> Self {
        let (behavior, only) = (Vec::new(), Vec::new());
        Self { seed, release, behavior, plan: Plan::default(), only, guard: Guard::Sample, mode: Mode::Blind }
    }

    /// The number of runs of a unit of work.
    pub fn unit(&self) -> u64 {
        if self.plan == Plan::Fifo { 1 } else { SCHEDULES }
    }

    /// The generated scenario of a unit.
    pub fn scenario(&self, unit: u64) -> Scenario {
        self.under_test(generate::scenario(self.scenario_seed(unit)))
    }

    fn under_test(&self, scenario: Scenario) -> Scenario {
        Scenario { behavior: self.behavior.clone(), releases: vec![self.release], ..scenario }
    }

    fn scenario_seed(&self, unit: u64) -> u64 {
        Prng::stream(self.seed ^ unit.wrapping_mul(0x9e37_79b9_7f4a_7c15), "fuzz.scenario").draw()
    }

    /// The runs of a unit that are below `runs`.
    fn runs_of(&self, unit: u64, runs: u64, origin: Origin) -> impl Iterator<Item = Run> {
        let first = unit * self.unit();
        let scenario = self.scenario_seed(unit);
        let campaign = (self.seed, self.plan);
        (first..(first + self.unit()).min(runs)).map(move |number| {
            let schedule =
                Prng::stream(campaign.0 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15), "fuzz.schedule").draw();
            let scripted = number == first && campaign.1.needs_profile();
            let plan = match campaign.1 {
                _ if scripted => Plan::Fifo,
                Plan::Portfolio => Plan::member(schedule),
                plan => plan,
            };
            Run { number, scenario, plan, schedule, origin }
        })
    }

    /// Executes all units, one after the other.
    pub fn carry_out_all(&self, simulator: &mut Simulator, runs: u64) -> Summary {
        let units: Vec<u64> = (0..runs.div_ceil(self.unit())).collect();
        let (mut summary, mut corpus) = (Summary::default(), Corpus::default());
        for round in self.rounds(&units) {
            round.iter().for_each(|unit| summary.add(self.carry_out_from(simulator, *unit, runs, &corpus)));
            corpus.absorb(std::mem::take(&mut summary.kept));
        }
        summary
    }

    /// Executes one unit on a generated scenario, as far as it is below `runs`.
    pub fn carry_out(&self, simulator: &mut Simulator, unit: u64, runs: u64) -> Summary {
        self.carry_out_from(simulator, unit, runs, &Corpus::default())
    }

    /// The same, on a scenario that may be a mutation from the corpus.
    pub fn carry_out_from(&self, simulator: &mut Simulator, unit: u64, runs: u64, corpus: &Corpus) -> Summary {
        let kept = self.parent(unit, corpus);
        let (scenario, origin) = match kept {
            None => (self.scenario(unit), Origin::Generated),
            Some(kept) => (self.child(unit, kept), Origin::Mutated),
        };
        let mut summary = Summary::default();
        let mut profile = Profile::default();
        for run in self.runs_of(unit, runs, origin) {
            let strategy = |profile: &Profile| -> Box<dyn Strategy> {
                match (run.plan, kept) {
                    (Plan::Fifo, Some(kept)) if run.number % self.unit() == 0 => Box::new(Follow::new(&kept.tape)),
                    (Plan::Fifo, _) => Box::new(Fifo),
                    (plan, _) => plan.strategy(run.schedule, profile),
                }
            };
            let go = || simulator.run_with(&scenario, self.release, strategy(&profile));
            let (report, different) = guard::guarded(self.guard, run, go);
            summary.repeated += u64::from(self.guard.repeats(run.number));
            summary.different = summary.different.take().or(different);
            if run.number % self.unit() == 0 {
                profile = Profile::of(&report.tape);
            }
            if self.mode == Mode::Guided {
                summary.kept.extend(corpus.keep(&summary.coverage, &scenario, origin, &report));
            }
            summary.mutated += u64::from(origin == Origin::Mutated);
            summary.count(&report);
            self.judge(&mut summary, run, &scenario, report);
        }
        summary
    }

    /// The failure with the lowest run number below `runs`.
    pub fn first_failure(&self, simulator: &mut Simulator, runs: u64) -> Option<Finding> {
        (0..runs.div_ceil(self.unit())).find_map(|unit| self.carry_out(simulator, unit, runs).first().cloned())
    }

    fn judge(&self, summary: &mut Summary, run: Run, scenario: &Scenario, report: Report) {
        if report.outcome == Outcome::Passed {
            return;
        }
        for signature in FailureSignature::all(scenario, &report) {
            if self.only.is_empty() || self.only.contains(&signature.claim) {
                let finding = Finding::new(run, signature.clone(), scenario, &report);
                summary.findings.entry(signature).or_insert((finding, 0)).1 += 1;
            }
        }
    }
}

impl Run {
    /// A description of how its schedule was chosen.
    pub fn by(&self) -> String {
        match self.origin {
            Origin::Generated => self.plan.to_string(),
            Origin::Mutated if self.plan == Plan::Fifo => "a kept tape, on a mutated scenario".to_owned(),
            Origin::Mutated => format!("{}, on a mutated scenario", self.plan),
        }
    }
}

impl Summary {
    fn count(&mut self, report: &Report) {
        self.runs += 1;
        self.events += report.trace.events();
        self.uptime = self.uptime + Millis(report.uptime.0);
        self.coverage.add(&report.coverage);
        self.counts.add(&report.counts);
    }

    /// Merges the result of a later unit.
    pub fn add(&mut self, later: Self) {
        self.runs += later.runs;
        self.mutated += later.mutated;
        self.repeated += later.repeated;
        self.events += later.events;
        self.uptime = self.uptime + later.uptime;
        self.coverage.add(&later.coverage);
        self.counts.add(&later.counts);
        for (signature, (finding, count)) in later.findings {
            self.findings.entry(signature).or_insert((finding, 0)).1 += count;
        }
        self.different = self.different.take().or(later.different);
        self.kept.extend(later.kept);
    }

    /// The finding with the lowest run number.
    pub fn first(&self) -> Option<&Finding> {
        self.findings.values().map(|(finding, _)| finding).min_by_key(|finding| finding.run.number)
    }
}
