//! Exploration: runs every schedule of one scenario at its latencies and faults, up to bounds. Without a failure it is a proof.
//!
//! The search is depth-first over tapes. Each run starts anew and repeats the choices of the run before, up to the last one
//! with an untried alternative, so memory is bounded by the length of one run. Two steps that are ready at the same instant
//! and whose [footprints](sim_harness::footprint) do not conflict commute, and only one order is run: the other task
//! *sleeps* until a step conflicts with its own (sleep sets, Godefroid 1996). Nothing else is left out, so every reachable
//! state is reached, and every claim is judged in it. The search itself is
//! [`interleaving::Search`].

use std::collections::BTreeSet;
use std::fmt::Write;

use gateway_core::release::Release;

use crate::signature::FailureSignature;
use interleaving::Search;
use interleaving::strategy::Replay;
use sim_harness::counts::Counts;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;

pub use interleaving::{Bounds, Cut, Reduction};

/// The configuration of an exploration.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// The release whose behaviour is explored.
    pub release: Release,
    /// Only violations of these invariants count; all if empty.
    pub only: Vec<String>,
    /// The bounds of the search.
    pub bounds: Bounds,
    /// Whether equivalent schedules are left out.
    pub reduction: Reduction,
}

/// The result of an exploration.
#[derive(Default)]
pub struct Explored {
    /// Schedules that were run to their end.
    pub whole: u64,
    /// Schedules that were stopped early, because other schedules cover every continuation.
    pub left_off: u64,
    /// Alternatives that were not run, because their task was asleep.
    pub pruned: u64,
    /// Alternatives that were not run, because they are beyond the bounds.
    pub cut: Cut,
    /// The distinct ends of complete schedules: rows and live state at the end of the script's time.
    pub ends: BTreeSet<String>,
    /// The signatures of all failures, on any schedule.
    pub failures: BTreeSet<FailureSignature>,
    /// How often each claim was judged and excused in complete schedules.
    pub counts: Counts,
    /// The first failing run.
    pub failure: Option<Report>,
}

impl Explored {
    /// The number of schedules that were started.
    pub fn runs(&self) -> u64 {
        self.whole + self.left_off
    }

    /// Whether a run of the scenario on any schedule has a known end and only known failures.
    pub fn has_seen(&self, scenario: &Scenario, report: &Report) -> bool {
        let is_known = |signature: &FailureSignature| self.failures.contains(signature);
        self.ends.contains(&end(report)) && FailureSignature::all(scenario, report).iter().all(is_known)
    }

    /// Whether the search is complete and found no failure.
    pub fn is_proof(&self) -> bool {
        self.failure.is_none() && self.cut == Cut::default()
    }
}

impl Exploration {
    /// An exploration that counts every failure, within the default bounds.
    pub fn new(release: Release) -> Self {
        Self { release, only: Vec::new(), bounds: Bounds::default(), reduction: Reduction::SleepSets }
    }

    /// Explores a scenario up to its first failure. The scenario's own tapes are ignored.
    pub fn carry_out(&self, simulator: &mut Simulator, scenario: &Scenario) -> Explored {
        self.search(simulator, scenario, |explored| explored.failure.is_none())
    }

    /// The same, without stopping at failures.
    pub fn carry_out_in_full(&self, simulator: &mut Simulator, scenario: &Scenario) -> Explored {
        self.search(simulator, scenario, |_| true)
    }

    fn search(&self, simulator: &mut Simulator, scenario: &Scenario, goes_on: impl Fn(&Explored) -> bool) -> Explored {
        let search = Search::new(self.bounds.clone(), self.reduction);
        let mut explored = Explored::default();
        loop {
            let report = simulator.run_searched(scenario, self.release, &search);
            let is_whole = !search.has_left_off();
            if is_whole {
                explored.whole += 1;
                explored.counts.add(&report.counts);
                explored.ends.insert(end(&report));
            } else {
                explored.left_off += 1;
            }
            let failures = self.failures(scenario, &report, is_whole);
            explored.failures.extend(failures.iter().cloned());
            if explored.failure.is_none() && !failures.is_empty() {
                // The tape of a run that was stopped early is a prefix of a whole run, which is replayed to its end.
                explored.failure = Some(simulator.run_with(scenario, self.release, Box::new(Replay::new(report.tape))));
            }
            if !goes_on(&explored) || !search.advance() {
                break;
            }
        }
        (explored.pruned, explored.cut) = (search.pruned(), search.cut());
        explored
    }

    /// The failures of a run. That it was stopped early is none, nor are facts of an end that it did not reach.
    fn failures(&self, scenario: &Scenario, report: &Report, is_whole: bool) -> Vec<FailureSignature> {
        let mut signatures = FailureSignature::all(scenario, report);
        let of_the_end = [Outcome::Limit.word(), Outcome::FactsDiffer.word()];
        signatures.retain(|signature| is_whole || !of_the_end.contains(&signature.claim.as_str()));
        signatures.retain(|signature| self.only.is_empty() || self.only.contains(&signature.claim));
        signatures
    }
}

/// The end of a run in a form that does not depend on the order of inserts.
fn end(report: &Report) -> String {
    let mut text = format!("{:?}\n", report.live);
    let mut rows: Vec<_> = report.rows.sessions.iter().collect();
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    for row in rows {
        writeln!(text, "{row:?}").expect("a string takes all");
        for message in report.rows.messages.iter().filter(|message| message.session == row.id) {
            writeln!(text, "  {} {:?}", message.active, message.message).expect("a string takes all");
        }
    }
    text
}
