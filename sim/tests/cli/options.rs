//! Options: mistakes, bounds, defaults, earlier names.

use serde_json::Value;

use super::{GHOST, VISIT, check, check_refused};

/// An earlier name of an invariant stands for the present one. The warning contains the position and the present name, once for
/// each file and name, on stderr: stdout stays one document, and the exit code is that of the run.
#[test]
fn earlier_names_of_invariants_warn() {
    let planted = GHOST
        .replace("releases = [\"0.16.0\", \"current\"]\n", "")
        .replace("[turns.refactor]", "[behavior]\n\"close.reap_reason\" = \"tui_close\"\n\n[turns.refactor]");
    let text = format!("{planted}\n[expect.current]\nviolates = \"reason_names_the_actor\"\n");
    let files = [("a.toml", text.as_bytes()), ("b.toml", text.as_bytes())];
    let warning = |file: &str| {
        format!(
            "warning: {file}:38:12: `reason_names_the_actor` is now `end_reason_matches_actor`; \
             the earlier name is accepted until version 0.2"
        )
    };
    let said = [warning("./a.toml"), warning("./b.toml")].join(" ");
    for format in ["human", "json", "junit", "github"] {
        let printed = check(&["run", ".", "--format", format], &files, 0, &[&said]);
        assert!(!printed.contains("reason_names_the_actor") && !printed.contains("warning"), "{printed}");
        match format {
            "json" => assert!(serde_json::from_str::<Value>(&printed).is_ok(), "{printed}"),
            "junit" => assert!(printed.starts_with("<?xml") && printed.ends_with("</testsuites>\n"), "{printed}"),
            _ => {}
        }
    }
    let only = ["shrink", "a.toml", "--only", "told_is_stored"];
    check_refused(&only, &files, &["`told_is_stored` is now `acknowledged_messages_are_stored`"]);
}

/// Mistakes on the command line are reported like those in files.
#[test]
fn bad_options() {
    let files = [("story.toml", VISIT.as_bytes())];
    check_refused(&["run", "story.toml", "--format", "xml"], &files, &["'xml'", "--format", "human, json"]);
    check_refused(&["run", "story.toml", "--strategy", "lifo"], &files, &["'lifo'", "--strategy", "fifo, random"]);
    check_refused(&["run", "story.toml", "--seed", "x"], &files, &["'x'", "--seed"]);
    check_refused(&["run", "--fast"], &files, &["'--fast'", "Usage: sim run"]);
    check_refused(&["walk"], &files, &["'walk'", "Usage: sim"]);
    check_refused(&[], &files, &["Usage: sim", "run"]);
}

/// One flag plants a bug, in every command that runs scenarios. Its earlier spellings are accepted and hidden.
#[test]
fn bugs_are_planted_by_one_flag() {
    let files: [(&str, &[u8]); 1] = [("story.toml", GHOST.as_bytes())];
    let commands: [&[&str]; 7] = [
        &["run", "story.toml"],
        &["replay", "story.toml"],
        &["shrink", "story.toml"],
        &["explore", "story.toml"],
        &["fuzz"],
        &["coverage"],
        &["bench", "planted"],
    ];
    for command in commands {
        for flag in ["--plant", "--behavior", "--set", "--bug"] {
            check_refused(&[command, &[flag, "grace.expiry=never"]].concat(), &files, &["--plant", "`never`"]);
        }
        let help = check(&[command, &["--help"]].concat(), &[], 0, &[]);
        assert!(help.contains("--plant <FIELD=ALTERNATIVE>") && !help.contains("--bug"), "{help}");
    }
    // The last value of a field applies.
    let plants = ["--plant", "grace.expiry=kill", "--plant", "grace.expiry=one_shot"];
    let printed = check(&[&["run", "story.toml", "--release", "current"], &plants[..]].concat(), &files, 10, &[]);
    for command in ["replay   sim run", "shrink   sim shrink", "explore  sim explore"] {
        let line = format!("{command} story.toml --release current --plant grace.expiry=one_shot");
        assert!(printed.contains(&line), "no `{line}` in\n{printed}");
    }
    let replayed = check(&[&["replay", "story.toml", "--release", "current"], &plants[..]].concat(), &files, 10, &[]);
    assert!(replayed.contains("1 of 1 violated"), "{replayed}");
}

/// A number out of range is a usage error, not a panic.
#[test]
fn numbers_have_bounds() {
    const MOST: &str = "18446744073709551615";
    let files: [(&str, &[u8]); 1] = [("story.toml", GHOST.as_bytes())];
    for strategy in ["pct:1001", "delay:4294967296", "pct:18446744073709551615", "delay:99999999999999999999"] {
        for command in [&["run", "story.toml"][..], &["shrink", "story.toml"], &["fuzz"], &["bench", "planted"]] {
            check_refused(&[command, &["--strategy", strategy]].concat(), &files, &["--strategy", "at most 1000"]);
        }
    }
    for runs in ["0", MOST] {
        for command in [&["fuzz"][..], &["coverage"], &["bench", "planted"]] {
            check_refused(&[command, &["--runs", runs]].concat(), &files, &["--runs", runs, "1..=100000000"]);
        }
    }
    for jobs in ["0", "1025", MOST] {
        for command in [&["fuzz"][..], &["coverage"], &["bench", "planted"]] {
            check_refused(&[command, &["--jobs", jobs]].concat(), &files, &["--jobs", jobs, "from 1 to 1024"]);
        }
    }
    check_refused(&["bench", "planted", "--seeds", "0"], &files, &["--seeds"]);
    check(&["run", "story.toml", "--strategy", "pct:1000", "--seed", MOST], &files, 10, &[]);
}

/// The help states the default of each option.
#[test]
fn help_mentions_defaults() {
    let help = check(&["run", "--help"], &[], 0, &[]);
    // A line may be broken at any blank.
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for default in
        ["[default: scenarios]", "[default: human]", "[default: the file's tape; without one, fifo]", "[default: 0]"]
    {
        assert!(words.contains(default), "no {default} in\n{help}");
    }
    assert!(help.contains("Run scenarios and compare them with their expectations and snapshots\n"), "{help}");
    assert!(check(&["--help"], &[], 0, &[]).contains("  run "), "the commands are listed");
    assert!(check(&["--version"], &[], 0, &[]).starts_with("sim "), "`--version` prints the version");
}
