//! Every invariant catches a bug that is planted on `current`: a check that has never failed may check nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::num::NonZero;
use std::path::Path;
use std::thread;

use gateway_core::behavior::{Behavior, Field};
use sim_harness::invariant::NAMES;
use sim_harness::rows::RowSet;
use sim_harness::trace::Site;
use sim_harness::{Outcome, Release, Report, Scenario, Simulator, invariant};

/// Invariants that no planted bug can violate. One checks the simulator's own bookkeeping and has a test beside it; the other
/// checks how the database is opened, and `sweep.rs` plants other ways.
const OF_THE_SIMULATOR: [&str; 2] = ["rows_match_mirror", "power_losses_keep_commits"];

/// The matrix of bugs and invariants: every field of the behaviour set to each of its other alternatives, over all scenarios.
///
/// `rows` stands for rows at the script's end that differ from those of `current`, which `sim run` compares with a
/// snapshot; `frames`, where the rows are equal, for clients that receive other frames. The test fails for an invariant that
/// catches no bug, and for a bug that no check catches.
#[test]
fn every_invariant_catches_a_planted_bug() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace");
    let found = sim_scenario::find(&[root.join("scenarios")]).expect("there are scenarios");
    // Some files plant a bug of their own. It is removed, so that one bug is planted at a time; so are the tapes made for it.
    let load = |path: &Path| Scenario {
        behavior: Vec::new(),
        tapes: BTreeMap::new(),
        ..Scenario::load(path, &NAMES).expect("scenarios are readable")
    };
    let scenarios: Vec<Scenario> = found.iter().map(|found| load(&found.path)).collect();
    let mut simulator = Simulator::new();
    let sound: Vec<Shown> =
        scenarios.iter().map(|scenario| shown(&simulator.run(scenario, Release::Current))).collect();
    let bugs: Vec<(String, &str)> = Behavior::default().fields().into_iter().flat_map(others).collect();
    let caught = on_all_cores(&bugs, |simulator, (field, alternative)| {
        caught_by(simulator, scenarios.iter().zip(&sound), field, alternative)
    });
    let mut matrix = String::new();
    let mut caught_any = BTreeSet::new();
    let mut missed = Vec::new();
    for ((field, alternative), caught) in bugs.iter().zip(caught) {
        if caught.is_empty() {
            missed.push(format!("{field} = {alternative}"));
        }
        let names = if caught.is_empty() { "-".to_owned() } else { Vec::from_iter(caught.clone()).join(", ") };
        writeln!(matrix, "{field} = {alternative}: {names}").expect("a string takes all");
        caught_any.extend(caught);
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path(root.join("snapshots"));
    settings.bind(|| insta::assert_snapshot!("planted", matrix));
    let idle = invariant::ALL.iter().map(|invariant| invariant.name).filter(|name| !caught_any.contains(name));
    let idle: Vec<&str> = idle.filter(|name| !OF_THE_SIMULATOR.contains(name)).collect();
    assert!(idle.is_empty(), "no planted bug is caught by {}", idle.join(", "));
    assert!(missed.is_empty(), "nothing catches {}", missed.join(", "));
}

/// A field with each of its alternatives that is not chosen.
fn others(field: Field) -> impl Iterator<Item = (String, &'static str)> {
    let others = field.alternatives.iter().map(|other| other.name).filter(move |other| *other != field.value);
    others.map(move |other| (field.name.clone(), other))
}

/// The results for all bugs, in their order. Each core has a simulator.
#[expect(clippy::disallowed_methods, reason = "threads share the work")]
fn on_all_cores<B: Sync, R: Send>(bugs: &[B], look: impl Fn(&mut Simulator, &B) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let part = |core: usize| -> Vec<R> {
        let mut simulator = Simulator::new();
        bugs.iter().skip(core).step_by(cores).map(|bug| look(&mut simulator, bug)).collect()
    };
    let mut parts: Vec<_> = thread::scope(|scope| {
        let part = &part;
        let running: Vec<_> = (0..cores).map(|core| scope.spawn(move || part(core))).collect();
        running.into_iter().map(|part| part.join().expect("no thread panics").into_iter()).collect()
    });
    (0..bugs.len()).filter_map(|place| parts[place % cores].next()).collect()
}

/// The observable result of a run apart from invariants.
struct Shown {
    rows: RowSet,
    /// The frames that each client received, in order.
    frames: Vec<String>,
}

fn shown(report: &Report) -> Shown {
    let received = report.trace.entries().iter().filter(|entry| entry.site == Site::Received);
    Shown { rows: report.rows.clone(), frames: received.map(ToString::to_string).collect() }
}

/// The invariants, and outcomes of other kinds, that `current` with one field changed violates in any scenario.
fn caught_by<'a>(
    simulator: &mut Simulator,
    scenarios: impl Iterator<Item = (&'a Scenario, &'a Shown)>,
    field: &str,
    alternative: &str,
) -> BTreeSet<&'static str> {
    let mut caught = BTreeSet::new();
    for (scenario, sound) in scenarios {
        let mut scenario = scenario.clone();
        scenario.behavior.push((field.to_owned(), alternative.to_owned()));
        let report = simulator.run(&scenario, Release::Current);
        caught.extend(report.violations.iter().map(|violation| violation.invariant));
        if !matches!(report.outcome, Outcome::Passed | Outcome::Violated) {
            caught.insert(report.outcome.word());
        }
        let shown = shown(&report);
        if shown.rows != sound.rows {
            caught.insert("rows");
        } else if shown.frames != sound.frames {
            caught.insert("frames");
        }
    }
    caught
}

/// Runs a scenario under `current` with one field of its behaviour changed, and without the change.
#[track_caller]
fn check_caught(field: &str, alternative: &str, invariant: &str, text: &str) {
    let mut scenario =
        Scenario::parse(Path::new("planted.toml"), text, &NAMES).unwrap_or_else(|error| panic!("{error}"));
    let mut simulator = Simulator::new();
    let sound = simulator.run(&scenario, Release::Current);
    assert_eq!((sound.outcome, sound.detail), (Outcome::Passed, None), "without the bug: {:?}", sound.violations);
    scenario.behavior.push((field.to_owned(), alternative.to_owned()));
    let planted = simulator.run(&scenario, Release::Current);
    let caught: BTreeSet<_> = planted.violations.iter().map(|violation| violation.invariant).collect();
    assert!(caught.contains(invariant), "{field} = {alternative}: {:?}", planted.violations);
}

/// The defect from which the project started (hermes-agent#44045): a timer that fires once and is not rearmed.
#[test]
fn a_one_shot_timer_is_caught_by_detached_rows_end() {
    let text = include_str!("../../scenarios/issues/44045_turn_outlives_grace.toml");
    check_caught("grace.expiry", "one_shot", "detached_rows_end", text);
}

/// A close that first removes the record lets a resume reopen the row, which then ends under the new record (S4).
///
/// Method: the window between removing the record and ending its row stays open, and the resume falls into it.
#[test]
fn an_end_after_a_resume_is_caught_by_live_rows_stay_open() {
    let text = include_str!("../../scenarios/defects/close_ends_before_reopen.toml");
    check_caught("close.order", "pop_then_end", "live_rows_stay_open", text);
}
