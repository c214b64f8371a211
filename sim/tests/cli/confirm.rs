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
    let step = format!("{GHOST}\n[[steps]]\nat = \"9s\"\ndo = \"gateway.kill\"\n");
    check(&step, "0.16.0", "line 35: `gateway.kill`: nothing here starts or ends the gateway");
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
}
