//! Recordings are read strictly, and their steps happen at the times of the log.

use std::path::Path;

use gateway_core::clock::{Millis, Uptime};
use gateway_core::config::BusyInput;
use gateway_core::release::Release;
use serde_json::{Value, json};

use super::*;
use crate::invariant::NAMES;
use sim_scenario::{OnDisconnect, RequestStep, ResumeMode, ResumeTarget, Scenario, Start};

/// A script with every kind of step, and a log of it.
fn document() -> Value {
    let steps = json!([
        {"do": "connect", "client": "c1"},
        {"do": "create", "client": "c1", "as": "x", "params": {"close_on_disconnect": true, "title": "t", "cols": 80}},
        {"do": "create", "client": "c1", "as": "y", "ready": false},
        {"do": "prompt", "client": "c1", "session": "y", "script": "A", "t0": true},
        {"do": "probe", "as": "early", "at": 0.05},
        {"do": "interrupt", "client": "c1", "session": "y", "at": 1},
        {"do": "kill", "sig": "TERM", "at": 2},
        {"do": "restart"},
        {"do": "connect", "client": "c2"},
        {"do": "resume", "client": "c2", "session": "y", "id": "tip", "as": "z",
         "params": {"eager_build": true, "cols": 80}},
        {"do": "activate", "client": "c2", "session": "z"},
        {"do": "list", "client": "c2"},
        {"do": "idle_reap"},
        {"do": "close", "client": "c2", "session": "z"},
        {"do": "disconnect", "client": "c2", "how": "close", "at": 9},
        {"do": "wait", "s": 0.5}
    ]);
    let times =
        [None, None, None, Some(0.0), Some(0.1), Some(1.0), Some(2.0), Some(2.4), Some(4.5), Some(4.5), Some(4.9)]
            .into_iter()
            .chain([Some(4.9), Some(4.9), Some(4.9), Some(9.0), Some(9.0)]);
    let steps_of = steps.as_array().expect("a list").iter();
    let mut log: Vec<Value> = steps_of.zip(times).map(|(step, t)| json!({"do": step["do"], "t": t})).collect();
    for (index, result) in [
        (1, json!({"sid": "m1"})),
        (2, json!({"sid": "m2"})),
        (3, json!({"status": "streaming"})),
        (9, json!({"sid": "m3", "running": false, "status": "idle", "message_count": 1})),
    ] {
        log[index]["result"] = result;
    }
    json!({
        "script": "all", "about": "All steps.", "grace_s": 1.0,
        "env": {"HERMES_TUI_SESSION_TTL_S": "0.5"},
        "config": {"display": {"busy_input_mode": "queue"}, "compression": {"in_place": false}, "max_live_sessions": 2},
        "scripts": {"A": [
            {"do": "tool", "s": 0.6, "interruptible": false}, {"do": "sleep", "s": 0.1}, {"do": "say", "text": "hm"},
            {"do": "flush"}, {"do": "compress", "mode": "in_place", "s": 0.2}, {"do": "error"}
        ]},
        "steps": steps,
        "recorded": {"0.17.0": {
            "rows": [], "memory": null, "client_log": log, "delivered": {}, "repeatable": true,
            "agent_log": [{"t": 0.3, "step": "turn.start", "session": "s1", "script": "A"}],
            "probes": [{"as": "early", "t": 0.1, "rows": [], "memory": null}]
        }}
    })
}

fn read(document: &Value) -> Result<Recording, RecordingError> {
    Recording::parse(Path::new("all.json"), &document.to_string())
}

/// Checks that the document with one changed value is rejected with this message.
#[track_caller]
fn check_rejected(pointer: &str, value: Value, expected: &str) {
    let mut document = document();
    *document.pointer_mut(pointer).expect("a place in the document") = value;
    let error = read(&document).expect_err("a bad file").to_string();
    assert!(error.starts_with("all.json: ") && error.contains(expected), "{error}");
}

/// Every step of the format maps to a scenario step, and every setting to a setting.
#[test]
fn every_step_and_setting_is_read() {
    let recording = read(&document()).expect("a good file");
    let Timed { scenario, probes, timing } =
        recording.timed(Release::V0_17_0, &recording.cells[0].1).expect("a good file");
    let words: Vec<&str> = scenario.steps.iter().map(|step| step.action.word()).collect();
    assert_eq!(
        words.join(" "),
        "connect session.create session.create prompt.submit session.interrupt gateway.signal \
        gateway.restart connect session.resume session.activate session.list gateway.scan_idle session.close close"
    );
    let (title, on_disconnect) = (Some("t".to_owned()), OnDisconnect::Close);
    assert_eq!(
        scenario.steps[1].action,
        RequestStep::Create { name: "x".to_owned(), title, model: None, on_disconnect, start: Start::default() }.into()
    );
    let (session, name) = ("y".to_owned(), Some("z".to_owned()));
    assert_eq!(
        scenario.steps[8].action,
        RequestStep::Resume {
            session,
            target: ResumeTarget::Tip,
            name,
            last_seen: None,
            model: None,
            mode: ResumeMode::ContinueWithAgent
        }
        .into()
    );
    assert_eq!(scenario.gateway.session_ttl, Millis(500));
    assert_eq!(scenario.gateway.max_live_sessions, Some(2));
    assert_eq!(scenario.turns["A"].steps.len(), 6);
    assert_eq!(probes, [timing.zero + Millis(50)]);
}

