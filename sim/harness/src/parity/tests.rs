//! The comparison can fail: a recording that is changed in one place differs at that place.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

/// The places that differ when the recording has another value at `pointer`.
fn differing(pointer: &str, value: Value) -> Vec<String> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/upstream/g2_reconnect_rotated_by_parent.json");
    let mut document: Value = serde_json::from_str(&fs::read_to_string(&path).expect("a file")).expect("JSON");
    *document.pointer_mut(&format!("/recorded/0.17.0{pointer}")).expect("a place in the recording") = value;
    let recording = Recording::parse(&path, &document.to_string()).expect("still a recording");
    let (release, recorded) = &recording.cells[1];
    let cell = Cell::run(&mut Simulator::new(), &recording, *release, recorded).expect("a run");
    assert_eq!(cell.equal, cell.differences.is_empty());
    cell.differences.into_iter().map(|difference| difference.place).collect()
}

#[track_caller]
fn check(pointer: &str, value: Value, expected: &[&str]) {
    assert_eq!(differing(pointer, value), expected);
}

/// Every compared kind of value differs when it is changed.
#[test]
fn a_falsified_recording_differs() {
    check("/repeatable", json!(true), &[]);
    check("/rows/1/end_reason", json!("tui_close"), &["rows.s2.end_reason"]);
    check("/rows/1/ended_at", json!(null), &["rows.s2.ended_at"]);
    check("/rows/1/parent_session_id", json!(null), &["rows.s2.parent_session_id"]);
    check("/rows/0/source", json!("desktop"), &["rows.s1.source"]);
    check("/rows/0/message_count", json!(4), &["rows.s1.message_count"]);
    check("/rows/0/messages_active", json!(0), &["rows.s1.messages_active"]);
    check("/rows/1/ghost", json!(true), &["rows.s2.ghost"]);
    check("/rows/1/held_in_memory", json!(false), &["rows.s2.held_in_memory"]);
    check("/rows", json!([]), &["rows.s1", "rows.s2"]);
    check("/memory", json!(null), &["memory"]);
    check("/memory/reap_timers", json!(1), &["memory.reap_timers"]);
    check("/memory/sessions/0/transport", json!("ws-closed"), &["memory.sessions.m1.transport"]);
    check("/probes/0/rows/1/messages", json!(1), &["probes.resumed.rows.s2.messages"]);
    check("/probes/0/memory/turns_running", json!(2), &["probes.resumed.memory.turns_running"]);
    check(
        "/probes/0/memory/sessions/1/agent_session_id",
        json!("s1"),
        &["probes.resumed.memory.sessions.m2.agent_session_id"],
    );
    check("/probes/0/memory/sessions/0/running", json!(false), &["probes.resumed.memory.sessions.m1.running"]);
    check("/delivered/c1", json!({"message.complete": 1}), &["delivered.c1.message.complete"]);
}

/// A time may be 0.25 s off, but not on the other side of a step. The tip of the conversation ended 4.2 s after the
/// zero.
#[test]
fn times_have_a_tolerance_and_a_side() {
    check("/rows/1/ended_at", json!(4.4), &[]);
    check("/rows/1/ended_at", json!(4.5), &["rows.s2.ended_at"]);
    // Within the tolerance, but before the prompt that made the row.
    check("/rows/0/started_at", json!(-0.1), &["rows.s1.started_at"]);
}

/// A cell passes on how two runs on the real gateway differed.
#[test]
fn repeatable_is_passed_on() {
    let cell = |repeatable: Value, differences: Value| {
        serde_json::from_value::<recording::Cell>(json!({
            "rows": [], "memory": null, "client_log": [], "repeatable": repeatable, "differences": differences
        }))
    };
    let passed_on =
        |repeatable: Value, differences: Value| repeatable_of(cell(repeatable, differences).expect("a cell"));
    assert_eq!(passed_on(json!(true), json!(null)), json!(true));
    assert_eq!(passed_on(json!(false), json!(["rows.s1.ended_at"])), json!(["rows.s1.ended_at"]));
    assert_eq!(passed_on(json!({"rows": "differ"}), json!(null)), json!({"rows": "differ"}));
}

fn repeatable_of(cell: recording::Cell) -> Value {
    repeatable(&cell)
}
