//! The outputs of `sim run` for CI systems: JUnit, annotations, traces.

use std::fs;
use std::process::Command;

use serde_json::Value;

const GHOST: &str = include_str!("../../scenarios/issues/44045_turn_outlives_grace.toml");

/// JUnit has a suite for the scenario and a case for each release; a failed case has its message and its timeline.
#[test]
fn junit_has_a_case_for_each_release() {
    let good = run(GHOST, &["--format", "junit"], 0);
    assert!(good.contains(r#"<testsuites name="sim" tests="6" skipped="0" failures="0" errors="0">"#), "{good}");
    assert!(good.contains(r#"<testcase name="0.18.2" classname="story.toml"/>"#), "{good}");
    let bad = run(&planted(), &["--format", "junit", "--release", "current"], 10);
    assert!(bad.contains(r#"tests="1" skipped="0" failures="1" errors="0">"#), "{bad}");
    for part in [
        r#"<failure message="detached_rows_end at 60.000s: row s2 is still open"#,
        r#"type="violated">"#,
        "work: the grace expires",
        "s2.ended_at: expected 46.000s, found NULL",
    ] {
        assert!(bad.contains(part), "no `{part}` in\n{bad}");
    }
    assert_eq!(
        bad,
        run(&planted(), &["--format", "junit", "--release", "current"], 10),
        "no time of the machine is in it"
    );
}

/// An annotation is placed at the last step before the violation, or at an expectation that was not met.
#[test]
fn annotations_name_file_and_line() {
    let line_of = |text: &str, part: &str| text.lines().position(|line| line.contains(part)).expect("it is there") + 1;
    let text = planted();
    let printed = run(&text, &["--format", "github", "--release", "current"], 10);
    let drop = text.lines().collect::<Vec<_>>()[..line_of(&text, r#"do = "drop""#)]
        .iter()
        .rposition(|line| *line == "[[steps]]");
    let expected = format!(
        "::error file=story.toml,line={},title=violated under current::detached_rows_end at 60.000s: row s2 is still \
         open, though since 40.000s it has no client and no turn, and no timer is armed",
        drop.expect("a step") + 1
    );
    assert_eq!(printed.lines().last(), Some(expected.as_str()));
    let hopeful =
        GHOST.replace("[expect.current]\noutcome = \"passed\"", "[expect.current]\nviolates = \"detached_rows_end\"");
    let printed = run(&hopeful, &["--format", "github", "--release", "current"], 10);
    let line = line_of(&hopeful, "[expect.current]");
    let expected = format!(
        "::error file=story.toml,line={line},title=passed under current::passed, which the file does not expect"
    );
    assert_eq!(printed.lines().last(), Some(expected.as_str()));
    assert!(!run(GHOST, &["--format", "github"], 0).contains("::error"), "nothing is wrong");
}

/// With `--trace` the JSON document contains the events; formats without a place for them refuse the flag.
#[test]
fn traces_are_in_the_document_or_refused() {
    let document = |flags: &[&str]| -> Value {
        let flags = [&["--release", "current", "--format", "json"], flags].concat();
        serde_json::from_str(&run(GHOST, &flags, 0)).expect("one document")
    };
    let run_of = |flags: &[&str]| document(flags)["runs"][0].clone();
    assert_eq!(run_of(&[]).get("trace"), None);
    let trace = run_of(&["--trace"])["trace"].clone();
    let first = &trace[0];
    assert_eq!(
        (&first["at_ms"], &first["task"], &first["site"]),
        (&0.into(), &"desktop/script".into(), &"connection".into())
    );
    assert_eq!(first["text"], "desktop connects");
    assert!(trace.as_array().map(Vec::len) > Some(20), "{trace}");
    assert_eq!(run(GHOST, &["--trace", "--format", "junit"], 2), "");
}

/// The scenario with its bug planted on `current`.
fn planted() -> String {
    format!("{GHOST}\n[behavior]\n\"grace.expiry\" = \"one_shot\"\n")
}

/// Runs the scenario in its own folder and returns stdout.
#[track_caller]
fn run(text: &str, flags: &[&str], code: i32) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("story.toml"), text).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.args([&["run", "story.toml"], flags].concat()).current_dir(folder.path()).env_clear();
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{flags:?} says\n{said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
