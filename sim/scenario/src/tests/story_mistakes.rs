//! Files whose parts can have no effect, and facts that cannot be judged.

use std::path::Path;

use super::{EXAMPLE, NAMES, check_text, parse};
use crate::error::Source;

/// The example with more tables, up to and with its `expect` tables.
#[track_caller]
fn check_with(more: &str, expected: &str, help: &str) {
    let error = parse(&format!("{EXAMPLE}\n{more}")).expect_err("a bad file");
    let first = EXAMPLE.lines().count() + 1;
    let line = error.line().expect("a place").saturating_sub(first);
    check_text(&format!("{line}:{}: {}", error.column().unwrap_or_default(), error.message()), expected);
    check_text(error.help().unwrap_or_default(), help);
}

/// Steps of the process, one table each.
fn steps(steps: &[(&str, &str)]) -> String {
    steps.iter().map(|(at, word)| format!("[[steps]]\nat = \"{at}\"\ndo = \"{word}\"\n")).collect()
}

/// A fact may name a row of the beginning, which has its name from the start.
#[test]
fn facts_name_initial_rows() {
    let with = |name: &str| {
        let row = "[[rows.sessions]]\nid = \"20250101_old\"\nas = \"old\"\n";
        parse(&format!("{EXAMPLE}\n{row}[[expect.rows]]\nsession = \"{name}\"\nopen = true\nat = \"1ms\"\n"))
    };
    assert!(with("old").is_ok());
    let error = with("olb").expect_err("no such session");
    check_text(error.help().unwrap_or_default(), "did you mean `old`?");
}

/// Each end and start of the process needs the other before it.
#[test]
fn the_process_is_in_the_other_state() {
    check_with(
        &steps(&[("60s", "gateway.restart")]),
        "3:6: `gateway.restart` of a gateway that is up",
        "it is up from the start; `gateway.kill` or `gateway.signal` it first, or write `may_skip = true`",
    );
    check_with(
        &steps(&[("60s", "gateway.kill"), ("61s", "gateway.kill")]),
        "6:6: `gateway.kill` of a gateway that is down",
        "it is down since the `gateway.kill` at 1m, in line …",
    );
    check_with(
        &steps(&[("60s", "gateway.kill"), ("61s", "gateway.scan_idle")]),
        "6:6: `gateway.scan_idle` of a gateway that is down",
        "it is down since the `gateway.kill` at 1m, in line …",
    );
    check_with(
        &format!(
            "{}[[steps]]\nat = \"61s\"\nclient = \"laptop\"\ndo = \"connect\"\n",
            steps(&[("60s", "gateway.kill"), ("62s", "gateway.restart")])
        ),
        "10:6: client `laptop` connects to a gateway that is down",
        "it is down since the `gateway.kill` at 1m, in line …",
    );
    let restarts = steps(&[("60s", "gateway.kill"), ("60s", "gateway.restart")]);
    assert!(parse(&format!("{EXAMPLE}\n{restarts}")).is_ok());
    assert!(parse(&format!("{EXAMPLE}\n[[steps]]\nat = \"60s\"\ndo = \"gateway.restart\"\nmay_skip = true\n")).is_ok());
    assert!(parse(&format!("may_skip = true\n{EXAMPLE}\n{}", steps(&[("60s", "gateway.restart")]))).is_ok());
}

/// What undoes an impairment needs one.
#[test]
fn nothing_to_mend() {
    let step = |word: &str| format!("[[steps]]\nat = \"60s\"\nclient = \"laptop\"\ndo = \"{word}\"\n");
    let connected = step("connect");
    check_with(
        &format!("{connected}{}", step("mend")),
        "8:6: `mend` without a `cut` before it",
        "the connection of `laptop` is not impaired so; add a `cut`, drop the step, or write `may_skip = true`",
    );
    check_with(&format!("{connected}{}", step("unstall")), "8:6: `unstall` without a `stall` before it", "…");
    assert!(parse(&format!("{EXAMPLE}\n{connected}{}{}", step("cut"), step("mend"))).is_ok());
}

/// A turn ends with its answer. A turn that nothing runs is a warning.
#[test]
fn turns_that_go_no_further() {
    check_with(
        "[turns.more]\nsteps = [{ reply = \"done\" }, { tool = \"terminal\", takes = \"1s\" }]\n",
        "2:30: a step after `reply`",
        "turn `more` goes no further than its `reply`; move the step before it",
    );
    let path = Path::new("x.toml");
    let text = format!("{EXAMPLE}\n[turns.more]\nsteps = [{{ reply = \"done\" }}]\n");
    let (_, warnings) = crate::check::scenario(&Source::new(path, &text), &NAMES).expect("a good file");
    let [warning] = warnings.as_slice() else { panic!("one warning: {warnings:?}") };
    assert_eq!(warning.message, "turn `more` is never run: no prompt has `turn = \"more\"`");
}

