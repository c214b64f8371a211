//! Crashes at schedule points: before each event of a run, which is one poll of a task.
//!
//! A crash is a step `kill` at the instant of the event. Which of the ready tasks goes first at that instant is a choice on the
//! tape, so the step and the tape say where the process dies: the script of the process waits until so many others have run.

use interleaving::strategy::{Divergence, READY, Strategy};
use sim_harness::report::{Instant, Report};
use sim_harness::simulation::Simulator;
use sim_scenario::{PROCESS, Scenario};

use super::{Failures, Place, Point, Sweep, Swept, sample, with_fault};

impl Sweep {
    /// Kills the process before some of the events of the script's time.
    pub(super) fn crash_between_events(
        &self,
        simulator: &mut Simulator,
        swept: &mut Swept,
        known: &Failures,
        scenario: &Scenario,
        report: &Report,
    ) {
        let points = schedule_points(scenario, report);
        swept.sample.of += points.len();
        // The scenario with the kill, and the number of choices before its instant: the same for all points of an instant.
        let mut killed: Option<(Instant, Scenario, usize)> = None;
        for place in sample::places(points.len(), self.sample) {
            let (instant, nth) = points[place];
            let point = Point { at: instant.at, place: Place::Event { nth } };
            if killed.as_ref().is_none_or(|(last, ..)| *last != instant) {
                let scenario = with_fault(scenario, point);
                let report = simulator.run(&scenario, self.release);
                let choices = report.instants.iter().find(|found| found.at == instant.at).map(|found| found.choices);
                killed = Some((instant, scenario, choices.unwrap_or_default()));
            }
            let Some((_, scenario, choices)) = &killed else { continue };
            let late = Late { skip: *choices, hold: nth - 1 };
            let report = simulator.run_with(scenario, self.release, Box::new(late.clone()));
            swept.sample.tried += 1;
            self.note(swept, known, scenario, vec![point], &report);
            self.crash_again(simulator, swept, known, (scenario, point), &report, &late);
        }
    }
}

/// The events before which the process can be killed, each with its number at its instant, from 1.
fn schedule_points(scenario: &Scenario, report: &Report) -> Vec<(Instant, u32)> {
    let in_time = report.instants.iter().filter(|instant| instant.at.0 < scenario.until.0);
    in_time.flat_map(|instant| (1..=instant.events).map(|nth| (*instant, nth))).collect()
}

/// The first alternative of each choice. But after the first `skip` choices the script of the process waits until `hold` other
/// tasks have run beside it.
#[derive(Clone)]
struct Late {
    skip: usize,
    hold: u32,
}

/// Whether a task carries out the steps of the process.
fn is_script(label: &str) -> bool {
    label.strip_prefix(PROCESS) == Some("/script")
}

impl Strategy for Late {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(0);
        }
        let script = among.iter().position(|label| is_script(label)).filter(|_| site == READY);
        Ok(match script {
            Some(script) if self.hold == 0 => script,
            Some(script) => {
                self.hold -= 1;
                usize::from(script == 0)
            }
            None => 0,
        })
    }
}
