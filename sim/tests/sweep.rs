//! Sweeps: a fault at each store call of a scenario in turn.

use std::collections::BTreeSet;
use std::path::Path;

use gateway_core::clock::Millis;
use sim_harness::invariant::NAMES;
use sim_harness::verdict::{Reference, judge};
use sim_harness::{Release, Scenario, Simulator};
use sim_scenario::{Call, CallSide, Fault, Journal, Latency, OnSkip, StoreFault, StoreSettings, Synchronous};
use sim_search::sweep::{FailedPoint, Kind, Place, Sample, Sweep, Swept};

fn file(path: &str) -> Scenario {
    Scenario::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(path), &NAMES).expect("a good file")
}

const ROTATIONS: &str = "issues/44045_two_rotations.toml";

/// How many schedule points and changes of the disk are tried.
const SAMPLE: usize = 16;

fn sweep(scenario: &Scenario, release: Release, kind: Kind) -> Swept {
    Sweep { release, kind, sample: SAMPLE }.carry_out(&mut Simulator::new(), scenario)
}

/// The claims that fail at some point.
fn failed(swept: &Swept) -> BTreeSet<&str> {
    swept.failures.iter().flat_map(|failure| &failure.failed).map(String::as_str).collect()
}

/// Each write has a point before its commit and one after it, each read has one.
#[test]
fn each_call_has_its_points() {
    let scenario = file(ROTATIONS);
    let report = Simulator::new().run(&scenario, Release::Current);
    let count = |side| report.calls.iter().filter(|call| call.side == side).count();
    let points = Sweep { release: Release::Current, kind: Kind::Crash, sample: 0 }.points(&report);
    let is = |place, sought| matches!(place, Place::Call { fault, .. } if fault == sought);
    let of = |fault| points.iter().filter(|point| is(point.place, fault)).count();
    assert!(count(CallSide::Write) > 5);
    assert_eq!(of(Fault::CrashAfter), count(CallSide::Write));
    assert_eq!(of(Fault::Crash), count(CallSide::Write) + count(CallSide::Read));
    let swept = sweep(&scenario, Release::Current, Kind::Crash);
    assert_eq!(swept.points as usize, points.len() + SAMPLE);
    let events: u32 = report.instants.iter().map(|instant| instant.events).sum();
    assert_eq!(swept.sample, Sample { tried: SAMPLE, of: events as usize });
}

/// `current` loses nothing by a fault at any store call, nor by a second crash in the recovery.
#[test]
fn current_survives_each_point() {
    for kind in [Kind::Crash, Kind::CrashTwice, Kind::StoreError, Kind::Busy] {
        let swept = sweep(&file(ROTATIONS), Release::Current, kind);
        assert_eq!(failed(&swept), BTreeSet::new(), "{kind:?}");
        assert!(swept.points > 5, "{kind:?}: {} points", swept.points);
    }
    let [once, twice] =
        [Kind::Crash, Kind::CrashTwice].map(|kind| sweep(&file(ROTATIONS), Release::Current, kind).points);
    assert!(twice > 2 * once, "{once} points, then {twice}");
}

/// A crash before each event: no two are the same, and each failure is a file with its tape.
#[test]
fn each_event_has_a_point() {
    let sweep = Sweep { release: Release::V0_16_0, kind: Kind::Crash, sample: usize::MAX };
    let swept = sweep.carry_out(&mut Simulator::new(), &file("issues/44045_drop_while_idle.toml"));
    assert_eq!(swept.sample.tried, swept.sample.of);
    let between: Vec<_> =
        swept.failures.iter().filter(|failure| matches!(failure.points[0].place, Place::Event { .. })).collect();
    let of = |failure: &&FailedPoint| (failure.points[0].at, failure.scenario.tapes[&Release::V0_16_0].to_string());
    let distinct: BTreeSet<_> = between.iter().map(of).collect();
    assert!(distinct.len() > 5, "{} failures", distinct.len());
    assert_eq!(distinct.len(), between.len());
    replay(&swept, Release::V0_16_0);
}

