//! Every recording of the real gateway, under every recorded release: our gateway leaves the same rows.

use std::path::Path;

use sim_harness::Simulator;
use sim_harness::invariant::NAMES;
use sim_harness::parity::Cell;
use sim_harness::recording::Recording;

/// Each difference of a recording under a release is listed.
#[test]
fn every_recorded_cell_is_equal() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/upstream");
    let mut simulator = Simulator::new();
    let (mut cells, mut differing) = (0, String::new());
    for recording in Recording::load_all(&folder).unwrap_or_else(|error| panic!("{error}")) {
        for (release, recorded) in &recording.cells {
            let cell = Cell::run(&mut simulator, &recording, *release, recorded).unwrap_or_else(|e| panic!("{e}"));
            cells += 1;
            for difference in &cell.differences {
                let (was, is) = (&difference.recorded, &difference.simulated);
                differing +=
                    &format!("{} {release}: {}: recorded {was}, ours {is}\n", recording.name, difference.place);
            }
        }
    }
    assert!(cells >= 150, "only {cells} cells");
    assert!(differing.is_empty(), "cells differ:\n{differing}");
}

/// Every recording prints as a scenario file that parses back as the same scenario.
#[test]
fn every_recording_imports() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/upstream");
    for recording in Recording::load_all(&folder).unwrap_or_else(|error| panic!("{error}")) {
        let releases = recording.cells.iter().map(|(release, _)| Some(*release));
        for release in releases.chain([None]) {
            let scenario = recording.import(release).unwrap_or_else(|error| panic!("{error}"));
            let text = scenario.to_toml();
            let mut read = sim_harness::Scenario::parse(&scenario.path, &text, &NAMES)
                .unwrap_or_else(|error| panic!("{error}\n{text}"));
            read.name.clone_from(&scenario.name);
            assert_eq!(read, scenario, "{text}");
        }
    }
}
