//! Bad files. Most are the example with one change, so that the change is the mistake.

use super::{EXAMPLE, check_text, parse};

/// `expected` is `line:column: message`. An expected text that ends in `…` is compared as a prefix: the gateway's lists follow.
#[track_caller]
pub(super) fn check_error(text: &str, expected: &str, help: &str) {
    let error = parse(text).expect_err("a bad file");
    check_text(&error.to_string(), &format!("x.toml:{expected}"));
    check_text(error.help().unwrap_or_default(), help);
}

/// The example with `old` replaced by `new`, once.
#[track_caller]
pub(super) fn check_change(old: &str, new: &str, expected: &str, help: &str) {
    assert!(EXAMPLE.contains(old), "`{old}` is not in the example");
    check_error(&EXAMPLE.replacen(old, new, 1), expected, help);
}

/// The error of an empty file lists the keys that a scenario needs.
#[test]
fn a_file_without_a_story() {
    check_error(
        "",
        "1:1: empty scenario",
        r#"a scenario needs `about = "…"` and at least one `[[steps]]` table with `at`, `client` and `do`"#,
    );
    check_error(
        "# later\n\n",
        "1:1: empty scenario",
        r#"a scenario needs `about = "…"` and at least one `[[steps]]` table with `at`, `client` and `do`"#,
    );
    check_error("issues = []\n", "1:1: missing `about`", "say in one sentence what the scenario shows");
    check_error("about = \" \"\n", "1:9: empty `about`", "say in one sentence what the scenario shows");
    check_error(
        "about = \"x\"\n",
        "1:1: a scenario needs at least one step",
        "a step is a `[[steps]]` table with `at`, `client` and `do`",
    );
    check_error(
        "about = \"x\"\nsteps = []\n",
        "1:1: a scenario needs at least one step",
        "a step is a `[[steps]]` table with `at`, `client` and `do`",
    );
}

/// A mistake of TOML or of a single value is reported at the word, with the expected type.
#[test]
fn toml_and_values() {
    check_change("about = ", "about ", "1:7: key with no value, expected `=`", "");
    check_change(
        "issues =",
        "isues =",
        "2:1: unknown key `isues`, expected one of `about`, `issues`, `releases`, `seed`, `may_skip`, `until`, `gateway`, `behavior`, `network`, `store`, `windows`, `agent`, `rows`, `turns`, `steps`, `expect`, `tape`",
        "did you mean `issues`?",
    );
    check_change(
        "releases =",
        "about =",
        "3:1: duplicate key",
        "each key stands once; each step has a `[[steps]]` line of its own",
    );
    check_change(
        "orphan_grace =",
        "orphan_grease =",
        "6:1: unknown key `orphan_grease`, expected one of …",
        "did you mean `orphan_grace`?",
    );
    check_change(
        r#""15s""#,
        "15",
        "6:16: invalid type: integer `15`, expected a string",
        r#"text stands in quotes, and a length of time is text with a unit: "5s""#,
    );
    check_change(
        r#""15s""#,
        r#""a while""#,
        "6:16: not a time: `a while`, expected a length such as `0s`, `250ms` or `1m 30s`",
        "",
    );
    check_change(
        r#""1ms", "20ms""#,
        r#""1ms""#,
        r#"12:11: invalid length 1, expected a length such as "5ms", or two as in ["1ms", "20ms"]"#,
        "",
    );
    check_change(
        r#"["1ms", "20ms"]"#,
        r#"["1ms", "2ms", "3ms"]"#,
        r#"12:11: invalid length 3, expected a length such as "5ms", or two as in ["1ms", "20ms"]"#,
        "",
    );
}

