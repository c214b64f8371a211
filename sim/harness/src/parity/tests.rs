//! The comparison can fail: a recording that is changed in one place differs at that place.

mod mutations;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

/// The places that differ when the recording has another value at `pointer`.
fn differing(pointer: &str, value: Value) -> Vec<String> {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    differing_in("g2_reconnect_rotated_by_parent.json", "0.17.0", |document| {
        let place = document.pointer_mut(&format!("/recorded/0.17.0{parent}")).expect("a place in the recording");
        match place {
            Value::Array(items) => items[key.parse::<usize>().expect("an index")] = value,
            other => other[key] = value,
        }
    })
}

/// The places that differ in a cell because the recording is changed.
fn differing_in(file: &str, release: &str, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/upstream").join(file);
    let mut document: Value = serde_json::from_str(&fs::read_to_string(&path).expect("a file")).expect("JSON");
    let run = |document: &Value| {
        let recording = Recording::parse(&path, &document.to_string()).expect("still a recording");
        let cell = recording.cells.iter().find(|(of, _)| of.name() == release);
        let (release, recorded) = cell.expect("a recorded release");
        let cell = Cell::run(&mut Simulator::new(), &recording, *release, recorded).expect("a run");
        assert_eq!(cell.equal, cell.differences.is_empty());
        cell.differences
    };
    let before = run(&document);
    change(&mut document);
    let new = run(&document).into_iter().filter(|difference| !before.contains(difference));
    new.map(|difference| difference.place).collect()
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
    check("/delivered/c1", json!({"error": 1}), &["delivered.c1.error"]);
    check("/rows/0/title", json!("a title"), &["rows.s1.title"]);
}

/// Every part of an answer differs when it is changed.
#[test]
fn a_falsified_answer_differs() {
    check("/client_log/1/result/sid", json!("m2"), &["client_log[1].result.sid"]);
    check("/client_log/2/result/status", json!("queued"), &["client_log[2].result.status"]);
    let (error, message) = ("client_log[2].result.error", "client_log[2].result.message");
    check("/client_log/2/result", json!({"error": 4009, "message": "session busy"}), &[error, message]);
    check("/client_log/2/result", json!(null), &["client_log[2].result"]);
    check("/client_log/5/result/message_count", json!(9), &["client_log[5].result.message_count"]);
    check("/client_log/5/result/running", json!(true), &["client_log[5].result.running"]);
    check("/client_log/5/result/status", json!("working"), &["client_log[5].result.status"]);
    check("/client_log/5/result/sid", json!("m1"), &["client_log[5].result.sid"]);
    check("/client_log/7/result", json!({"closed": true}), &["client_log[7].result"]);
}

/// The code and the message of an error are part of the answer. Ours may say more after a colon.
#[test]
fn a_falsified_error_differs() {
    let differs = |key: &str, value: Value| {
        differing_in("m3b_resume_after_close_without_as.json", "0.19.0", |document| {
            document["recorded"]["0.19.0"]["client_log"][5]["result"][key] = value;
        })
    };
    assert_eq!(differs("message", json!("session not found")), Vec::<String>::new());
    assert_eq!(differs("message", json!("session not")), ["client_log[5].result.message"]);
    assert_eq!(differs("message", json!("")), ["client_log[5].result.message"]);
    assert_eq!(differs("error", json!(4009)), ["client_log[5].result.error"]);
    let reaper = differing_in("d2_ghost_then_idle_sweep.json", "0.19.0", |document| {
        document["recorded"]["0.19.0"]["client_log"][5]["result"]["available"] = json!(false);
    });
    assert_eq!(reaper, ["client_log[5].result.available"]);
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

/// A row of the start is there before the gateway is, can be resumed, and keeps its contents.
#[test]
fn rows_of_the_start_are_resumed() {
    let row = |reason: Value, ended: Value| {
        json!({"id": "s1", "source": "cli", "parent_session_id": null, "started_at": -3.0, "ended_at": ended,
               "end_reason": reason, "title": "old", "message_count": 2, "messages": 2, "messages_active": 2,
               "contents": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})
    };
    let live = json!({"sid": "m1", "session_key": "s1", "agent_session_id": "s1", "ready": true, "running": false,
        "finalized": false, "transport": "ws-live", "queued_prompt": false});
    let document = json!({
        "script": "seeded", "grace_s": 1.0, "scripts": {},
        "steps": [
            {"do": "seed", "as": "x", "source": "cli", "title": "old", "messages": ["q", "a"], "end_reason": "cli_close"},
            {"do": "connect", "client": "c1"},
            {"do": "probe", "as": "before"},
            {"do": "resume", "client": "c1", "session": "x", "id": "stored", "as": "x", "t0": true},
            {"do": "wait", "at": 1.0}
        ],
        "recorded": {"0.17.0": {
            "rows": [row(json!(null), json!(null))], "delivered": {"c1": {}}, "repeatable": true,
            "memory": {"live_sessions": 1, "reap_timers": 0, "turns_running": 0, "turns_without_session": 0,
                       "sessions": [live]},
            "probes": [{"as": "before", "rows": [row(json!("cli_close"), json!(-3.0))], "memory": {"live_sessions": 0,
                "reap_timers": 0, "turns_running": 0, "turns_without_session": 0, "sessions": []}}],
            "client_log": [
                {"t": null, "do": "seed"}, {"t": null, "do": "connect"}, {"t": null, "do": "probe"},
                {"t": 0.0, "do": "resume",
                 "result": {"sid": "m1", "message_count": 2, "running": false, "status": "idle"}},
                {"t": 1.0, "do": "wait"}
            ]
        }}
    });
    let run = |document: &Value| {
        let recording = Recording::parse(Path::new("seeded.json"), &document.to_string()).expect("a recording");
        let (release, recorded) = &recording.cells[0];
        let cell = Cell::run(&mut Simulator::new(), &recording, *release, recorded).expect("a run");
        cell.differences.into_iter().map(|difference| difference.place).collect::<Vec<_>>()
    };
    assert_eq!(run(&document), Vec::<String>::new());
    let mut falsified = document.clone();
    falsified["recorded"]["0.17.0"]["rows"][0]["contents"][1]["content"] = json!("b");
    assert_eq!(run(&falsified), ["rows.s1.contents[1]"]);
    let recording = Recording::parse(Path::new("seeded.json"), &document.to_string()).expect("a recording");
    let imported = recording.import(None).expect("a scenario").scenario;
    assert_eq!(
        imported.rows.iter().map(|row| (row.id.as_str(), row.messages.len())).collect::<Vec<_>>(),
        [("start_1", 2)]
    );
    let text = imported.to_toml();
    let read = sim_scenario::Scenario::parse(Path::new("seeded.toml"), &text, &crate::invariant::NAMES);
    assert_eq!(read.expect("a file").rows, imported.rows);
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