/// The recovery lasts until the clients that are back have their answers, also over a slow network.
#[test]
fn a_slow_network_hides_no_call_of_the_recovery() {
    let again = |latency| {
        let mut scenario = file("issues/44045_drop_while_idle.toml");
        scenario.network.latency = Latency { min: latency, max: latency };
        let points =
            |kind| Sweep { release: Release::Current, kind, sample: 0 }.carry_out(&mut Simulator::new(), &scenario);
        points(Kind::CrashTwice).points - points(Kind::Crash).points
    };
    let [fast, slow] = [Millis::ZERO, Millis(300)].map(again);
    assert!(0 < fast && fast <= slow, "{fast} and {slow}");
}

/// The two journal modes are two ways to write: the same commits change the disk more often with a journal that is deleted after each.
#[test]
fn journal_modes_differ_on_the_disk() {
    let changes = |journal| {
        let mut scenario = file("issues/44045_drop_while_idle.toml");
        let (call, fault) = (Call::any(CallSide::Write), Fault::Power { change: 1 });
        let (nth, from, until, on_skip) = (Some(u32::MAX), Millis::ZERO, None, OnSkip::Allowed);
        // A loss of power that does not come puts the database on the disk.
        scenario.store.faults.push(StoreFault { call, nth, from, until, fault, on_skip });
        scenario.store.journal = journal;
        let report = Simulator::new().run(&scenario, Release::Current);
        report.calls.iter().map(|call| call.changes).sum::<u32>()
    };
    let [wal, delete] = [Journal::Wal, Journal::Delete].map(changes);
    assert!(0 < wal && wal < delete, "{wal} and {delete}");
}

/// The power is lost at each change of the disk. Where SQLite does not wait for the disk, commits are lost.
#[test]
fn losses_of_power_are_survived_or_found() {
    let with = |synchronous| {
        let scenario = file("issues/44045_drop_while_idle.toml");
        Scenario { store: StoreSettings { synchronous, ..scenario.store.clone() }, ..scenario }
    };
    let served = sweep(&with(Synchronous::Extra), Release::Current, Kind::Power);
    assert_eq!(failed(&served), BTreeSet::new());
    // At both journal modes, with four fates.
    assert_eq!(served.points as usize, 2 * 4 * SAMPLE);
    assert!(served.sample.of > 2 * SAMPLE, "{:?}", served.sample);
    for synchronous in [Synchronous::Off, Synchronous::Normal] {
        let lossy = sweep(&with(synchronous), Release::Current, Kind::Power);
        assert!(failed(&lossy).contains("power_losses_keep_commits"), "{synchronous:?}");
        let journals = Journal::ALL
            .map(|journal| lossy.failures.iter().filter(|failure| failure.scenario.store.journal == journal).count());
        assert!(journals.iter().all(|failures| *failures > 0), "{synchronous:?}: {journals:?}");
        replay(&lossy, Release::Current);
    }
}

/// Half a rotation (B1, B2), rows that stay open (A3) and messages that were only in memory (B4) are found, and each failure is
/// a file that shows it again.
#[test]
fn losses_of_old_releases_are_found() {
    check(&file(ROTATIONS), Release::V0_16_0, &["one_open_row_per_chain", "rotations_are_atomic"]);
    check(&file(ROTATIONS), Release::V0_19_0, &["acknowledged_messages_are_stored", "rotations_are_atomic"]);
    check(&file("issues/44045_reconnect_in_grace.toml"), Release::V0_16_0, &["detached_rows_end"]);
    let planted = Scenario { behavior: vec![("startup.sweep".into(), "none".into())], ..file(ROTATIONS) };
    check(&planted, Release::Current, &["detached_rows_end"]);
}

fn check(scenario: &Scenario, release: Release, claims: &[&str]) {
    let swept = sweep(scenario, release, Kind::Crash);
    let failed = failed(&swept);
    assert!(claims.iter().all(|claim| failed.contains(claim)), "{release}: {failed:?}");
    replay(&swept, release);
}

/// Each failure is a file that shows it again.
fn replay(swept: &Swept, release: Release) {
    for failure in &swept.failures {
        let text = failure.scenario.to_toml();
        let again =
            Scenario::parse(Path::new("again.toml"), &text, &NAMES).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let report = Simulator::new().run(&again, release);
        assert!(judge(report, &again, &Reference::OtherSchedule).expected, "{text}");
    }
}
