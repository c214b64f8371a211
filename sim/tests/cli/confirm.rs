//! `sim confirm` without the package: what cannot be played is said before anything is installed or started.

use super::{GHOST, check_refused};

#[track_caller]
fn check(scenario: &str, release: &str, said: &str) {
    let arguments = ["confirm", "story.toml", "--release", release];
    check_refused(&arguments, &[("story.toml", scenario.as_bytes())], &["cannot be played: story.toml:", said]);
}

/// The step, the step of a turn, or the setting that the package does not have is named.
#[test]
fn what_the_package_cannot_do_is_named() {
    let step = |step: &str| format!("{GHOST}\n[[steps]]\nat = \"9s\"\ndo = {step}\n");
    let suspend = step("\"machine.suspend\"\ntakes = \"1m\"");
    check(&suspend, "0.16.0", "line 35: `machine.suspend`: a machine that runs cannot be suspended from here");
    let elsewhere = step("\"cli.new\"\nsession = \"work\"");
    check(&elsewhere, "0.16.0", "line 35: `cli.new`: nothing here writes to the gateway's database");
    check(
        &step("\"gateway.scan_idle\""),
        "0.16.0",
        "line 35: `gateway.scan_idle`: no request makes the idle reaper scan",
    );
    let in_time = step("\"gateway.signal\"\nsignal = \"TERM\"\nstop_timeout = \"5s\"");
    check(&in_time, "0.16.0", "line 35: `gateway.signal`: the package has no time limit for its end");
    let again = step("\"gateway.kill\"\n[[steps]]\nat = \"12s\"\ndo = \"gateway.restart\"");
    let model = format!("{again}model = \"other\"\n");
    check(&model, "0.16.0", "the package takes no setting `model`");
    let builds = format!("agent = {{ first_build = [\"1s\"] }}\n{again}");
    check(&builds, "0.16.0", "only a simulated world has first builds over several processes");
    let goes_on =
        "[[steps]]\nat = \"10s\"\nclient = \"desktop\"\ndo = \"prompt.submit\"\nsession = \"work\"\ncontinue = true";
    let goes_on = step(&format!("\"connect\"\nclient = \"desktop\"\n{goes_on}"));
    check(&goes_on, "0.16.0", "line 39: `prompt.submit`: the package's scripted agent does not go on after a call");
    let late = GHOST.replace("{ reply = \"done\" }", "{ late = \"done\", takes = \"1s\" }");
    check(&late, "0.16.0", "turn `refactor`, step 3: `late` is no step for the package's agent");
    let setting = format!("gateway = {{ clarify_timeout = \"1m\" }}\n{GHOST}");
    check(&setting, "0.16.0", "the package takes no setting `clarify_timeout`");
    check(GHOST, "current", "current is no published release of hermes-agent");
}

/// Two events that real time may order in another way are named, each with its time.
#[test]
fn near_events_are_named() {
    let near = GHOST.replace("at = \"6s\"", "at = \"5100ms\"");
    let said = "is 0.100s from `drop` of desktop at 5.100s, at least 0.300s are needed";
    check(&near, "0.16.0", said);
    let probe = GHOST.replace("until = \"90s\"", "until = \"40200ms\"");
    check(&probe, "0.16.0", "is 0.200s from the end of the script at 40.200s");
    let killed = format!("{GHOST}\n[[steps]]\nat = \"6100ms\"\ndo = \"gateway.kill\"\n");
    check(&killed, "0.16.0", "`drop` of desktop at 6.000s is 0.100s from `gateway.kill` at 6.100s");
}
