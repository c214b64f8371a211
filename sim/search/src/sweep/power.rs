//! Losses of power at the changes of the disk that writes make, at both journal modes.

use interleaving::Prng;
use interleaving::strategy::{Divergence, Strategy};
use sim_harness::report::StoreCall;
use sim_harness::simulation::Simulator;
use sim_scenario::{Call, CallSide, Fault, Journal, OnSkip, Scenario, StoreFault};

use super::{Failures, Place, Point, Sweep, Swept, sample, with_fault};
use gateway_core::clock::Millis;

/// The number of runs for each change of the disk.
const FATES: u64 = 4;

impl Sweep {
    /// Loses the power at some of the changes of the disk in each write, and after it.
    pub(super) fn lose_power(
        &self,
        simulator: &mut Simulator,
        swept: &mut Swept,
        known: &Failures,
        scenario: &Scenario,
    ) {
        for journal in Journal::ALL {
            let mut scenario = scenario.clone();
            scenario.store.journal = journal;
            let points = changes(&simulator.run(&on_disk(&scenario), self.release).calls);
            swept.sample.of += points.len();
            for place in sample::places(points.len(), self.sample) {
                let point = points[place];
                let scenario = with_fault(&scenario, point);
                swept.sample.tried += 1;
                for fate in 0..FATES {
                    let seed = (place as u64) << 8 | fate;
                    let survivors = Survivors((fate > 0).then(|| Prng::stream(seed, "survivors")));
                    let report = simulator.run_with(&scenario, self.release, Box::new(survivors));
                    self.note(swept, known, &scenario, vec![point], &report);
                }
            }
        }
    }
}

/// The scenario with its database on a disk: it has a loss of power that does not come.
fn on_disk(scenario: &Scenario) -> Scenario {
    let mut scenario = scenario.clone();
    let (call, fault) = (Call::any(CallSide::Write), Fault::Power { change: 1 });
    let (from, until) = (Millis::ZERO, None);
    let never = StoreFault { call, nth: Some(u32::MAX), from, until, fault, on_skip: OnSkip::Allowed };
    scenario.store.faults.push(never);
    scenario
}

/// Each change of the disk by each write, and after the last one of each.
fn changes(calls: &[StoreCall]) -> Vec<Point> {
    let writes = calls.iter().filter(|call| call.side == CallSide::Write);
    let of = |(nth, call): (u32, &StoreCall)| {
        let at = call.at;
        let point = move |change| Point {
            at,
            place: Place::Call { side: CallSide::Write, nth, fault: Fault::Power { change } },
        };
        (1..=call.changes + 1).map(point)
    };
    (1..).zip(writes).flat_map(of).collect()
}

/// Takes the first alternative of each choice, but chooses at random what survives a loss of power. Without a generator all of it
/// survives.
struct Survivors(Option<Prng>);

impl Strategy for Survivors {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        Ok(match &mut self.0 {
            Some(prng) if site.starts_with("disk.") => prng.below(among.len()),
            _ => 0,
        })
    }
}