/// A text that is not a valid value of its key is refused.
#[test]
fn values() {
    check_change(
        r#"["1ms", "20ms"]"#,
        r#""fast""#,
        "12:11: not a time: `fast`, expected a length such as `0s`, `250ms` or `1m 30s`",
        "",
    );
    check_change(
        r#"["1ms", "20ms"]"#,
        r#"["20ms", "1ms"]"#,
        "12:11: latency from `20ms` to `1ms`",
        "the shorter bound comes first",
    );
    check_change(
        r#""5ms""#,
        r#"["5ms", "1us"]"#,
        "15:24: time `1us` is finer than a millisecond, the grain of the clock",
        "",
    );
    check_change(
        r#"at = "1s""#,
        r#"at = "-1s""#,
        "37:6: negative time `-1s`, expected a length such as `0s`, `250ms` or `1m 30s`",
        "times count from the start of the run, which is `0s`",
    );
    check_change(
        r#"at = "1s""#,
        "at = 1",
        "37:6: invalid type: integer `1`, expected a string",
        r#"text stands in quotes, and a length of time is text with a unit: "5s""#,
    );
    check_change(
        "about =",
        "seed = -1\nabout =",
        "1:8: invalid value: integer `-1`, expected u64",
        "a seed is a whole number, 0 or more",
    );
    check_change(
        "[[steps]]",
        "[steps]",
        "30:3: duplicate key",
        "each key stands once; each step has a `[[steps]]` line of its own",
    );
    check_error(
        "about = \"x\"\n\n[steps]\nat = \"0s\"\n",
        "3:1: invalid type: map, expected a sequence",
        "each step is a table of its own under `[[steps]]`, with two brackets",
    );
    check_error(
        "about = \"ü\"\r\nsteps = [{ client = \"zoë\", at = \"0s\", do = \"crush\" }]\r\n",
        "2:44: unknown step `crush`",
        "steps are `connect`, `close`, `drop`, `stall`, `unstall`, `lag`, `cut`, `mend`, `vanish`, `resend`, `session.create`, `prompt.submit`, `session.resume`, `session.activate`, `session.close`, `session.interrupt`, `session.title`, `session.history`, `session.status`, `session.usage`, `session.undo`, `session.steer`, `session.compress`, `session.branch`, `session.delete`, `answer`, `session.events.since`, `session.most_recent`, `session.active_list`, `session.list`, `gateway.kill`, `gateway.signal`, `gateway.restart`, `cli.new`, `gateway.scan_idle`, `machine.suspend`, `machine.set_clock`",
    );
    check_change(
        r#""grace.expiry""#,
        "grace.expiry",
        "9:1: invalid type: map, expected a string",
        r#"a key that contains a dot is written in quotes: "grace.expiry""#,
    );
}