/// Steps happen at their recorded times, and steps at one instant follow each other. A restart ends when the next step
/// begins, a build ends when the step after its resume begins, and the script ends after the last wait.
#[test]
fn durations_come_from_the_log() {
    let recording = read(&document()).expect("a good file");
    let timing = timing::Timing::of_cell(&recording, Release::V0_17_0, &recording.cells[0].1);
    let offsets: Vec<u64> = timing.instants[3..].iter().map(|at| (*at - timing.zero).0).collect();
    assert_eq!(offsets, [0, 50, 1000, 2000, 4499, 4500, 4501, 4900, 4901, 4902, 4903, 9000, 9001]);
    // The script does not wait for the agent of the second session.
    assert_eq!(timing.zero - timing.instants[2], Millis(1));
    // The first agent was there before the zero; a turn waited for the second, and the answer to the resume for the third.
    assert_eq!(timing.builds, [Millis(0), Millis(300), Millis(398)]);
    assert_eq!(timing.end, Uptime(timing.zero.0 + 9501));
}

/// What probes say of a record bounds the time of its build: it lies in the middle between the last that was not ready and
/// the first that was.
#[test]
fn build_times_come_from_probes() {
    let mut document = document();
    let release = &mut document["recorded"]["0.17.0"];
    release["agent_log"] = json!([]);
    let memory = |ready: bool| {
        json!({"live_sessions": 1, "reap_timers": 0, "turns_running": 0, "turns_without_session": 0, "sessions": [
            {"sid": "m2", "session_key": "s1", "agent_session_id": null, "ready": ready, "running": false,
             "finalized": false, "transport": "ws-live", "queued_prompt": false}
        ]})
    };
    let second = |document: &Value| {
        let recording = read(document).expect("a good file");
        timing::Timing::of_cell(&recording, Release::V0_17_0, &recording.cells[0].1).builds.get(1).copied()
    };
    document["recorded"]["0.17.0"]["probes"][0]["memory"] = memory(false);
    // The prompt begins the build at the zero, and the probe is 50 ms later.
    assert_eq!(second(&document), Some(Millis(51)));
    document["recorded"]["0.17.0"]["memory"] = memory(true);
    assert_eq!(second(&document), Some(Millis((51 + 9501) / 2)));
    document["recorded"]["0.17.0"]["probes"][0]["memory"] = memory(true);
    assert_eq!(second(&document), Some(Millis(0)));
}

/// Unknown or invalid input is rejected with its place.
#[test]
fn unknown_input_is_rejected() {
    check_rejected("/env", json!({"HERMES_TUI_X": "1"}), "env.HERMES_TUI_X: unknown environment variable");
    check_rejected("/env/HERMES_TUI_SESSION_TTL_S", json!("soon"), "not a number of seconds");
    check_rejected("/config", json!({"display": {"skin": "x"}}), "config.display.skin: unknown setting");
    check_rejected(
        "/steps/1/params",
        json!({"profile": "x"}),
        "steps[1] (`create`).params.profile: has no equivalent in scenarios: \"x\"",
    );
    check_rejected("/steps/6/sig", json!("HUP"), "steps[6] (`kill`): unknown `sig`: `HUP`");
    check_rejected("/steps/4", json!({"do": "pray"}), "steps[4] (`pray`): unknown step");
    check_rejected("/steps/4", json!({"do": "probe", "x": 1}), "steps[4] (`probe`).x: unknown key of this step: 1");
    check_rejected("/steps/4", json!("probe"), "steps[4]: an object is expected here, not a text");
    check_rejected("/steps/4/at", json!("soon"), "steps[4] (`probe`).at: a number of seconds is expected here");
    check_rejected("/steps/1/params", json!([1]), "steps[1] (`create`).params: an object is expected here, not a list");
    let prompt =
        json!({"do": "prompt", "client": "c1", "session": "y", "script": "A", "t0": true, "params": {"mode": 1}});
    check_rejected("/steps/3", prompt, "steps[3] (`prompt`).params.mode: has no equivalent in scenarios: 1");
    check_rejected("/steps/3/script", json!("B"), "steps[3] (`prompt`): there is no script `B`");
    check_rejected("/steps/3/t0", json!(false), "steps: none is marked `t0`");
    check_rejected("/steps/5/session", json!("q"), "steps[5] (`interrupt`): no step before names a session `q`");
    check_rejected("/scripts/A/1", json!({"do": "sleep"}), "scripts.A[1] (`sleep`): needs `s`");
    check_rejected("/recorded/0.17.0/client_log/1/do", json!("list"), "recorded.0.17.0.client_log[1]: `list` where");
    check_rejected("/recorded/0.17.0/probes", json!([]), "recorded.0.17.0.probes: 0 of the 1");
    check_rejected("/recorded", json!({"0.15.0": document()["recorded"]["0.17.0"]}), "unknown release `0.15.0`");
}

