//! The JSON Schema that `sim schema` prints: it accepts what the parser accepts, and no key that the parser refuses.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;
use sim_harness::invariant::NAMES;
use sim_scenario::{Scenario, find};

/// A file with a table of each kind, and each key that has an earlier name under that name.
const EVERY_TABLE: &str = r#"
about = "Every kind of table."
releases = ["0.19.0", "current"]

[gateway]
orphan_grace = "20s"

[behavior]
"grace.expiry" = "one_shot"

[network]
latency = ["1ms", "20ms"]

[store]
before_commit = "1ms"
faults = [{ write = "append", fault = "busy", lasts = "1s", may_skip = true }]
odds = { busy = "1/50" }

[windows]
turn_not_started = "1ms"

[agent]
first_build = ["1s", "2s"]

[[rows.sessions]]
id = "old"
started_at = "2h"
ended_at = "1h"
end_reason = "tui_close"
messages = [{ role = "user", text = "hello" }]

[[rows.messages]]
session_id = "old"
role = "assistant"
content = "hi"

[turns.work]
steps = [{ tools = [{ tool = "read", takes = "1s" }] }, { reply = "done" }]

[[steps]]
at = "0s"
client = "desktop"
do = "connect"

[[steps]]
at = "1s"
client = "desktop"
do = "session.create"
as = "work"
seed = ["a", "b"]

[[steps]]
at = "2s"
client = "desktop"
do = "prompt.submit"
session = "work"
turn = "work"

[[steps]]
at = "9s"
do = "gateway.restart"
gateway = { model = "other" }
may_skip = true

[expect.current]
violates = "detached_rows_end"

[[expect.rows]]
row = "old"
parent = "none"
reason = "tui_close"
messages = [{ role = "user" }, { text = "hi" }]

[[expect.frames]]
client = "desktop"
event = "message.complete"
match = { "payload.text" = "done" }

[[expect.memory]]
at = "5s"
sessions = 1
"#;

/// An editor that marks a file which runs would be switched off.
#[test]
fn scenarios_are_valid() {
    let validator = validator();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace");
    let found = find(&[root.join("scenarios")]).expect("there are scenarios");
    let mut files: Vec<PathBuf> = found.into_iter().map(|found| found.path).collect();
    files.push(root.join("sim/src/cli/new/start.toml"));
    for file in files {
        let text = fs::read_to_string(&file).expect("a scenario");
        assert_eq!(complaints(&validator, &text), [""; 0], "{}", file.display());
    }
    Scenario::parse(Path::new("every.toml"), EVERY_TABLE, &NAMES).expect("the parser accepts it");
    assert_eq!(complaints(&validator, EVERY_TABLE), [""; 0]);
}

/// A key that the parser refuses is marked in every kind of table.
#[test]
fn unknown_keys_are_refused() {
    let validator = validator();
    for line in EVERY_TABLE.lines().filter(|line| line.starts_with('[')) {
        let text = EVERY_TABLE.replacen(line, &format!("{line}\nunheard_of = 1"), 1);
        // The names of turns are free; what stands there is a table.
        if !line.starts_with("[turns") {
            check_refused(&validator, &text);
        }
    }
    check_refused(&validator, &format!("unheard_of = 1\n{EVERY_TABLE}"));
    for (inline, before) in [
        ("faults = [{", "write"),
        ("odds = {", "busy"),
        ("messages = [{", "role"),
        ("steps = [{", "tools"),
        ("{ tools = [{", "tool"),
        ("gateway = {", "model"),
        ("messages = [{ role = \"user\" }, {", "text"),
    ] {
        let text =
            EVERY_TABLE.replacen(&format!("{inline} {before}"), &format!("{inline} unheard_of = 1, {before}"), 1);
        assert_ne!(text, EVERY_TABLE, "{inline}");
        check_refused(&validator, &text);
    }
}

/// Words and combinations of keys that no table of another part decides are marked too.
#[test]
fn wrong_words_are_refused() {
    let validator = validator();
    for (right, wrong) in [
        ("do = \"connect\"", "do = \"conect\""),
        ("do = \"connect\"", "do = \"connect\"\nsession = \"work\""),
        ("turn = \"work\"", "turn = \"work\"\ntext = \"work\""),
        ("turn = \"work\"", ""),
        ("client = \"desktop\"\ndo = \"connect\"", "do = \"connect\""),
        ("do = \"gateway.restart\"", "do = \"gateway.restart\"\nclient = \"desktop\""),
        ("{ reply = \"done\" }", "{ reply = \"done\", say = \"done\" }"),
        ("{ reply = \"done\" }", "{ reply = \"done\", takes = \"1s\" }"),
        ("{ reply = \"done\" }", "{ tool = \"read\" }"),
        ("\"0.19.0\"", "\"0.1\""),
        ("detached_rows_end", "detached_rows_stay"),
        ("turn_not_started", "turn_never_started"),
        ("\"one_shot\"", "\"two_shots\""),
        ("fault = \"busy\"", "fault = \"tired\""),
        ("orphan_grace = \"20s\"", "orphan_grace = 20"),
        ("\"1/50\"", "\"2 percent\""),
        ("at = \"1s\"", "at = \"-1s\""),
        ("[\"1ms\", \"20ms\"]", "[\"1ms\"]"),
        ("about = \"Every kind of table.\"", ""),
        ("role = \"assistant\"", "role = \"robot\""),
    ] {
        let text = EVERY_TABLE.replacen(right, wrong, 1);
        assert_ne!(text, EVERY_TABLE, "{right}");
        check_refused(&validator, &text);
    }
}

/// Both the schema and the parser refuse the text.
#[track_caller]
fn check_refused(validator: &Validator, text: &str) {
    assert!(!complaints(validator, text).is_empty(), "the schema accepts\n{text}");
    assert!(Scenario::parse(Path::new("every.toml"), text, &NAMES).is_err(), "the parser accepts\n{text}");
}

fn validator() -> Validator {
    jsonschema::draft7::new(&sim_scenario::schema(&NAMES)).expect("it is a schema")
}

fn complaints(validator: &Validator, text: &str) -> Vec<String> {
    let value: Value = toml::from_str(text).expect("TOML");
    validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
