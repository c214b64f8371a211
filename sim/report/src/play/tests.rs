use std::fs;
use std::path::{Path, PathBuf};

use gateway_core::clock::Uptime;
use sim_harness::Simulator;
use sim_harness::invariant::NAMES;
use sim_harness::observation::Observation;
use sim_scenario::{Scenario, find};

use super::lanes::{InState, Lane, LaneKind};
use super::*;

/// At each instant a page shows the rows and the live sessions that the database and the gateway had then.
///
/// Method: the run is observed at instants while it goes on, and the lanes are made from its report afterwards.
#[test]
fn states_are_those_of_the_run() {
    let mut simulator = Simulator::new();
    for path in files(&["issues", "defects", "found"]) {
        let scenario = Scenario::load(&path, &NAMES).expect("a scenario");
        for release in scenario.releases.clone() {
            let step = scenario.until.0 / 7 + 1;
            let instants: Vec<Uptime> = (1..7).map(|number| Uptime(number * step)).collect();
            let instants: Vec<Uptime> = instants.into_iter().filter(|at| at.0 < scenario.until.0).collect();
            let strategy = Box::new(scenario.schedule(release));
            let (report, observations) = simulator.observe(&scenario, release, strategy, &instants);
            let play = Play::of(&report, true);
            for observation in observations {
                check(&play, &observation, &format!("{} under {release} at {}", path.display(), observation.at));
            }
        }
    }
}

#[track_caller]
fn check(play: &Play, observation: &Observation, place: &str) {
    let Some(last) = play.events.iter().rposition(|event| event.at <= observation.at.0) else { return };
    let shown = |kind: LaneKind| -> Vec<&[String]> {
        let states = play.lanes.iter().filter(|lane| lane.kind == kind).filter_map(|lane| at(lane, last));
        states.filter(|state| !state.word.is_empty()).map(|state| state.columns.as_slice()).collect()
    };
    let rows = observation.rows.listed().into_iter().map(|row| {
        let end = row.ended_ms.map_or_else(|| "open".to_owned(), |_| row.end_reason.unwrap_or_default());
        [end, row.message_count.to_string(), row.title.unwrap_or_default()]
    });
    let found: Vec<[String; 3]> = shown(LaneKind::Row)
        .into_iter()
        .map(|columns| [columns[0].clone(), columns[1].clone(), columns[3].clone()])
        .collect();
    assert_eq!(found, rows.collect::<Vec<_>>(), "rows, {place}");
    let live = observation.memory.as_ref().map_or(0, |memory| memory.sessions.len());
    assert_eq!(shown(LaneKind::Session).len(), live, "live sessions, {place}");
}

fn at(lane: &Lane, event: usize) -> Option<&InState> {
    let after = lane.states.partition_point(|state| state.event <= event);
    after.checked_sub(1).map(|place| &lane.states[place])
}

/// An event that reports stored messages is the one with which they are counted, not one before it.
#[test]
fn messages_are_counted_with_their_event() {
    let mut simulator = Simulator::new();
    for path in files(&["issues", "defects"]) {
        let scenario = Scenario::load(&path, &NAMES).expect("a scenario");
        let play = Play::of(&simulator.run(&scenario, scenario.releases[0]), true);
        let stored = play.events.iter().enumerate().filter(|(_, event)| event.text.contains(" more message"));
        for (place, event) in stored {
            let lane = &play.lanes[event.lane.expect("the lane of a row")];
            let count =
                |place: usize| at(lane, place).map_or(0, |state| state.columns[1].parse::<u64>().expect("a count"));
            let reported: u64 =
                event.text.split(' ').nth(2).expect("s1 has 2 more messages").parse().expect("a number");
            // One change can insert a row and its first messages: then the event of the insertion has them too.
            let other = &play.events[place - 1];
            let is_of_insertion = other.lane == event.lane && other.text.contains(" is inserted");
            let before = if is_of_insertion { 0 } else { count(place - 1) };
            assert_eq!(count(place) - before, reported, "{}, event {place}: {}", path.display(), event.text);
        }
    }
}

/// Every step that was carried out is lit from an event on that is not before its time.
#[test]
fn steps_begin_at_their_events() {
    let mut simulator = Simulator::new();
    for path in files(&["issues", "lifecycle"]) {
        let text = fs::read_to_string(&path).expect("a file");
        let lines: Vec<&str> = text.lines().collect();
        let scenario = Scenario::load(&path, &NAMES).expect("a scenario");
        let report = simulator.run(&scenario, scenario.releases[0]);
        let play = Play::of(&report, true);
        assert_eq!(play.steps.len(), report.played.len(), "{}", path.display());
        for step in &play.steps {
            assert_eq!(lines[step.line - 1], "[[steps]]", "{}:{}", path.display(), step.line);
            let written = scenario.steps.iter().find(|written| written.line == step.line).expect("a step of the file");
            assert!(play.events[step.event].at >= written.at.0, "{}:{}", path.display(), step.line);
        }
    }
}

fn files(folders: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    find(&folders).expect("there are scenarios").into_iter().map(|found| found.path).collect()
}
