//! Mistakes in keys whose values have parts: the settings of a restart, and the number of an event.

use super::{EXAMPLE, check_text, parse};

/// The example with two more steps: the process ends, and starts again with this line.
#[track_caller]
fn check_restart(line: &str, expected: &str, help: &str) {
    let steps = "[[steps]]\nat = \"60s\"\ndo = \"gateway.kill\"\n\n[[steps]]\nat = \"61s\"\ndo = \"gateway.restart\"\n";
    let last = line.lines().count() - 1;
    check_after(&format!("{steps}{line}\n"), 8 + last, expected, help);
}

/// The example with more steps, of which line `place` is wrong.
#[track_caller]
fn check_after(steps: &str, place: usize, expected: &str, help: &str) {
    let error = parse(&format!("{EXAMPLE}\n{steps}")).expect_err("a bad file");
    assert_eq!(error.line().expect("a place"), EXAMPLE.lines().count() + 1 + place);
    check_text(error.message(), expected);
    check_text(error.help().unwrap_or_default(), help);
}

#[test]
fn a_restart_has_settings_of_the_gateway() {
    check_restart(
        "gateway = { orphan_grase = \"5s\" }",
        "`orphan_grase`: unknown field `orphan_grase`, expected one of …",
        "the settings are those of the table `[gateway]`",
    );
    check_restart(
        "gateway = { max_waiting_prompts = -1 }",
        "`max_waiting_prompts`: invalid value: integer `-1`, expected u32",
        "the settings are those of the table `[gateway]`",
    );
    check_restart("model = \"\"", "empty `model`", "leave `model` out where no model is asked for");
    check_restart(
        "gateway = { fan_out = true }\nmodel = \"x\"",
        "both `gateway` and `model`",
        "`model` is short for `gateway = { model = … }`; write it there",
    );
}

#[test]
fn events_are_counted_from_one() {
    check_after(
        "[[steps]]\nat = \"91s\"\nclient = \"phone\"\ndo = \"session.events.since\"\nsession = \"work\"\nlast_seen = -1\n",
        6,
        "no event has the number -1",
        "events are counted from 1; `last_seen = 0` asks for all",
    );
}