/// A name that is given twice stands for the last session of that name, and a resume without a name takes none away.
#[test]
fn names_are_given_once_in_a_scenario() {
    let resumed = |name: Value| {
        let mut document = document();
        document["steps"][9]["as"] = name;
        document["steps"][10]["session"] = json!("y");
        document["steps"][13]["session"] = json!("y");
        let steps = read(&document).expect("a good file").import(None).expect("a scenario").scenario.steps;
        let action = |index: usize| steps[index].action.clone();
        let name = action(8).names().map(str::to_owned);
        (name, action(9).session().map(str::to_owned))
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(resumed(json!(null)), (text("y-2"), text("y")));
    assert_eq!(resumed(json!("y")), (None, text("y")));
    assert_eq!(resumed(json!("x")), (text("x-2"), text("y")));
    check_rejected("/steps/9/as", json!("gateway"), "another use for the session name `gateway`");
    check_rejected("/steps/9/client", json!("c1"), "steps[9] (`resume`): client `c1` is not connected");
    check_rejected("/steps/8/client", json!("c 2"), "the client name `c 2` has a sign that is no letter");
}

/// Every number that a person can type has a bound.
#[test]
fn absurd_numbers_are_rejected() {
    check_rejected("/grace_s", json!(-1), "all.json: grace_s: not a number of seconds from 0 to 86400: -1");
    check_rejected("/grace_s", json!(1e9), "all.json: grace_s: not a number of seconds");
    check_rejected("/steps/4/at", json!(1e300), "steps[4] (`probe`).at: not a number of seconds");
    check_rejected("/scripts/A/1/s", json!(-0.5), "scripts.A[1] (`sleep`).s: not a number of seconds");
    check_rejected("/env/HERMES_TUI_SESSION_TTL_S", json!("1e30"), "env.HERMES_TUI_SESSION_TTL_S: not a number of");
    check_rejected("/recorded/0.17.0/client_log/3/t", json!(1e300), "recorded.0.17.0.client_log[3].t: not a number");
    check_rejected("/recorded/0.17.0/agent_log/0/t", json!(-1e300), "recorded.0.17.0.agent_log[0].t: not a number");
    check_rejected("/recorded/0.17.0/probes/0/t", json!(1e6), "recorded.0.17.0.probes[0].t: not a number");
    let row = json!({"id": "s1", "source": "tui", "parent_session_id": null, "started_at": 1e18, "ended_at": null,
        "end_reason": null, "message_count": 0, "messages": 0, "messages_active": 0});
    check_rejected("/recorded/0.17.0/rows", json!([row]), "recorded.0.17.0.rows[0].started_at: not a number");
}

/// An imported script is a scenario file with the default grace and scaled times.
#[test]
fn imports_read_back() {
    let recording = read(&document()).expect("a good file");
    for release in [None, Some(Release::V0_17_0)] {
        let scenario = recording.import(release).expect("a scenario").scenario;
        let printed = scenario.to_toml();
        let read = Scenario::parse(Path::new("all.json"), &printed, &NAMES)
            .unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(Scenario { name: scenario.name.clone(), ..read }, scenario);
        assert_eq!(scenario.gateway.orphan_grace, Millis::from_secs(20));
        assert_eq!(scenario.gateway.session_ttl, Millis::from_secs(10));
        assert_eq!(scenario.turns["A"].length(), Millis::from_secs(18));
        assert_eq!(scenario.steps[0].at, Millis::ZERO);
        // The script waits for the agent of the first session, so that agent is built before the zero.
        let first = scenario.agent.first_build.first().copied().unwrap_or_default();
        assert!(scenario.steps[3].at.0 - scenario.steps[1].at.0 > first.0 + 50);
        let (prompt, interrupt) = (&scenario.steps[3], &scenario.steps[4]);
        assert_eq!(interrupt.at.0 - prompt.at.0, 20_000);
    }
    assert_eq!(recording.import(None).expect("a scenario").scenario.releases, [Release::V0_17_0, Release::Current]);
    let missing = recording.import(Some(Release::V0_16_0)).expect_err("not recorded").to_string();
    assert_eq!(missing, "all.json: recorded: no `0.16.0`, only 0.17.0");
}

/// Every busy mode of the gateway can be recorded.
#[test]
fn every_busy_mode_is_read() {
    for (name, mode) in [("interrupt", BusyInput::Interrupt), ("queue", BusyInput::Queue), ("steer", BusyInput::Steer)]
    {
        let mut document = document();
        document["config"]["display"]["busy_input_mode"] = json!(name);
        let scenario = read(&document).expect("a mode that exists").import(None).expect("a good file").scenario;
        assert_eq!(scenario.gateway.busy_input_mode, mode);
    }
}
