//! Timelines of generated scenarios.

use sim_harness::timeline::Timeline;
use sim_harness::{Release, Simulator};
use sim_search::generate;

/// No line of a timeline is wider than its width, whatever the number of lanes and the length of the labels.
#[test]
fn no_line_is_too_wide() {
    let mut simulator = Simulator::new();
    for seed in 0..40 {
        let scenario = generate::scenario(seed);
        let report = simulator.run(&scenario, Release::V0_16_0);
        for width in [60, 94] {
            let page = format!("{:width$}", Timeline::of(&report));
            let widest = page.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width), "seed {seed}:\n{page}");
        }
    }
}
