//! Every recording of the real gateway, under every recorded release: our gateway leaves the same rows and memory and gives
//! the same answers, also when it runs the imported file.

use std::collections::BTreeSet;
use std::path::Path;

use sim_harness::invariant::NAMES;
use sim_harness::parity::Cell;
use sim_harness::recording::Recording;
use sim_harness::{Scenario, Simulator};

/// Differences that are known: recording, release, place. In the answer to a resume, the real gateway counts the messages
/// that it shows, before the running turn and with those of earlier rows.
const OPEN: [(&str, &str, &str); 22] = [
    ("g2_reconnect_rotated_by_parent", "0.16.0", "client_log[5].result.message_count"),
    ("g2_reconnect_rotated_by_parent", "0.17.0", "client_log[5].result.message_count"),
    ("g2_reconnect_rotated_by_parent", "0.18.2", "client_log[5].result.message_count"),
    ("g2_reconnect_rotated_by_parent", "0.19.0", "client_log[5].result.message_count"),
    ("g2_reconnect_rotated_by_parent", "0.19.0+rearm", "client_log[5].result.message_count"),
    ("k7_resume_after_restart", "0.16.0", "client_log[7].result.message_count"),
    ("k7_resume_after_restart", "0.19.0", "client_log[7].result.message_count"),
    ("m12_cold_resume_ready", "0.16.0", "client_log[4].result.message_count"),
    ("m12_cold_resume_ready", "0.18.2", "client_log[4].result.message_count"),
    ("m12_cold_resume_ready", "0.19.0", "client_log[4].result.message_count"),
    ("m16_two_prompts_same_turn_close_resume", "0.18.2", "client_log[5].result.message_count"),
    ("m16_two_prompts_same_turn_close_resume", "0.19.0", "client_log[5].result.message_count"),
    ("m3_kill_then_resume", "0.18.2", "client_log[6].result.message_count"),
    ("m3_kill_then_resume", "0.19.0", "client_log[6].result.message_count"),
    ("m3_kill_then_resume", "0.19.0+rearm", "client_log[6].result.message_count"),
    ("m3_resume_without_as", "0.17.0", "client_log[3].result.message_count"),
    ("m3_resume_without_as", "0.18.2", "client_log[3].result.message_count"),
    ("m3_resume_without_as", "0.19.0", "client_log[3].result.message_count"),
    ("m3b_resume_after_close_without_as", "0.16.0", "client_log[4].result.message_count"),
    ("m3b_resume_after_close_without_as", "0.17.0", "client_log[4].result.message_count"),
    ("m3b_resume_after_close_without_as", "0.18.2", "client_log[4].result.message_count"),
    ("m3b_resume_after_close_without_as", "0.19.0", "client_log[4].result.message_count"),
];

fn recordings() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/upstream");
    let loaded = Recording::load_all(&folder).unwrap_or_else(|error| panic!("{error}"));
    loaded.into_iter().map(|recording| recording.unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// The differences of some cells.
#[derive(Default)]
struct Differences {
    cells: usize,
    open: BTreeSet<(String, String, String)>,
    /// One line for each difference that is not known.
    new: String,
}

impl Differences {
    fn add(&mut self, cell: &Cell) {
        self.cells += 1;
        for difference in &cell.differences {
            let key = (cell.recording.as_str(), cell.release, difference.place.as_str());
            if OPEN.contains(&key) {
                self.open.insert((key.0.to_owned(), key.1.to_owned(), key.2.to_owned()));
            } else {
                let (was, is) = (&difference.recorded, &difference.simulated);
                self.new += &format!("{} {}: {}: recorded {was}, ours {is}\n", key.0, key.1, key.2);
            }
        }
    }

    /// Checks that the differences are those that are known, and no fewer.
    #[track_caller]
    fn check(&self) {
        assert!(self.cells >= 150, "only {} cells", self.cells);
        assert!(self.new.is_empty(), "cells differ:\n{}", self.new);
        let has_gone = |&&(recording, release, place): &&(&str, &str, &str)| {
            !self.open.contains(&(recording.to_owned(), release.to_owned(), place.to_owned()))
        };
        let gone: Vec<_> = OPEN.iter().filter(has_gone).collect();
        assert!(gone.is_empty(), "these are equal now and do not belong to the list: {gone:?}");
    }
}

/// Each difference of a recording under a release is listed.
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
