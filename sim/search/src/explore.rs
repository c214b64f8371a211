//! Every schedule of one scenario, at its latencies and faults, up to bounds: what is not found then is not there.
//!
//! The search goes depth first over tapes. Each run begins anew and follows the choices of the one before up to the last
//! that has another alternative; so memory is the length of one run. Two steps that are ready at one instant and whose
//! [footprints](sim_harness::footprint) do not conflict lead to the same state in either order, and only one order is gone into:
//! the other task *sleeps* until a step conflicts with its own (sleep sets, Godefroid 1996). Nothing else is left out, so
//! every state that can be reached is reached, and every claim is judged in it. The search itself is
//! [`interleaving::Search`].

use std::collections::BTreeSet;
use std::fmt::Write;

use gateway_core::release::Release;

use crate::shape::Shape;
use interleaving::Search;
use interleaving::strategy::Replay;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;

pub use interleaving::{Bounds, Cut, Reduction};

/// A search.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// The release.
    pub release: Release,
    /// Only failures with these claims count; all, if there are none.
    pub only: Vec<String>,
    /// How far it goes.
    pub bounds: Bounds,
    /// Whether schedules that differ in nothing are left out.
    pub reduction: Reduction,
}

/// What a search has come to.
#[derive(Default)]
pub struct Explored {
    /// Schedules that were run to their end.
    pub whole: u64,
    /// Schedules that were begun and left off where all that could follow was covered by others.
    pub left_off: u64,
    /// Alternatives that were not gone into, because their task was asleep.
    pub pruned: u64,
    /// Alternatives that were not gone into, because they lie beyond the bounds.
    pub cut: Cut,
    /// In which ways the whole schedules ended: rows and what was live at the end of the script's time.
    pub ends: BTreeSet<String>,
    /// What went wrong in any schedule.
    pub failures: BTreeSet<Shape>,
    /// The first failure, in full.
    pub failure: Option<Report>,
}

impl Explored {
    /// Schedules that were begun.
    pub fn runs(&self) -> u64 {
        self.whole + self.left_off
    }

    /// Whether a run of the scenario, on whatever schedule, ended as one of those and showed no failure that they do not show.
    pub fn has_seen(&self, scenario: &Scenario, report: &Report) -> bool {
        let is_known = |shape: &Shape| self.failures.contains(shape);
        self.ends.contains(&end(report)) && Shape::all(scenario, report).iter().all(is_known)
    }

    /// Whether all was seen, and nothing wrong.
    pub fn is_proof(&self) -> bool {
        self.failure.is_none() && self.cut == Cut::default()
    }
}

impl Exploration {
    /// A search without a failure that is looked for, within the default bounds.
    pub fn new(release: Release) -> Self {
        Self { release, only: Vec::new(), bounds: Bounds::default(), reduction: Reduction::SleepSets }
    }

    /// Goes through the schedules of a scenario, whose own tapes do not matter, up to the first failure.
    pub fn carry_out(&self, simulator: &mut Simulator, scenario: &Scenario) -> Explored {
        self.search(simulator, scenario, |explored| explored.failure.is_none())
    }

    /// The same, but on beyond failures.
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
                explored.ends.insert(end(&report));
            } else {
                explored.left_off += 1;
            }
            let failures = self.failures(scenario, &report, is_whole);
            explored.failures.extend(failures.iter().cloned());
            if explored.failure.is_none() && !failures.is_empty() {
                // The choices of a run that was left off are those of a whole one.
                explored.failure = Some(simulator.run_with(scenario, self.release, Box::new(Replay::new(report.tape))));
            }
            if !goes_on(&explored) || !search.advance() {
                break;
            }
        }
        (explored.pruned, explored.cut) = (search.pruned(), search.cut());
        explored
    }

    /// What went wrong in a run. That it was left off is nothing wrong.
    fn failures(&self, scenario: &Scenario, report: &Report, is_whole: bool) -> Vec<Shape> {
        let mut shapes = Shape::all(scenario, report);
        shapes.retain(|shape| is_whole || shape.claim != Outcome::Limit.word());
        shapes.retain(|shape| self.only.is_empty() || self.only.contains(&shape.claim));
        shapes
    }
}

/// How a run ended, in words that do not depend on the order in which rows were inserted.
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
