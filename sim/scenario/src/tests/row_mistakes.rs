//! Initial rows that no database could hold.

use super::mistakes::check_error;

/// Rows that no database could hold, and messages of no row.
#[test]
fn impossible_rows() {
    let with = |rows: &str, expected: &str, help: &str| {
        let text = format!("about = \"x\"\n{rows}\n[[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"connect\"\n");
        check_error(&text, expected, help);
    };
    let row = "[[rows.sessions]]\nid = \"a\"\n";
    with("[[rows.sessions]]\nsource = \"cli\"\n", "2:1: a table of `[[rows.sessions]]` needs `id`", "a row has `id`,…");
    with(&format!("{row}{row}"), "5:6: a second row with this `id`", "each row has an id of its own");
    with(&format!("{row}colour = 1\n"), "4:1: unknown key `colour`, expected…", "");
    with(
        &format!("{row}parent = \"b\"\n"),
        "4:10: `parent` is `b`, which is the id of no earlier row",
        "no row stands…",
    );
    with(&format!("{row}ended = \"1s\"\n"), "4:1: `ended` without `reason`", "say why, as in `reason = \"tui_close\"`");
    with(
        &format!("{row}started = \"1s\"\nended = \"2s\"\nreason = \"x\"\n"),
        "5:9: ended 2s before the run, but started 1s before it",
        "`started` and `ended` count back…",
    );
    with(&format!("{row}started = \"11years\"\n"), "4:11: 11years before the run", "a row is at most ten years old");
    with(
        &format!("{row}messages = [{{ content = \"x\" }}]\n"),
        "4:13: a message needs `role`",
        "a message has `role`, and may have…",
    );
    with(
        "[[rows.messages]]\nsession = \"a\"\nrole = \"user\"\n",
        "3:11: `session` is `a`, which is the id of no row",
        "no row stands…",
    );
    with(
        &format!("{row}[[rows.messages]]\nsession = \"a\"\nrole = \"user\"\ntool_calls = \"[]\"\n"),
        "7:1: `tool_calls` in a message of role `user`",
        "only a message of role `assistant` has it",
    );
}
