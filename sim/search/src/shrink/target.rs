//! What a reducer preserves: something that a run shows, and the file that expects it.

use gateway_core::release::Release;

use crate::signature::FailureSignature;
use interleaving::strategy::Strategy;
use interleaving::tape::Tape;
use sim_harness::invariant::NAMES;
use sim_harness::observation::Observation;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_scenario::{Expected, ExpectedOutcome, OnSkip, Scenario};

/// Something that a run shows or does not show.
pub(crate) trait Target {
    /// The phase in which the run shows it; `None` if it does not. `end` is the end of the script's time. The simulator is
    /// for runs that the answer needs besides this one.
    fn phase(
        &self,
        simulator: &mut Simulator,
        scenario: &Scenario,
        report: &Report,
        end: &Observation,
    ) -> Option<Phase>;

    /// The scenario as a file that expects what the run shows.
    fn finished(&self, scenario: Scenario, report: &Report, tape: &Tape) -> Scenario;

    /// What it is called in an error.
    fn name(&self) -> String;
}

/// The phase in which a failure shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// While the script acts, so that the rows at its end show it too.
    Script,
    /// Only after the clients have left.
    Later,
}

/// A run of the scenario, and the phase in which it shows the target.
pub(super) fn run(
    simulator: &mut Simulator,
    scenario: &Scenario,
    release: Release,
    strategy: Box<dyn Strategy>,
    target: &dyn Target,
) -> (Report, Option<Phase>) {
    let (report, observations) = simulator.observe(scenario, release, strategy, &[]);
    let end = observations.last().expect("every run observes the end of its script");
    let phase = target.phase(simulator, scenario, &report, end);
    (report, phase)
}

impl Target for FailureSignature {
    fn phase(&self, _: &mut Simulator, scenario: &Scenario, report: &Report, _: &Observation) -> Option<Phase> {
        if !Self::all(scenario, report).contains(self) {
            return None;
        }
        let of_target = report.violations.iter().find(|violation| violation.invariant == self.claim);
        let in_script = of_target.is_some_and(|violation| violation.at_ms <= scenario.until.0);
        Some(if in_script { Phase::Script } else { Phase::Later })
    }

    fn finished(&self, scenario: Scenario, report: &Report, tape: &Tape) -> Scenario {
        let release = report.release;
        let violation = report.violations.iter().find(|violation| violation.invariant == self.claim);
        let about = match (violation, &report.detail) {
            (None, None) if report.outcome == Outcome::Passed && !report.unmet.is_empty() => {
                format!("Under {release} a fact does not hold: {}.", report.unmet[0].expected)
            }
            (Some(violation), _) => format!("Under {release}, `{}` does not hold: {}.", self.claim, violation.detail),
            (None, Some(detail)) => format!("Under {release} the run ends `{}`: {detail}.", report.outcome),
            (None, None) => format!("Under {release} the run ends `{}`.", report.outcome),
        };
        as_file(Scenario { about, ..scenario }, report, tape)
    }

    fn name(&self) -> String {
        self.to_string()
    }
}

/// The scenario under one release, without texts and expectations about other runs.
pub(crate) fn bare(scenario: &Scenario, release: Release) -> Scenario {
    Scenario { releases: vec![release], expect: Default::default(), tapes: Default::default(), ..scenario.clone() }
}

/// The scenario as a file of one failing run: with its release, its tape, and the failure as its expectation.
pub fn as_shown(scenario: &Scenario, report: &Report) -> Scenario {
    let signature = FailureSignature::all(scenario, report).into_iter().next().expect("a failure has a signature");
    signature.finished(bare(scenario, report.release), report, &report.tape)
}

/// The scenario as a file with the tape of a run, which expects the outcome of the run.
pub(crate) fn as_file(scenario: Scenario, report: &Report, tape: &Tape) -> Scenario {
    let release = report.release;
    let expected = match report.outcome {
        Outcome::Panicked => Some(Expected::Outcome(ExpectedOutcome::Panicked)),
        Outcome::NotAtRest => Some(Expected::Outcome(ExpectedOutcome::NotAtRest)),
        Outcome::Limit => Some(Expected::Outcome(ExpectedOutcome::Limit)),
        // A fact that does not hold is no outcome that a file can expect: the file shows it by failing.
        Outcome::Passed => None,
        _ => {
            let mut names: Vec<String> = Vec::new();
            for violation in &report.violations {
                if !names.iter().any(|name| name == violation.invariant) {
                    names.push(violation.invariant.to_owned());
                }
            }
            Some(Expected::Violates(names))
        }
    };
    let tapes = if tape.choices.is_empty() { Default::default() } else { [(release, tape.clone())].into() };
    let expect = expected.map(|expected| (release, expected)).into_iter().collect();
    let strict = Scenario { tapes, expect, on_skip: OnSkip::Fails, ..scenario };
    // The file allows skips only if the run has some, or if its parts could not be read otherwise.
    let is_whole = report.skipped.is_empty() && Scenario::parse(&strict.path, &strict.to_toml(), &NAMES).is_ok();
    Scenario { on_skip: OnSkip::of(!is_whole), ..strict }
}
