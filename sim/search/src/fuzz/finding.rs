//! Findings: failures of a campaign, with everything needed to reproduce them.

use gateway_core::clock::Millis;
use gateway_core::release::Release;

use super::Run;
use crate::shrink::{Limits, NotShown, Shrunk, shrink};
use crate::signature::FailureSignature;
use interleaving::tape::Tape;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;

/// A failing run of a campaign.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The coordinates of the run.
    pub run: Run,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// The signature of the failure.
    pub signature: FailureSignature,
    /// The detail of the violation, with names and times.
    pub detail: String,
    /// The uptime of the violation.
    pub at: Millis,
    /// The release under test.
    pub release: Release,
    /// The scenario that was run.
    pub scenario: Scenario,
    /// The choices of the run.
    pub tape: Tape,
}

impl Finding {
    pub(super) fn new(run: Run, signature: FailureSignature, scenario: &Scenario, report: &Report) -> Self {
        let violation = report.violations.iter().find(|violation| violation.invariant == signature.claim);
        let detail = violation.map(|violation| violation.detail.clone()).or_else(|| report.detail.clone());
        Self {
            run,
            outcome: report.outcome,
            detail: detail.unwrap_or_default(),
            at: violation.map_or(Millis(report.uptime.0), |violation| Millis(violation.at_ms)),
            signature,
            release: report.release,
            scenario: scenario.clone(),
            tape: report.tape.clone(),
        }
    }

    /// Shrinks the finding to a scenario file with the same failure.
    pub fn shrink(&self, simulator: &mut Simulator, tries: u64) -> Result<Shrunk, NotShown> {
        let limits = Limits { tries, plan: self.run.plan, ..Limits::default() };
        shrink(simulator, &self.scenario, self.release, &self.tape, &self.signature, limits, &mut |_| {})
    }
}
