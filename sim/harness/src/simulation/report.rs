//! Builds the report of a run.

use gateway_core::state::Session;
use interleaving::strategy::READY;

use super::run::Run;
use crate::coverage::Milestone;
use crate::fact::{self, Evidence};
use crate::observation::Observation;
use crate::report::{Live, Outcome, Report, StepEffect};
use crate::story::Skipped;
use crate::world::World;
use sim_scenario::{OnSkip, Scenario};

/// The parts of the file that had no effect.
fn skipped(scenario: &Scenario, world: &World) -> Vec<Skipped> {
    let mut skipped = world.context.take_skipped();
    skipped.extend(world.store.skipped_faults());
    let unpassed = scenario.windows.keys().filter(|window| !world.context.has_passed(**window));
    skipped.extend(unpassed.map(|window| Skipped {
        line: None,
        at_ms: None,
        part: format!("[windows] {}", window.name()),
        why: "no task passed this race window".to_owned(),
        on_skip: OnSkip::Fails,
    }));
    if scenario.on_skip == OnSkip::Allowed {
        skipped.iter_mut().for_each(|part| part.on_skip = OnSkip::Allowed);
    }
    skipped
}

impl Run<'_> {
    /// The report, with the rows and the memory of the last observation. Cancels every task of the run.
    pub(super) fn report(self, observations: &[Observation]) -> Report {
        let Self { world, observers, .. } = self;
        let context = &world.context;
        let end = observations.last().cloned();
        let (rows, memory) = end.map(|end| (end.rows, end.memory.unwrap_or_default())).unwrap_or_default();
        let live = Live {
            sessions: memory.sessions.len(),
            timers: memory.orphan_timers,
            turns: memory.turns + memory.turns_without_session,
            connections: memory.connections,
        };
        let tape = context.chooser.take_tape();
        let mut coverage = observers.coverage;
        for choice in tape.choices.iter().filter(|choice| choice.site != READY && choice.pick > 0) {
            coverage.reach(&Milestone::Chosen { site: &choice.site, label: &choice.among[choice.pick] });
        }
        let played = context.take_played();
        for step in played.iter().filter(|step| step.effect == StepEffect::CarriedOut) {
            coverage.reach(&Milestone::CarriedOut { word: step.word });
        }
        let skipped = skipped(self.scenario, &world);
        // Tasks hold the context and the context holds the pool: the tasks are dropped here so that the run's memory is
        // freed.
        context.pool.cancel(|_| true);
        let violations = observers.oracle.violations().to_vec();
        let counts = observers.oracle.counts();
        let (outcome, detail) = match self.broken {
            // An early end outranks the violations before it, because the run is incomplete.
            Some((outcome, detail)) if outcome != Outcome::NotAtRest || violations.is_empty() => {
                (outcome, Some(detail))
            }
            _ if !violations.is_empty() => (Outcome::Violated, None),
            _ => (Outcome::Passed, None),
        };
        let trace = context.take_trace();
        let unmet = match self.scenario.facts.is_empty() {
            true => Vec::new(),
            false => {
                let sessions = context.names.known();
                let evidence = Evidence { scenario: self.scenario, observations, sessions: &sessions, trace: &trace };
                fact::judge(&evidence, self.release)
            }
        };
        let label = |session: &Session| (session.id().clone(), context.names.label(session.id()));
        let sessions = observers.known.iter().map(label).collect();
        Report {
            scenario: self.scenario.path.display().to_string(),
            release: self.release,
            outcome,
            detail,
            violations,
            skipped,
            unmet,
            rows,
            live,
            uptime: context.now(),
            trace,
            history: observers.historian.finish(sessions),
            played,
            calls: world.store.calls(),
            instants: context.take_instants(),
            power_losses: world.store.power_losses(),
            tape,
            coverage: coverage.finish(),
            counts,
        }
    }
}
