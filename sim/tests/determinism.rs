//! One scenario and one tape give one run, byte for byte, on every machine and at every repetition.

use std::path::{Path, PathBuf};
use std::process::Command;

use interleaving::strategy::{Random, Replay};
use serde_json::Value;
use sim_harness::invariant::NAMES;
use sim_harness::{Release, Scenario, Simulator};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace")
}

fn scenarios() -> Vec<PathBuf> {
    let found = sim_scenario::find(&[root().join("scenarios")]).expect("there are scenarios");
    found.into_iter().map(|found| found.path).collect()
}

/// The compared parts: the digest, and the printed output of the run.
fn fingerprint(simulator: &mut Simulator, scenario: &Scenario, release: Release, seed: u64) -> String {
    let report = simulator.run_with(scenario, release, Box::new(Random::new(seed)));
    format!("{} {} {}\n{}{}", report.trace.digest(), report.trace.events(), report.outcome, report.trace, report.rows)
}

/// A run leaves nothing behind that affects another: fresh and emptied databases give the same trace.
#[test]
fn an_emptied_database_gives_the_trace_of_a_fresh_one() {
    let mut kept = Simulator::new();
    for path in scenarios() {
        let scenario = Scenario::load(&path, &NAMES).expect("scenarios are readable");
        for &release in &scenario.releases {
            for seed in 0..3 {
                let fresh = fingerprint(&mut Simulator::new(), &scenario, release, seed);
                assert_eq!(fresh, fingerprint(&mut kept, &scenario, release, seed), "{release} {}", path.display());
                assert_eq!(fresh, fingerprint(&mut kept, &scenario, release, seed), "{release} {}", path.display());
            }
        }
    }
}

/// The tape contains every choice: a strict replay reproduces the run.
#[test]
fn a_tape_reproduces_its_run() {
    let mut simulator = Simulator::new();
    for path in scenarios() {
        let scenario = Scenario::load(&path, &NAMES).expect("scenarios are readable");
        for &release in &scenario.releases {
            let first = simulator.run_with(&scenario, release, Box::new(Random::new(9)));
            let tape = first.tape.to_string().parse().expect("a tape reads back");
            let again = simulator.run_with(&scenario, release, Box::new(Replay::new(tape)));
            assert_eq!(again.detail, first.detail);
            assert_eq!(again.trace.digest(), first.trace.digest(), "{release} {}", path.display());
            assert_eq!(again.tape, first.tape);
        }
    }
}

/// A run that ends before its tape ends has diverged, even without a failure until then.
#[test]
fn a_run_that_ends_before_its_tape_diverges() {
    let scenario = Scenario::load(&scenarios()[0], &NAMES).expect("scenarios are readable");
    let mut simulator = Simulator::new();
    let mut tape = simulator.run(&scenario, Release::Current).tape;
    let last = tape.choices.last().expect("a run has choices").clone();
    tape.choices.push(last);
    let again = simulator.run_with(&scenario, Release::Current, Box::new(Replay::new(tape)));
    assert_eq!(again.outcome, sim_harness::Outcome::Nondeterministic);
    assert!(
        again.detail.is_some_and(|detail| detail.ends_with("found the end of the run")),
        "the report names the end of the run"
    );
}

/// Runs agree in other processes, builds, time zones, languages, environments and working directories.
///
/// Method: binaries run all scenarios and print digests. `SIM_OTHER_BUILD` names a binary of another profile, which `.ci/run` sets to
/// the release build of the same sources; without it the debug build is compared with itself.
#[test]
#[expect(clippy::disallowed_methods, reason = "whoever has made another build of the same sources says where it is")]
fn builds_and_environments_do_not_matter() {
    let debug = PathBuf::from(env!("CARGO_BIN_EXE_sim"));
    let other = std::env::var_os("SIM_OTHER_BUILD").map_or_else(|| debug.clone(), |path| root().join(path));
    let expected = digests(&debug, root(), &[]);
    assert!(expected.len() > 1, "there is more than one run to compare");
    let elsewhere = tempfile::tempdir().expect("a folder");
    // Each pair of a build, a folder and an environment occurs; all combinations of them would take minutes and show no more.
    let pacific: &[(&str, &str)] =
        &[("TZ", "Pacific/Chatham"), ("LANG", "de_DE.UTF-8"), ("LC_ALL", "de_DE.UTF-8"), ("SIM_SEED", "77")];
    let caracas: &[(&str, &str)] = &[("TZ", "America/Caracas"), ("RUST_BACKTRACE", "1"), ("PROPTEST_CASES", "1")];
    for (binary, folder, variables) in [
        (&other, root(), pacific),
        (&other, elsewhere.path(), caracas),
        (&debug, elsewhere.path(), pacific),
        (&debug, root(), caracas),
    ] {
        let found = digests(binary, folder, variables);
        assert_eq!(found, expected, "{} in {} with {variables:?}", binary.display(), folder.display());
    }
}

/// Digest and event count of every run, under the scripted schedule and a random one.
fn digests(binary: &Path, folder: &Path, variables: &[(&str, &str)]) -> Vec<(String, String, String, u64)> {
    let mut digests = Vec::new();
    for strategy in ["fifo", "random"] {
        let output = Command::new(binary)
            .args(["run", "--format", "json", "--seed", "5", "--strategy", strategy])
            .arg(root().join("scenarios"))
            .current_dir(folder)
            .env_clear()
            .envs(variables.iter().copied())
            .output()
            .expect("the binary runs");
        let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        for run in document["runs"].as_array().expect("runs") {
            let text = |key: &str| run[key].as_str().unwrap_or_default().to_owned();
            digests.push((
                text("scenario"),
                text("release"),
                text("digest"),
                run["events"].as_u64().unwrap_or_default(),
            ));
        }
    }
    digests
}
