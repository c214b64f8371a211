//! The protocol's contract: the gateway answers any frame with a result or a documented error, and a
//! refused request changes no row.

#[path = "protocol/bench.rs"]
mod bench;

use std::cell::RefCell;

use bench::{Bench, run};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config as ProptestConfig, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// The documented error codes (spec §3).
const DOCUMENTED: [i64; 27] = [
    -32700, -32600, -32601, -32602, -32603, -32000, 4001, 4002, 4004, 4006, 4007, 4008, 4009, 4010, 4018, 4021, 4022,
    4023, 4090, 5000, 5005, 5006, 5007, 5008, 5032, 5036, 5071,
];

const METHODS: [&str; 26] = [
    "session.create",
    "session.resume",
    "session.activate",
    "session.close",
    "session.interrupt",
    "session.active_list",
    "session.list",
    "session.most_recent",
    "session.history",
    "session.undo",
    "session.title",
    "session.steer",
    "session.status",
    "session.usage",
    "session.compress",
    "session.branch",
    "session.delete",
    "prompt.submit",
    "setup.status",
    "config.get",
    "commands.catalog",
    "complete.slash",
    "complete.path",
    "pet.cells",
    "input.detect_drop",
    "session.nonsense",
];

/// Sends a frame to a gateway with one session (`SID` and `KEY` stand for its ids), and compares the error code and the
/// request id of the answer. No row may change.
#[track_caller]
fn check_refused(frame: &str, id: Value, code: i64) {
    let (answer, before, after) = run(async |bench: &Bench| {
        let session = bench.session().await;
        let before = bench.dump();
        let answer = bench.exchange(&session.fill(frame)).await;
        (answer, before, bench.dump())
    });
    let answer = answer.unwrap_or_else(|| panic!("no answer to {frame:.200}"));
    assert_eq!((&answer["id"], answer["error"]["code"].as_i64()), (&id, Some(code)), "{frame:.200}: {answer}");
    assert_eq!(before, after, "{frame:.200} was refused and changed a row");
}

fn request(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string()
}

