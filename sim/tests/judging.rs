//! Claims judge after an event only what has changed. Here they judge everything beside that, and must find the same.
//!
//! A change that is not noted would leave a verdict as it was: a violation is missed, or a case is counted wrongly.

use std::path::Path;

use gateway_core::behavior::Behavior;
use interleaving::strategy::Random;
use sim_harness::invariant::NAMES;
use sim_harness::{Judging, Release, Report, Scenario, Simulator};
use sim_search::generate;

/// All that judging can change in a report.
fn found(report: &Report) -> String {
    let Report { outcome, detail, violations, history, coverage, counts, uptime, .. } = report;
    format!("{:?}", (outcome, detail, violations, history, coverage, counts, uptime, report.trace.digest()))
}

fn check(simulator: &mut Simulator, scenario: &Scenario, release: Release, seed: u64) {
    let mut run = |judging| {
        simulator.judge(judging);
        simulator.run_with(scenario, release, Box::new(Random::new(seed)))
    };
    let (changed, everything) = (run(Judging::Changed), run(Judging::Everything));
    assert_eq!(changed.counts, everything.counts, "{} under {release}, seed {seed}", scenario.about);
    assert_eq!(found(&changed), found(&everything), "{} under {release}, seed {seed}", scenario.about);
}

/// Each scenario file, under each release that it names.
#[test]
fn files_are_judged_alike() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut simulator = Simulator::new();
    for found in sim_scenario::find(&[folder]).expect("there are scenarios") {
        let scenario = Scenario::load(&found.path, &NAMES).expect("a good file");
        for &release in &scenario.releases {
            check(&mut simulator, &scenario, release, 3);
        }
    }
}

/// Generated scenarios: under the latest release as it is and with each planted bug, and under the oldest.
#[test]
fn generated_scenarios_are_judged_alike() {
    let mut simulator = Simulator::new();
    for seed in 0..300 {
        check(&mut simulator, &generate::scenario(seed), Release::Current, seed);
    }
    for (seed, (field, way)) in (1000..).zip(Behavior::defects()) {
        let scenario = Scenario { behavior: vec![(field, way.to_owned())], ..generate::scenario(seed) };
        check(&mut simulator, &scenario, Release::Current, seed);
    }
    for seed in 2000..2100 {
        check(&mut simulator, &generate::scenario(seed), Release::V0_16_0, seed);
    }
}
