//! An invariant that nobody has seen fail is none: each is shown to catch a bug planted on `current`.

use std::collections::BTreeSet;
use std::path::Path;

use sim::{Outcome, Release, Scenario, Simulator};

/// Runs a story under `current` with one field of its behaviour changed, and without.
#[track_caller]
fn check_caught(field: &str, alternative: &str, invariant: &str, story: &str) {
    let mut scenario = Scenario::parse(Path::new("planted.toml"), story).unwrap_or_else(|error| panic!("{error}"));
    let mut simulator = Simulator::new();
    let sound = simulator.run(&scenario, Release::Current);
    assert_eq!((sound.outcome, sound.detail), (Outcome::Passed, None), "without the bug: {:?}", sound.violations);
    scenario.behavior.push((field.to_owned(), alternative.to_owned()));
    let planted = simulator.run(&scenario, Release::Current);
    let caught: BTreeSet<_> = planted.violations.iter().map(|violation| violation.invariant).collect();
    assert!(caught.contains(invariant), "{field} = {alternative}: {:?}", planted.violations);
}

/// The defect the project starts from (hermes-agent#44045): a timer that fires once and never looks again.
#[test]
fn a_one_shot_timer_is_caught_by_detached_rows_end() {
    let story = include_str!("../../scenarios/issues/44045_turn_outlives_grace.toml");
    check_caught("grace.expiry", "one_shot", "detached_rows_end", story);
}

/// A close that takes the record out first lets a resume reopen the row, which then ends under the new record (S4).
///
/// Method: the window between taking the record out and ending its row is held open, and the resume comes within it.
#[test]
fn an_end_after_a_resume_is_caught_by_live_rows_stay_open() {
    let story = r#"
        about = "A close and a resume at one time."
        until = "20s"
        [windows]
        popped_not_ended = "2s"
        [[steps]]
        at = "0s"
        client = "desktop"
        do = "connect"
        [[steps]]
        at = "0s"
        client = "desktop"
        do = "session.create"
        as = "work"
        [[steps]]
        at = "0s"
        client = "phone"
        do = "connect"
        [[steps]]
        at = "1s"
        client = "desktop"
        do = "prompt.submit"
        session = "work"
        text = "hello"
        [[steps]]
        at = "6s"
        client = "desktop"
        do = "session.close"
        session = "work"
        [[steps]]
        at = "7s"
        client = "phone"
        do = "session.resume"
        session = "work"
        as = "again"
        [[steps]]
        at = "12s"
        client = "phone"
        do = "prompt.submit"
        session = "again"
        text = "still there?"
    "#;
    check_caught("close.order", "pop_then_end", "live_rows_stay_open", story);
}
