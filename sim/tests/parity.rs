//! Every recording of the real gateway, under every recorded release: our gateway leaves the same rows and memory and gives
//! the same answers, also when it runs the imported file.

use std::path::Path;

use sim_harness::invariant::NAMES;
use sim_harness::parity::Cell;
use sim_harness::recording::Recording;
use sim_harness::{Scenario, Simulator};

fn recordings() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/upstream");
    let loaded = Recording::load_all(&folder).unwrap_or_else(|error| panic!("{error}"));
    loaded.into_iter().map(|recording| recording.unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// The differences of some cells, one line each.
#[derive(Default)]
struct Differences {
    cells: usize,
    found: String,
}

impl Differences {
    fn add(&mut self, cell: &Cell) {
        self.cells += 1;
        for difference in &cell.differences {
            let (was, is) = (&difference.recorded, &difference.simulated);
            self.found +=
                &format!("{} {}: {}: recorded {was}, ours {is}\n", cell.recording, cell.release, difference.place);
        }
    }

    /// Checks that there is none.
    #[track_caller]
    fn check(&self) {
        assert!(self.cells >= 150, "only {} cells", self.cells);
        assert!(self.found.is_empty(), "cells differ:\n{}", self.found);
    }
}

/// Every cell is equal.
#[test]
fn every_recorded_cell_is_equal() {
    let (mut simulator, mut differences) = (Simulator::new(), Differences::default());
    for recording in recordings() {
        for (release, recorded) in &recording.cells {
            let cell = Cell::run(&mut simulator, &recording, *release, recorded).unwrap_or_else(|e| panic!("{e}"));
            differences.add(&cell);
        }
    }
    differences.check();
}

/// Every recording prints as a scenario file that parses back as the same scenario and that runs. With the times of a
/// release it leaves what that release left, and gives the same answers.
#[test]
fn every_recording_imports_to_a_file_that_leaves_the_same() {
    let (mut simulator, mut differences) = (Simulator::new(), Differences::default());
    for recording in recordings() {
        let mut timed = recording.import(None).unwrap_or_else(|error| panic!("{error}"));
        timed.scenario = reread(&timed.scenario);
        for release in timed.scenario.releases.clone() {
            let report = simulator.run(&timed.scenario, release);
            assert!(report.detail.is_none(), "{} {release}: {:?}", recording.name, report.detail);
        }
        for (release, recorded) in &recording.cells {
            let mut timed = recording.import(Some(*release)).unwrap_or_else(|error| panic!("{error}"));
            timed.scenario = reread(&timed.scenario);
            differences.add(&Cell::of(&mut simulator, &recording, *release, recorded, &timed));
        }
    }
    differences.check();
}

/// The scenario as it is read back from its file.
fn reread(scenario: &Scenario) -> Scenario {
    let text = scenario.to_toml();
    let mut read = Scenario::parse(&scenario.path, &text, &NAMES).unwrap_or_else(|error| panic!("{error}\n{text}"));
    read.name.clone_from(&scenario.name);
    assert_eq!(read, *scenario, "{text}");
    read
}
