//! Every scenario runs under all its releases, meets its expectations, and leaves the rows of its snapshot.

use std::path::{Path, PathBuf};

use sim_harness::invariant::NAMES;
use sim_harness::snapshot::Snapshot;
use sim_harness::verdict::{Reference, allow_differences, judge};
use sim_harness::{Report, Scenario, Simulator};

/// Compares rows with the committed text. Review differences with `cargo insta review`.
#[test]
fn every_scenario_leaves_the_rows_of_its_snapshot() {
    let mut simulator = Simulator::new();
    let mut unexpected = Vec::new();
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for path in all() {
        let scenario = Scenario::load(&path, &NAMES).unwrap_or_else(|error| panic!("{error}"));
        let mut snapshot = Snapshot::default();
        let mut reports: Vec<Report> =
            scenario.releases.iter().map(|release| simulator.run(&scenario, *release)).collect();
        allow_differences(&mut reports);
        for report in reports {
            let release = report.release;
            snapshot.insert(release, report.rows.facts());
            let verdict = judge(report, &scenario, &Reference::None);
            if !verdict.expected {
                let (outcome, violations) = (verdict.report.outcome, verdict.report.violations);
                unexpected.push(format!("{} {release}: {outcome} {violations:?}", path.display()));
            }
        }
        let file = Snapshot::path(&path).expect("scenarios are below `scenarios`");
        settings.set_snapshot_path(file.parent().expect("a snapshot is in a folder"));
        settings.set_description(&scenario.about);
        settings.bind(|| insta::assert_snapshot!(scenario.name.as_str(), snapshot.to_string()));
    }
    assert!(unexpected.is_empty(), "not as their files expect:\n{}", unexpected.join("\n"));
}

/// Every scenario file of the repository.
fn all() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace");
    let found = sim_scenario::find(&[root.join("scenarios")]).expect("there are scenarios");
    found.into_iter().map(|found| found.path).collect()
}