/// A fault whose window begins after the script hits nothing.
#[test]
fn a_fault_after_the_end() {
    let text = format!(
        "until = \"10m\"\n{EXAMPLE}\n[[store.faults]]\nwrite = \"append\"\nfrom = \"11m\"\nfault = \"error\"\n"
    );
    let error = parse(&text).expect_err("a bad file");
    check_text(error.message(), "a fault from `11m` on, but the script ends at `10m`");
}

/// A fact names what the script has, and an instant within its time.
#[test]
fn facts_that_cannot_be_judged() {
    check_with(
        "[[expect.frame]]\nclient = \"desktop\"\n",
        "1:10: unknown key `frame`, expected a release or one of `rows`, `frames`, `memory`",
        "did you mean `frames`?",
    );
    check_with(
        "[[expect.rows]]\nsesion = \"work\"\n",
        "2:1: unknown key `sesion`, expected one of …",
        "did you mean `session`?",
    );
    check_with(
        "[[expect.rows]]\nsession = \"wor\"\nopen = true\n",
        "2:11: unknown session `wor`",
        "did you mean `work`?",
    );
    check_with(
        "[[expect.rows]]\nsession = \"work\"\nend_reason = \"ws_orphan_reep\"\n",
        "3:14: unknown end reason `ws_orphan_reep`",
        "did you mean `ws_orphan_reap`?",
    );
    check_with(
        "[[expect.rows]]\nsession = \"work\"\nopen = true\nat = \"9h\"\n",
        "4:6: `9h` is after the end of the script at …",
        "nothing after the end is judged; a later `until` at the top of the file lengthens the script's time",
    );
    check_with(
        "[[expect.rows]]\nat = \"1s\"\n",
        "1:1: nothing is expected of the rows",
        "a fact of rows has a `session` or a `row`, values of columns, `open`, `count`, `order` or `messages`",
    );
    check_with(
        "[[expect.frames]]\nclient = \"desktp\"\nevent = \"message.complete\"\n",
        "2:10: unknown client `desktp`",
        "did you mean `desktop`?",
    );
    check_with("[[expect.frames]]\nclient = \"desktop\"\n", "1:1: neither `event`, `method` nor `kind`", "…");
    check_with(
        "[[expect.frames]]\nclient = \"desktop\"\nmethod = \"prompt.submt\"\n",
        "3:10: unknown method `prompt.submt`",
        "did you mean `prompt.submit`?",
    );
    check_with(
        "[[expect.frames]]\nclient = \"desktop\"\nevent = \"error\"\nafter = \"5s\"\nbefore = \"5s\"\n",
        "5:10: `before` is `5s`, but `after` is `5s`",
        "frames count from `after` on, that instant included, and up to `before`, that instant excluded",
    );
    check_with(
        "[[expect.frames]]\nclient = \"desktop\"\nkind = \"event\"\nbefore = \"0s\"\n",
        "4:10: `before` is `0s`, but `after` is `0s`",
        "…",
    );
    check_with(
        "[[expect.frames]]\nrelease = \"0.18.2\"\nclient = \"desktop\"\nkind = \"event\"\n",
        "2:11: `release` for `0.18.2`, which the scenario does not run against",
        "it runs against `0.16.0`, `current`; add the release to `releases`, or drop the table",
    );
    check_with("[[expect.memory]]\nsessions = -1\n", "2:12: a count of -1", "a count is from 0 to 1000000");
    check_with(
        "[[expect.memory]]\nat = \"1s\"\n",
        "1:1: nothing is expected of the memory",
        "a fact of the memory has at least one of `sessions`, `timers`, `turns`, `waiting`, `connections`",
    );
}

/// Facts print as they are read.
#[test]
fn facts_read_back() {
    let facts = r#"
[[expect.rows]]
releases = ["0.16.0", "current"]
at = "30s"
session = "work"
tip = true
end_reason = "ws_orphan_reap"
message_count = 3
open = false
messages = [{ role = "user", text = "refactor" }, { role = "assistant" }]

[[expect.rows]]
order = ["work", "s2"]

[[expect.frames]]
client = "desktop"
method = "prompt.submit"
kind = "error"
session = "work"
after = "1s"
before = "9s"
match = { code = 4009, data.reason = "busy" }
count = 0

[[expect.memory]]
release = "current"
sessions = 0
timers = 0
"#;
    let scenario = parse(&format!("{EXAMPLE}{facts}")).expect("a good file");
    assert_eq!(scenario.facts.len(), 4);
    assert_eq!(parse(&scenario.to_toml()).expect("a good file"), scenario);
}
