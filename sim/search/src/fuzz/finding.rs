//! A failure that a campaign came upon, with all that it takes to see it again.

use gateway_core::clock::Millis;
use gateway_core::release::Release;

use super::Run;
use crate::shape::Shape;
use crate::shrink::{Limits, NotShown, Shrunk, shrink};
use interleaving::tape::Tape;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;

/// A run that failed.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which run it was.
    pub run: Run,
    /// What came of the run.
    pub outcome: Outcome,
    /// The failure.
    pub shape: Shape,
    /// What was seen, in full.
    pub detail: String,
    /// When, in uptime of that run.
    pub at: Millis,
    /// The release.
    pub release: Release,
    /// What was run.
    pub scenario: Scenario,
    /// Its choices.
    pub tape: Tape,
}

impl Finding {
    pub(super) fn new(run: Run, shape: Shape, scenario: &Scenario, report: &Report) -> Self {
        let violation = report.violations.iter().find(|violation| violation.invariant == shape.claim);
        let detail = violation.map(|violation| violation.detail.clone()).or_else(|| report.detail.clone());
        Self {
            run,
            outcome: report.outcome,
            detail: detail.unwrap_or_default(),
            at: violation.map_or(Millis(report.uptime.0), |violation| Millis(violation.at_ms)),
            shape,
            release: report.release,
            scenario: scenario.clone(),
            tape: report.tape.clone(),
        }
    }

    /// The smallest scenario that shows the same failure, as a file.
    pub fn shrink(&self, simulator: &mut Simulator, tries: u64) -> Result<Shrunk, NotShown> {
        let limits = Limits { tries, plan: self.run.plan, ..Limits::default() };
        shrink(simulator, &self.scenario, self.release, &self.tape, &self.shape, limits, &mut |_| {})
    }
}