#[test]
fn what_is_no_request_is_refused() {
    let deep = "[".repeat(100_000);
    for frame in ["{", "nonsense", "\u{0}", "{\"id\":7,}", "{\"id\":7} {}", &deep] {
        check_refused(frame, Value::Null, -32700);
    }
    for frame in ["[]", "7", "null", "\"session.list\"", "[{\"id\":7,\"method\":\"session.list\"}]"] {
        check_refused(frame, Value::Null, -32600);
    }
    check_refused(r#"{"id":7}"#, json!(7), -32600);
    check_refused(r#"{"id":7,"method":null}"#, json!(7), -32600);
    check_refused(r#"{"id":[7],"method":{}}"#, json!([7]), -32600);
    check_refused(r#"{"id":7,"method":"session.list","params":[200]}"#, json!(7), -32602);
    check_refused(r#"{"id":7,"method":"session.list","params":"200"}"#, json!(7), -32602);
    check_refused(r#"{"id":7,"method":"session.LIST"}"#, json!(7), -32601);
    check_refused(r#"{"id":7,"method":""}"#, json!(7), -32601);
}

#[test]
fn wrong_types_are_refused() {
    for (method, params) in [
        ("session.create", json!({"title": 7})),
        ("session.create", json!({"close_on_disconnect": "yes"})),
        ("session.resume", json!({"session_id": 7})),
        ("session.list", json!({"limit": -1})),
        ("session.list", json!({"limit": 4_294_967_296_u64})),
        ("session.list", json!({"limit": "all"})),
        ("session.title", json!({"session_id": "SID", "title": ["x"]})),
        ("session.branch", json!({"session_id": "SID", "name": {}})),
        ("session.delete", json!({"session_id": true})),
        ("prompt.submit", json!({"session_id": "SID"})),
        ("prompt.submit", json!({"session_id": "SID", "text": null})),
        ("prompt.submit", json!({"text": "hello"})),
        ("session.close", json!({})),
        ("session.undo", json!({"session_id": null})),
        ("config.get", json!({})),
        ("config.get", json!({"key": 7})),
        ("config.get", json!({"key": "no_such_setting"})),
    ] {
        check_refused(&request(method, &params), json!(7), -32602);
    }
}

#[test]
fn unknown_ids_are_refused() {
    for method in [
        "session.activate",
        "session.interrupt",
        "session.history",
        "session.undo",
        "session.title",
        "session.steer",
        "session.status",
        "session.usage",
        "session.compress",
        "session.branch",
        "input.detect_drop",
    ] {
        for unknown in ["", "00000000", "KEY", "SID ", "' OR 1=1 --"] {
            check_refused(&request(method, &json!({"session_id": unknown, "text": "x"})), json!(7), 4001);
        }
    }
    check_refused(&request("prompt.submit", &json!({"session_id": "KEY", "text": "x"})), json!(7), 4001);
    check_refused(&request("session.resume", &json!({"session_id": "SID"})), json!(7), 4007);
    check_refused(&request("session.delete", &json!({"session_id": "SID"})), json!(7), 4007);
    for method in ["session.resume", "session.delete"] {
        check_refused(&request(method, &json!({})), json!(7), 4006);
        check_refused(&request(method, &json!({"session_id": ""})), json!(7), 4006);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (method, params, code) in [
        ("session.steer", json!({"session_id": "SID", "text": " \n"}), 4002),
        ("session.steer", json!({"session_id": "SID"}), 4002),
        ("prompt.submit", json!({"session_id": "SID", "text": "x", "truncate_before_user_ordinal": "0"}), 4004),
        ("prompt.submit", json!({"session_id": "SID", "text": "x", "truncate_before_user_ordinal": 0.5}), 4004),
        ("prompt.submit", json!({"session_id": "SID", "text": "x", "truncate_before_user_ordinal": -1}), 4018),
        ("prompt.submit", json!({"session_id": "SID", "text": "x", "truncate_before_user_ordinal": 1}), 4018),
        ("session.title", json!({"session_id": "SID", "title": "  "}), 4021),
        ("session.title", json!({"session_id": "SID", "title": "x".repeat(101)}), 4022),
        ("session.branch", json!({"session_id": "SID", "name": "x".repeat(101)}), 4022),
        ("session.create", json!({"title": "x".repeat(101)}), 4022),
        ("session.delete", json!({"session_id": "KEY"}), 4023),
    ] {
        check_refused(&request(method, &params), json!(7), code);
    }
}

/// Requests of a user interface that concern no session are answered truthfully: an agent is available, the
/// settings are the effective ones, and there are no commands, pets or files.
#[test]
fn a_user_interface_is_told_what_is_true() {
    check_told("setup.status", json!({}), "/provider_configured", json!(true));
    check_told("config.get", json!({"key": "full"}), "/config/display/busy_input_mode", json!("interrupt"));
    check_told("config.get", json!({"key": "full"}), "/config/gateway/orphan_grace", json!("0s"));
    check_told("config.get", json!({"key": "full"}), "/config/gateway/max_waiting_prompts", json!(64));
    check_told("config.get", json!({"key": "busy"}), "/value", json!("interrupt"));
    check_told("config.get", json!({"key": "mtime"}), "/mtime", json!(0));
    check_told("commands.catalog", json!({}), "/pairs", json!([]));
    check_told("complete.slash", json!({"text": "/qu"}), "/items", json!([]));
    check_told("complete.path", json!({"word": "@src"}), "/items", json!([]));
    check_told("pet.cells", json!({"graphics": true, "state": "idle"}), "/enabled", json!(false));
    check_told("input.detect_drop", json!({"session_id": "SID", "text": "/etc/hosts"}), "/matched", json!(false));
}

/// Sends a request to a gateway with one session, and compares the value at the JSON `pointer` of its answer.
#[track_caller]
fn check_told(method: &str, params: Value, pointer: &str, expected: Value) {
    let answer = run(async |bench: &Bench| {
        let session = bench.session().await;
        bench.exchange(&session.fill(&request(method, &params))).await
    });
    let answer = answer.unwrap_or_else(|| panic!("no answer to {method}"));
    assert_eq!(answer["result"].pointer(pointer), Some(&expected), "{method} {params}: {answer}");
}

/// A frame of any length is executed or refused like any other.
#[test]
fn huge_frames_are_answered() {
    let long = "x".repeat(4_000_000);
    check_refused(&long, Value::Null, -32700);
    check_refused(&request(&long, &json!({})), json!(7), -32601);
    check_refused(&request("session.history", &json!({"session_id": long})), json!(7), 4001);
    check_refused(&request("session.title", &json!({"session_id": "SID", "title": long})), json!(7), 4022);
    let answer = run(async |bench: &Bench| {
        let session = bench.session().await;
        bench.exchange(&session.fill(&request("prompt.submit", &json!({"session_id": "SID", "text": long})))).await
    });
    assert_eq!(answer.expect("an answer")["result"]["status"], "streaming");
}

/// Request ids are opaque: equal ids are each answered, and a request without an id is not answered.
#[test]
fn each_request_is_answered_under_its_id() {
    let ids = [json!(1), json!(1), json!("1"), Value::Null, json!({"a": [1]}), json!(1.5)];
    run(async |bench: &Bench| {
        for id in &ids {
            let frame = json!({"id": id, "method": "session.most_recent"}).to_string();
            let answer = bench.exchange(&frame).await.expect("an answer");
            assert_eq!((&answer["id"], answer.get("error")), (id, None));
        }
        assert_eq!(bench.exchange(r#"{"method":"session.list"}"#).await, None);
        assert_eq!(bench.exchange("  \n").await, None);
    });
}

/// A prompt that names an earlier one replaces it and everything after it, in memory and in the rows.
#[test]
fn a_prompt_replaces_what_it_names() {
    run(async |bench: &Bench| {
        let session = bench.session().await;
        let submit = |text: &str, ordinal: i64| {
            let params = json!({"session_id": "SID", "text": text, "truncate_before_user_ordinal": ordinal});
            session.fill(&request("prompt.submit", &params))
        };
        let ask = session.fill(&request("prompt.submit", &json!({"session_id": "SID", "text": "two"})));
        assert_eq!(bench.exchange(&ask).await.expect("an answer")["result"]["status"], "streaming");
        assert_eq!(bench.exchange(&submit("three", 1)).await.expect("an answer")["result"]["status"], "streaming");
        assert_eq!(bench.texts(), ["hello", "hello", "three", "three"]);
        assert_eq!(bench.exchange(&submit("four", 0)).await.expect("an answer")["result"]["status"], "streaming");
        assert_eq!(bench.texts(), ["four", "four"]);
        assert_eq!(bench.dump().sessions[0].message_count, 2);
        let history = session.fill(&request("session.history", &json!({"session_id": "SID"})));
        assert_eq!(bench.exchange(&history).await.expect("an answer")["result"]["count"], 2);
    });
}

/// Ten thousand frames, many of them nearly valid: each is answered, and a refusal has a documented code
/// and changes no row. One gateway receives all of them, with the sessions that they create, use and delete.
#[test]
fn random_frames_do_no_harm() {
    // Written out: the same frames on every machine, and nothing kept outside of the repository.
    let config =
        ProptestConfig { cases: 100, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let refused = RefCell::new(0_u32);
    let outcome = TestRunner::new_with_rng(config, random).run(&vec(frames(), 100), |frames| {
        run(async |bench: &Bench| {
            let mut session = bench.session().await;
            for frame in frames {
                let frame = session.fill(&frame);
                bench.settle().await;
                let before = bench.dump();
                let answer = bench.exchange(&frame).await;
                let Some(answer) = answer else { continue };
                if let Some(code) = answer["error"]["code"].as_i64() {
                    *refused.borrow_mut() += 1;
                    prop_assert!(DOCUMENTED.contains(&code), "{frame} is refused with {code}");
                    prop_assert_eq!(before, bench.dump(), "{} was refused and changed a row", frame);
                }
                session.follow(&answer["result"]);
            }
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let refused = refused.into_inner();
    assert!((2_000..9_000).contains(&refused), "{refused} of 10,000 refused: the frames test one side only");
}

/// Generates frames from random bytes to valid requests; `SID` and `KEY` stand for the ids of a session.
fn frames() -> impl Strategy<Value = String> {
    let params = vec((select(vec!["session_id", "text", "title", "name", "limit", KEY_CUT, "x"]), values()), 0..4);
    let whole = (select(METHODS.to_vec()), select(vec!["SID", "SID", "KEY", "unknown"]), params);
    let good = whole.prop_map(|(method, session, params)| {
        let mut object = json!({"session_id": session, "text": "hello"});
        for (key, value) in params {
            object[key] = value;
        }
        request(method, &object)
    });
    let cut = (good_text(), 0..200_usize).prop_map(|(text, at)| text.chars().take(at).collect());
    let members = vec((select(vec!["id", "method", "params", "jsonrpc"]), values()), 0..5).prop_map(|members| {
        let object: serde_json::Map<String, Value> =
            members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Value::Object(object).to_string()
    });
    prop_oneof![
        6 => good,
        1 => cut,
        1 => members,
        1 => values().prop_map(|value| value.to_string()),
        1 => vec(any::<char>(), 0..40).prop_map(String::from_iter),
    ]
}

const KEY_CUT: &str = "truncate_before_user_ordinal";

fn good_text() -> impl Strategy<Value = String> {
    (select(METHODS.to_vec()), values()).prop_map(|(method, value)| request(method, &json!({"session_id": value})))
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-2..4_i64).prop_map(Value::from),
        select(vec!["SID", "KEY", "", "plan", "session.list"]).prop_map(Value::from),
        vec(any::<char>(), 0..12).prop_map(|letters| Value::from(String::from_iter(letters))),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((".{0,6}", inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