/// Turns are parsed by the gateway's own types; mistakes keep their positions.
#[test]
fn turns() {
    check_change("steps = [\n", "step = [\n", "18:1: unknown key `step`, expected `steps`", "did you mean `steps`?");
    check_change("steps = [\n", "steps = []\nname = [\n", "19:1: unknown key `name`, expected `steps`", "");
    check_change(
        "[turns.refactor]",
        "[turns.empty]\n[turns.refactor]",
        "17:1: missing key `steps`",
        r#"a turn is a list of steps: steps = [{ reply = "done" }]"#,
    );
    check_change(
        r#"takes = "4s""#,
        r#"take = "4s""#,
        "19:26: unknown key `take`, expected one of …",
        "did you mean `takes`?",
    );
    check_change(r#", takes = "4s""#, "", r#"19:5: `tool` needs `takes`, for example `takes = "4s"`"#, "");
    for word in ["background", "review"] {
        let step = format!(r#"{word} = "build""#);
        check_change(
            r#"tool = "terminal", takes = "4s""#,
            &step,
            &format!(r#"19:5: `{word}` needs `takes`, for example `takes = "4s"`"#),
            "",
        );
        let stray = format!("{step}, interruptible = false");
        let expected = format!("19:5: `interruptible` does not go with `{word}`");
        check_change(r#"tool = "terminal""#, &stray, &expected, "");
    }
    check_change(r#""rotate""#, r#""shrink""#, "20:18: unknown variant `shrink`, expected one of …", "");
    check_change("{ reply", r#"{ say = "so", reply"#, "22:5: a turn step has exactly one of …", "");
}

/// Releases and behaviour are checked against those of the gateway.
#[test]
fn releases_and_behavior() {
    check_change(
        r#"["0.16.0", "current"]"#,
        r#"["0.16"]"#,
        "3:13: unknown release `0.16`, expected one of …",
        "did you mean `0.16.0`?",
    );
    check_change(
        r#""0.16.0", "current""#,
        r#""current", "current""#,
        "3:24: release `current` is listed twice",
        "each release runs once; drop the second",
    );
    check_change(
        r#"["0.16.0", "current"]"#,
        "[]",
        "3:12: empty `releases`",
        "leave `releases` out for `current` alone; known are …",
    );
    check_change(
        r#""grace.expiry""#,
        r#""grace""#,
        "9:1: unknown behavior `grace`, expected one of …",
        r#"a line of `[behavior]` changes one field: "group.field" = "alternative""#,
    );
    check_change(
        r#""one_shot""#,
        r#""nonsense""#,
        "9:18: unknown alternative `nonsense` of `grace.expiry`, expected one of …",
        r#"a line of `[behavior]` changes one field: "group.field" = "alternative""#,
    );
}

/// An expectation names a release that the file runs against and an invariant that exists.
#[test]
fn expectations() {
    check_change(
        "releases =",
        "#",
        "61:9: `expect` for `0.16.0`, which the scenario does not run against",
        "it runs against `current`; add the release to `releases`, or drop the table",
    );
    check_change("[expect.current]", "[expect.now]", "64:9: unknown release `now`, expected one of …", "");
    check_change(
        r#""detached_rows_end""#,
        r#""rows_are_nice""#,
        "62:12: unknown invariant `rows_are_nice`",
        "invariants are `detached_rows_end`, …",
    );
    check_change(
        r#""detached_rows_end""#,
        r#"["detached_rows_end", "rows_are_nice"]"#,
        "62:34: unknown invariant `rows_are_nice`",
        "invariants are `detached_rows_end`, …",
    );
    check_change(r#""detached_rows_end""#, "[]", "62:12: empty `violates`", "invariants are `detached_rows_end`, …");
    check_change(
        r#""detached_rows_end""#,
        "5",
        "62:12: invalid type: integer `5`, expected a name or a list of names",
        r#"text stands in quotes, and a length of time is text with a unit: "5s""#,
    );
    check_change(
        r#""passed""#,
        r#""violated""#,
        "65:11: unknown variant `violated`, expected one of `passed`, `panicked`, `not_at_rest`, `limit`",
        r#"a violation is expected by name: violates = "detached_rows_end""#,
    );
    check_change(
        r#"outcome = "passed""#,
        "",
        "64:9: neither `outcome` nor `violates`",
        "an expectation has either `outcome`, or `violates` with names of invariants",
    );
    check_change(
        "outcome =",
        "violates = \"detached_rows_end\"\noutcome =",
        "65:1: both `outcome` and `violates`",
        "an expectation has either `outcome`, or `violates` with names of invariants",
    );
}

/// A latency is at most an hour, in a table and in a step.
#[test]
fn long_latencies() {
    let longer = "a client that is away for longer has a step `drop`, `vanish` or `cut`";
    check_change(
        r#"["1ms", "20ms"]"#,
        r#"["1ms", "61m"]"#,
        "12:11: a latency of `1h 1m`, which is longer than `1h`",
        longer,
    );
    check_change(
        r#"do = "drop""#,
        "do = \"lag\"\ntakes = \"1day\"",
        "47:9: a latency of `1day`, which is longer than `1h`",
        longer,
    );
}

/// A step has a known word and only the keys that the word takes.
#[test]
fn words_and_keys() {
    check_change(
        r#""drop""#,
        r#""crush""#,
        "46:6: unknown step `crush`",
        "steps are `connect`, `close`, `drop`, `stall`, `unstall`, `lag`, `cut`, `mend`, `vanish`, `resend`, `session.create`, `prompt.submit`, `session.resume`, `session.activate`, `session.close`, `session.interrupt`, `session.title`, `session.history`, `session.status`, `session.usage`, `session.undo`, `session.steer`, `session.compress`, `session.branch`, `session.delete`, `answer`, `session.events.since`, `session.most_recent`, `session.active_list`, `session.list`, `gateway.kill`, `gateway.signal`, `gateway.restart`, `cli.new`, `gateway.scan_idle`, `machine.suspend`, `machine.set_clock`",
    );
    check_change(r#"do = "drop""#, "", "43:1: a step needs `do`", "every step has `at`, `client` and `do`");
    check_change("at = \"6s\"\n", "", "43:1: a step needs `at`", "every step has `at`, `client` and `do`");
    check_change("client = \"phone\"\n", "", "48:1: a step needs `client`", "every step has `at`, `client` and `do`");
    check_change(
        "as = \"work\"\n",
        "",
        "30:1: `session.create` needs `as`",
        "`session.create` takes `as`, the name of the session in this file, and may take `title`, `model`, `source`, `parent`, `seed` and `close_on_disconnect`",
    );
    check_change(
        "session = \"work\"\n",
        "",
        "36:1: `prompt.submit` needs `session`",
        "`prompt.submit` takes `session`, exactly one of `turn`, `text` and `continue`, and may take `truncate` and `key`",
    );
    check_change(
        "turn = \"refactor\"\n",
        "",
        "36:1: `prompt.submit` needs `turn`, `text` or `continue`",
        "`prompt.submit` takes `session`, exactly one of `turn`, `text` and `continue`, and may take `truncate` and `key`",
    );
    check_change(
        r#"turn = "refactor""#,
        "turn = \"refactor\"\ntext = \"hello\"",
        "42:1: `prompt.submit` has both `turn` and `text`",
        "`prompt.submit` takes `session`, exactly one of `turn`, `text` and `continue`, and may take `truncate` and `key`",
    );
    check_change(
        r#"turn = "refactor""#,
        "turn = \"refactor\"\ncontinue = true",
        "42:1: `prompt.submit` has both `turn` and `continue`",
        "`prompt.submit` takes `session`, exactly one of `turn`, `text` and `continue`, and may take `truncate` and `key`",
    );
    check_change(
        r#"do = "drop""#,
        "do = \"drop\"\nsession = \"work\"",
        "47:1: `session` does not go with `drop`",
        "`drop` takes only `at`, `client` and `do`",
    );
    check_change(
        r#"as = "work""#,
        "as = \"work\"\nturn = \"refactor\"",
        "35:1: `turn` does not go with `session.create`",
        "`session.create` takes `as`, the name of the session in this file, and may take `title`, `model`, `source`, `parent`, `seed` and `close_on_disconnect`",
    );
    check_change(
        r#"turn = "refactor""#,
        r#"turns = "refactor""#,
        "41:1: unknown key `turns`, expected one of `at`, `client`, `do`, `may_skip`, `as`, `title`, `model`, `session`, `turn`, `text`, `continue`, `id`, `signal`, `close_on_disconnect`, `lazy`, `takes`, `stop_timeout`, `forward`, `back`, `truncate`, `key`, `question`, `again`, `eager_build`, `source`, `parent`, `seed`, `forgets`, `last_seen`, `gateway`",
        "did you mean `turn`?",
    );
}

/// `id` has a known value, and `lazy` belongs to a resume alone.
#[test]
fn keys_of_resumes() {
    check_change(
        r#"id = "tip""#,
        r#"id = "root""#,
        "58:6: unknown value of `id`: `root`",
        "`id` is `stored`, the id that the client knows and the default, `tip`, the end of its lineage, or `title`",
    );
    check_change(
        "do = \"session.resume\"\nsession = \"work\"\nid = \"tip\"\nas = \"again\"",
        "do = \"session.delete\"\nsession = \"work\"\nid = \"title\"",
        "58:6: unknown value of `id`: `title`",
        "`id` is `stored`, the id that the client knows and the default, or `tip`, the end of its lineage",
    );
    check_change(
        r#"do = "drop""#,
        "do = \"drop\"\nlazy = true",
        "47:1: `lazy` does not go with `drop`",
        "`drop` takes only `at`, `client` and `do`",
    );
    check_change(
        r#"do = "drop""#,
        r#"do = "cli.new""#,
        "45:1: `client` does not go with `cli.new`",
        "`cli.new` takes `session`, the one that another program leaves, and no `client`",
    );
}

/// An answer has a text of its own, unless it repeats another, and names one question.
#[test]
fn keys_of_answers() {
    let answer = |keys: &str| format!("do = \"answer\"\nsession = \"work\"\n{keys}");
    let check = |keys: &str, message: &str, help: &str| check_change(r#"do = "drop""#, &answer(keys), message, help);
    let takes = "`answer` takes `session` and `text`, and may take `question` or `again`, and `id`; with `again`, `text` may be left out";
    check("", "43:1: `answer` needs `text`", takes);
    check("question = 1", "43:1: `answer` needs `text`", takes);
    check(
        "text = \"once\"\nquestion = 0",
        "49:12: no question has the number 0",
        "questions are counted from 1, and to 4294967295 at most",
    );
    check(
        "question = 1\nagain = true",
        "48:1: both `question` and `again`",
        "`again` answers the question of the answer before; leave one out",
    );
}

/// `truncate` is an integer, which may be negative, and only `prompt.submit` takes it.
#[test]
fn truncate() {
    check_change(
        r#"do = "drop""#,
        "do = \"drop\"\ntruncate = -1",
        "47:1: `truncate` does not go with `drop`",
        "`drop` takes only `at`, `client` and `do`",
    );
    check_change(
        r#"turn = "refactor""#,
        "turn = \"refactor\"\ntruncate = \"first\"",
        "42:12: invalid type: string \"first\", expected i64",
        "",
    );
}

/// Only `session.resume` takes `eager_build`.
#[test]
fn eager_build() {
    check_change(
        r#"do = "drop""#,
        "do = \"drop\"\neager_build = true",
        "47:1: `eager_build` does not go with `drop`",
        "`drop` takes only `at`, `client` and `do`",
    );
}

/// A client acts only while it is connected, and its name is valid in a label.
#[test]
fn clients() {
    check_change(
        r#"do = "connect""#,
        r#"do = "close""#,
        "27:10: client `desktop` acts before it connects",
        r#"a client's first step is `do = "connect"`; steps run in order of `at`, then of the file"#,
    );
    check_change(
        r#"do = "drop""#,
        r#"do = "connect""#,
        "46:6: client `desktop` connects while it is connected",
        "it connected at 0s, in line 25; `close` or `drop` it first",
    );
    check_change(
        r#"at = "1s""#,
        r#"at = "7s""#,
        "38:10: client `desktop` acts after its `drop`",
        "the `drop` is at 6s, in line 43; `connect` again first",
    );
    check_change(
        "client = \"phone\"\ndo = \"session",
        "client = \"desktop\"\ndo = \"session",
        "55:10: client `desktop` acts after its `drop`",
        "the `drop` is at 6s, in line 43; `connect` again first",
    );
    check_change(
        r#"client = "phone""#,
        r#"client = "my phone""#,
        "50:10: bad client name `my phone`",
        "names of clients and sessions are letters, digits, `_` and `-`",
    );
    check_change(
        r#"client = "phone""#,
        r#"client = "gateway""#,
        "50:10: reserved client name `gateway`",
        "`gateway` and `store` are the names of the simulator's own tasks in traces",
    );
    check_change(
        r#"client = "phone""#,
        r#"client = """#,
        "50:10: bad client name ``",
        "names of clients and sessions are letters, digits, `_` and `-`",
    );
}

/// A session is named before it is used, and no name is given to two sessions.
#[test]
fn sessions_and_turns() {
    check_change(
        "at = \"0s\"\nclient = \"desktop\"\ndo = \"session",
        "at = \"2s\"\nclient = \"desktop\"\ndo = \"session",
        "40:11: session `work` is used before it is named",
        "it is named at 2s, in line 30; steps run in order of `at`, then of the file",
    );
    check_change(
        r#"session = "work""#,
        r#"session = "wrok""#,
        "40:11: unknown session `wrok`",
        "sessions named so far are `work`",
    );
    check_change(
        r#"as = "work""#,
        r#"as = "store""#,
        "34:6: reserved session name `store`",
        "`gateway` and `store` are the names of the simulator's own tasks in traces",
    );
    check_change(
        r#"as = "again""#,
        r#"as = "work""#,
        "59:6: session `work` is named twice",
        "the first is at 0s, in line 30",
    );
    check_change(
        r#"turn = "refactor""#,
        r#"turn = "refactr""#,
        "41:8: unknown turn `refactr`",
        "defined turns are `refactor`",
    );
    check_change(
        r#"turn = "refactor""#,
        r#"text = "refactor""#,
        "41:8: text `refactor` is the name of a turn",
        r#"write `turn = "refactor"`, or send another text"#,
    );
    let bare = "about = \"x\"\n[[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"connect\"\n[[steps]]\nat = \"0s\"\nclient = \"a\"\n";
    let nameless = format!("{bare}do = \"session.close\"\nsession = \"work\"\n");
    check_error(
        &nameless,
        "10:11: unknown session `work`",
        r#"no session has a name yet; `session.create` with `as = "work"` gives one"#,
    );
    let turnless = format!(
        "{bare}do = \"session.create\"\nas = \"work\"\n[[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"prompt.submit\"\nsession = \"work\"\nturn = \"build\"\n"
    );
    check_error(&turnless, "16:8: unknown turn `build`", "no turn is defined; a `[turns.build]` table does so");
}

/// `until` is not before the last step.
#[test]
fn the_end() {
    check_change(
        "issues =",
        "until = \"1m\"\nissues =",
        "2:9: `until` is `1m`, but the last step is at `1m 30s`",
        "the step is in line 54; left out, `until` lies well behind it",
    );
}

/// A tape belongs to a release of the file, and each line is a choice; the first bad line is marked.
#[test]
fn tapes_that_are_none() {
    let with = |tape: &str| format!("{EXAMPLE}\n[tape]\n{tape}\n");
    let lines = EXAMPLE.lines().count();
    check_error(
        &with("\"0.17.0\" = '''\nready: *a | b\n'''"),
        &format!("{}:1: `tape` for `0.17.0`, which the scenario does not run against", lines + 3),
        "it runs against `0.16.0`, `current`; add the release to `releases`, or drop the table",
    );
    let help = "a line of a tape is a choice: its site, its alternatives in their order, a `*` before the picked one";
    let message = "line 2 of the tape is no choice: `ready: a | b`, expected `site: label | *picked label | label`";
    let text = "'''\nready: *a | c\nready: a | b\n'''";
    check_error(&with(&format!("current = {text}")), &format!("{}:1: {message}", lines + 5), help);
    let escaped = "\"ready: *a | c\\nready: a | b\"";
    check_error(&with(&format!("current = {escaped}")), &format!("{}:27: {message}", lines + 3), help);
    check_error(
        &with("current = 1"),
        &format!("{}:11: invalid type: integer `1`, expected a string", lines + 3),
        "text stands…",
    );
}

/// The model of a session has a name, and belongs to the steps that begin a session or resume it.
#[test]
fn models() {
    let create = "about = \"x\"\n[[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"connect\"\n[[steps]]\nat = \"0s\"\nclient = \"a\"\n";
    check_error(
        &format!("{create}do = \"session.create\"\nas = \"s\"\nmodel = \"\"\n"),
        "11:9: empty `model`",
        "leave `model` out where no model is asked for",
    );
    check_error(
        &format!("{create}do = \"session.list\"\nmodel = \"small\"\n"),
        "10:1: `model` does not go with `session.list`",
        "`session.list` takes only `at`, `client` and `do`",
    );
}
