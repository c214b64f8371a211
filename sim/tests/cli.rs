//! The command line end to end: errors for bad input, printed output and exit codes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A turn outlives the grace: `current` ends the row, 0.16.0 leaves it open for ever.
const GHOST: &str = r#"about = "A turn outlives the grace after its client is gone."
releases = ["0.16.0", "current"]
until = "90s"

[turns.refactor]
steps = [
    { compress = "rotate", takes = "4s" },
    { tool = "terminal", takes = "35s" },
    { reply = "done" },
]

[[steps]]
at = "0s"
client = "desktop"
do = "connect"

[[steps]]
at = "0s"
client = "desktop"
do = "session.create"
as = "work"

[[steps]]
at = "1s"
client = "desktop"
do = "prompt.submit"
session = "work"
turn = "refactor"

[[steps]]
at = "6s"
client = "desktop"
do = "drop"
"#;

/// The beginning of the report of a run that is not scripted.
const GHOST_TAPE: &str = "ready: store/writer | store/reader | gateway/acceptor | *desktop/script
ready: store/writer | store/reader | *gateway/acceptor | desktop/inbox
";

/// A scenario that passes under every release.
const VISIT: &str = r#"about = "A client comes and goes."

[[steps]]
at = "0s"
client = "desktop"
do = "connect"

[[steps]]
at = "1s"
client = "desktop"
do = "close"
"#;

/// An unknown key is an error at its position: otherwise it would be a setting without effect.
#[test]
fn unknown_key() {
    check_story("until =", "untill =", &["story.toml:3:1", "unknown key `untill`", "`until`"]);
    check_story("takes = \"4s\"", "lasts = \"4s\"", &["story.toml:7:28", "unknown key `lasts`", "`takes`"]);
}

/// An unknown step is reported with the known ones.
#[test]
fn unknown_step() {
    check_story("\"drop\"", "\"crush\"", &["story.toml:33:6", "unknown step `crush`", "`connect`", "`drop`"]);
}

/// Times are not negative.
#[test]
fn negative_time() {
    check_story("\"6s\"", "\"-6s\"", &["story.toml:31:6", "negative time `-6s`", "expected a length such as", "`0s`"]);
}

/// A session that is used before it is named is an error that gives the step and the time of the naming.
#[test]
fn session_used_before_named() {
    let create = "at = \"0s\"\nclient = \"desktop\"\ndo = \"session.create\"";
    let said = ["story.toml:27:11", "session `work` is used before it is named", "named at 2s, in line 17"];
    check_story(create, &create.replace("0s", "2s"), &said);
    check_story("session = \"work\"", "session = \"play\"", &["story.toml:27:11", "unknown session `play`", "`work`"]);
}

/// A prompt can only name a turn that the file defines.
#[test]
fn undefined_turn() {
    check_story(
        "turn = \"refactor\"",
        "turn = \"rewrite\"",
        &["story.toml:28:8", "unknown turn `rewrite`", "`refactor`"],
    );
}

/// A name stands for one session, and a name stands for one turn.
#[test]
fn duplicate_names() {
    let again = "[[steps]]\nat = \"1s\"\nclient = \"desktop\"\ndo = \"session.create\"\nas = \"work\"\n";
    let twice = format!("{GHOST}{again}").replace("at = \"6s\"", "at = \"9s\"");
    let said = ["story.toml:38:6", "session `work` is named twice", "in line 17"];
    check_refused(&["run", "story.toml"], &[("story.toml", twice.as_bytes())], &said);
    let turn = "[turns.refactor]";
    check_story(
        turn,
        &format!("{turn}\nsteps = []\n{turn}"),
        &["story.toml:7:8", "duplicate key", "each key stands once"],
    );
}

/// Releases are those of the gateway, in a file and on the command line.
#[test]
fn unknown_release() {
    let accepted = ["unknown release `0.1`", "`0.16.0`", "`current`"];
    check_story("\"0.16.0\"", "\"0.1\"", &[&["story.toml:2:13"], &accepted[..]].concat());
    let story = [("story.toml", GHOST.as_bytes())];
    check_refused(&["run", "story.toml", "--release", "0.1"], &story, &[&["--release"], &accepted[..]].concat());
}

/// An expected violation of an unknown invariant could never be met.
#[test]
fn unknown_invariant() {
    let story = format!("{GHOST}\n[expect.current]\nviolates = \"rows_are_nice\"\n");
    let said =
        ["story.toml:36:12", "unknown invariant `rows_are_nice`", "`detached_rows_end`", "`live_rows_stay_open`"];
    check_refused(&["run", "story.toml"], &[("story.toml", story.as_bytes())], &said);
}

/// An earlier name of an invariant stands for the present one. The warning contains the position and the present name, once for
/// each file and name, on stderr: stdout stays one document, and the exit code is that of the run.
#[test]
fn earlier_names_of_invariants_warn() {
    let planted = GHOST
        .replace("releases = [\"0.16.0\", \"current\"]\n", "")
        .replace("[turns.refactor]", "[behavior]\n\"close.reap_reason\" = \"tui_close\"\n\n[turns.refactor]");
    let story = format!("{planted}\n[expect.current]\nviolates = \"reason_names_the_actor\"\n");
    let files = [("a.toml", story.as_bytes()), ("b.toml", story.as_bytes())];
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

/// A file without content is an error, not a scenario that passes.
#[test]
fn empty_file() {
    check_refused(&["run", "story.toml"], &[("story.toml", b"")], &["story.toml", "empty scenario", "`[[steps]]`"]);
}

/// A file that is not text is an error at the first bad byte.
#[test]
fn not_utf8() {
    let text = b"about = \"x\"\n# caf\xe9\n";
    let said = ["story.toml:2:6", "not UTF-8", "0xe9", "a scenario file is UTF-8 text"];
    check_refused(&["run", "story.toml"], &[("story.toml", text)], &said);
}

/// A command that runs nothing must not pass, for any reason.
#[test]
fn nothing_to_run() {
    let notes = [("stories/notes.md", &b"# later"[..]), ("story.toml", VISIT.as_bytes())];
    check_refused(&["run", "stories"], &notes, &["stories: no scenario in this folder", "`.toml`"]);
    check_refused(&["run", "gone.toml"], &notes, &["gone.toml: no such file or directory"]);
    check_refused(&["run", "story.toml", "gone.toml"], &notes, &["gone.toml: no such file or directory"]);
    check_refused(&["run"], &notes, &["scenarios: no such file or directory"]);
    let other = ["no scenario lists any of the releases asked for", "`--release`"];
    check_refused(&["run", ".", "--release", "0.16.0"], &notes, &other);
}

/// A bad file stops the command before the first run: a partial report looks like a complete one.
#[test]
fn a_bad_file_stops_the_command_before_the_first_run() {
    let files = [("a.toml", VISIT.as_bytes()), ("b.toml", b"about = 1\n"), ("c.toml", VISIT.as_bytes())];
    check_refused(&["run", "."], &files, &["b.toml:1:9", "invalid type: integer `1`, expected a string"]);
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

/// `--format json` prints one document with the documented fields, and nothing else.
#[test]
fn json_is_one_document() {
    let runs = json(&["run", "story.toml"], &[("story.toml", GHOST.as_bytes())], 10);
    let [old, current] = runs.as_slice() else { panic!("one run for each release: {runs:?}") };
    for run in [old, current] {
        let fields = [
            "scenario",
            "release",
            "outcome",
            "expected",
            "violations",
            "digest",
            "events",
            "uptime_ms",
            "rows",
            "live",
        ];
        assert_eq!(keys(run), fields);
        assert_eq!(run["scenario"], "story.toml");
        assert_eq!(keys(&run["rows"]), ["sessions"]);
        assert_eq!(keys(&run["live"]), ["sessions", "timers", "turns", "connections"]);
        assert_eq!(run["digest"].as_str().map(str::len), Some(16), "{}", run["digest"]);
        assert!(run["events"].as_u64() > Some(0) && run["uptime_ms"].as_u64() >= Some(90_000), "{run}");
        for row in run["rows"]["sessions"].as_array().expect("rows") {
            let fields =
                ["alias", "id", "parent", "source", "started_ms", "ended_ms", "end_reason", "message_count", "title"];
            assert_eq!(keys(row), fields);
        }
    }
    assert_eq!(
        (&old["release"], &old["outcome"], &old["expected"]),
        (&"0.16.0".into(), &"violated".into(), &false.into())
    );
    assert_eq!(keys(&old["violations"][0]), ["invariant", "at_ms", "detail"]);
    assert_eq!(old["violations"][0]["invariant"], "detached_rows_end");
    assert_eq!(old["violations"][0]["at_ms"], 60_000, "the turn ends at 40 s, the grace is 20 s");
    assert_eq!((&current["release"], &current["outcome"]), (&"current".into(), &"passed".into()));
    assert_eq!((&current["expected"], &current["violations"]), (&true.into(), &Value::Array(Vec::new())));
}

/// The rows of the two runs: times count from the scenario's start, and a parent is given by its alias.
#[test]
fn json_contains_the_rows_of_each_run() {
    let rows = |release: &str, code: i32| {
        let runs = json(&["run", "story.toml", "--release", release], &[("story.toml", GHOST.as_bytes())], code);
        let field = |row: &Value| {
            format!(
                "{} {} {} {} {}",
                row["alias"], row["parent"], row["started_ms"], row["ended_ms"], row["end_reason"]
            )
        };
        runs[0]["rows"]["sessions"].as_array().expect("rows").iter().map(field).collect::<Vec<_>>()
    };
    let parent = r#""s1" null 1000 5000 "compression""#;
    assert_eq!(rows("0.16.0", 10), [parent, r#""s2" "s1" 5000 null null"#]);
    assert_eq!(rows("current", 0), [parent, r#""s2" "s1" 5000 46000 "ws_orphan_reap""#]);
}

/// Without `[expect]` a violation is not expected; with it, a run that meets the expectation succeeds.
#[test]
fn a_violation_exits_10_unless_it_is_expected() {
    let run = |files: &[(&str, &[u8])], code: i32| check(&["run", "."], files, code, &[]);
    // That release has no idle reaper.
    let violates = r#"violates = ["detached_rows_end", "idle_sessions_end"]"#;
    let expecting = format!("{GHOST}\n[expect.\"0.16.0\"]\n{violates}\n");
    let other = expecting.replace("detached_rows_end", "live_rows_stay_open");
    let printed = run(&[("story.toml", GHOST.as_bytes())], 10);
    assert!(printed.contains("detached_rows_end at 60.000s"), "{printed}");
    assert!(printed.contains("1 NOT as expected"), "{printed}");
    run(&[("story.toml", expecting.as_bytes())], 0);
    run(&[("story.toml", other.as_bytes())], 10);
    run(&[("a.toml", VISIT.as_bytes()), ("b.toml", GHOST.as_bytes()), ("c.toml", expecting.as_bytes())], 10);
}

/// Inside `scenarios/` every file must have a snapshot; elsewhere the rows are printed.
#[test]
fn a_missing_snapshot_exits_15_inside_scenarios_only() {
    for (path, code) in [("scenarios/visit.toml", 15), ("scenarios/deep/visit.toml", 15), ("stories/visit.toml", 0)] {
        let folder = path.split('/').next().expect("a folder");
        let printed = check(&["run", folder], &[(path, VISIT.as_bytes())], code, &[]);
        assert!(printed.contains("no snapshot"), "{printed}");
    }
    check(&["run"], &[("scenarios/visit.toml", VISIT.as_bytes())], 15, &[]);
}

/// Whether a file is inside `scenarios/` does not depend on the working directory or on how the path is written.
#[test]
fn snapshots_are_found_from_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let inside = folder.path().join("scenarios/deep");
    fs::create_dir_all(&inside).expect("a folder");
    fs::write(inside.join("visit.toml"), VISIT).expect("a file");
    let code = |at: &Path, argument: &str| sim(at, &["run", argument]).status.code();
    let file = inside.join("visit.toml").display().to_string();
    for (at, argument) in [(folder.path(), "scenarios"), (&inside, "."), (&inside, "visit.toml"), (&inside, &file)] {
        assert_eq!(code(at, argument), Some(15), "{argument} in {}", at.display());
    }
}

/// `file:line:column` is never broken over lines, because editors and searches need it in one piece.
#[test]
fn a_long_place_is_not_broken() {
    let path = format!("{}story.toml", "a_folder_with_a_long_name/".repeat(5));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(&path);
    fs::create_dir_all(file.parent().expect("its folder")).expect("a folder for it");
    fs::write(&file, "about = 1\n").expect("a file");
    let first_line = |path: &str| {
        let stderr = text(sim(folder.path(), &["run", path]).stderr);
        stderr.lines().next().unwrap_or_default().to_owned()
    };
    let bad = first_line(&path);
    assert!(bad.contains(&format!("{path}:1:9: invalid type: integer `1`, expected a string")), "{bad}");
    let gone = first_line(&format!("{path}.gone"));
    assert!(gone.contains(&format!("{path}.gone: no such file or directory")), "{gone}");
}

/// Rows that differ from the snapshot are reported field by field, with both values.
#[test]
fn other_rows_exit_15() {
    let snapshot = b"releases: current\n\ns1.end_reason = ws_orphan_reap\n";
    let files = [("scenarios/visit.toml", VISIT.as_bytes()), ("snapshots/visit.snap", &snapshot[..])];
    let printed = check(&["run"], &files, 15, &[]);
    assert!(printed.contains("s1.end_reason: expected ws_orphan_reap, found absent"), "{printed}");
    let files = [("scenarios/visit.toml", VISIT.as_bytes()), ("snapshots/visit.snap", &b"releases: current\n"[..])];
    check(&["run"], &files, 0, &[]);
}

/// A file's tape is its schedule for `run` and `replay`; `--tape` replaces it.
#[test]
fn a_tape_is_replayed() {
    let taped = format!("{GHOST}\n[tape]\ncurrent = '''\n{}'''\n", GHOST_TAPE);
    let files = [("story.toml", taped.as_bytes()), ("other.tape", GHOST_TAPE.as_bytes())];
    let printed = check(&["replay", "story.toml", "--times", "100"], &files, 0, &[]);
    assert!(printed.contains("current: a tape of 2 choices; 100 of 100 passed, digest "), "{printed}");
    let digest = |printed: &str| printed.rsplit("digest ").next().expect("a digest").trim().to_owned();
    let given = ["replay", "story.toml", "--tape", "other.tape", "--release", "current"];
    assert_eq!(digest(&check(&given, &files, 0, &[])), digest(&printed));
    let scripted = [("story.toml", GHOST.as_bytes())];
    let untaped = check(&["replay", "story.toml", "--release", "current"], &scripted, 0, &[]);
    assert!(untaped.contains("no tape, so the scripted schedule; 1 of 1 passed"), "{untaped}");
    assert_ne!(digest(&untaped), digest(&printed), "the tape makes a difference");
    let run = json(&["run", "story.toml", "--release", "current"], &files, 0);
    assert_eq!(run[0]["digest"].as_str(), Some(digest(&printed).as_str()));
}

/// A tape that does not fit, or that the run does not use up, exits with 14 and reports the position.
#[test]
fn a_tape_that_does_not_fit_exits_14() {
    let other = GHOST_TAPE.replace("desktop/", "laptop/");
    let longer = format!("{}ready: *a | b\n", GHOST_TAPE);
    for (tape, said) in [
        (other.as_str(), "choice 1 of the tape does not fit: recorded `ready: "),
        (longer.as_str(), "choice 3 of the tape does not fit: recorded `ready: *a | b`, found "),
    ] {
        let taped = format!("{GHOST}\n[tape]\ncurrent = '''\n{tape}'''\n");
        let files = [("story.toml", taped.as_bytes())];
        for command in ["run", "replay"] {
            let printed = check(&[command, "story.toml", "--release", "current"], &files, 14, &[]);
            assert!(printed.contains("nondeterministic") && printed.contains(said), "{printed}");
        }
    }
    let files = [("story.toml", GHOST.as_bytes()), ("other.tape", b"ready: a | b\n")];
    check_refused(&["replay", "story.toml", "--tape", "other.tape"], &files, &["`--tape` needs exactly one release"]);
    let named = ["replay", "story.toml", "--tape", "other.tape", "--release", "current"];
    check_refused(&named, &files, &["other.tape is not a tape", "line 1 of the tape is no choice"]);
}

/// A failing run is shrunk to a small file whose path is always the same; a repeated command continues from that file.
#[test]
fn a_failure_is_shrunk_to_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("story.toml"), GHOST).expect("a file");
    let shrink = |arguments: &[&str]| {
        let output = sim(folder.path(), &[&["shrink", "story.toml"], arguments].concat());
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, first, stderr) = shrink(&["--tries", "10"]);
    assert_eq!(code, Some(0), "{stderr}");
    let found: Vec<_> = fs::read_dir(folder.path().join("scenarios/found")).expect("a folder").collect();
    let [Ok(file)] = found.as_slice() else { panic!("one file and nothing else: {found:?}") };
    let (path, name) = (file.path(), file.file_name().to_string_lossy().into_owned());
    assert!(name.starts_with("detached_rows_end_") && first.contains(&name), "{name}: {first}");
    let (code, second, stderr) = shrink(&[]);
    assert!(code == Some(0) && stderr.contains("continuing from scenarios/found/detached_rows_end_"), "{stderr}");
    assert!(second.contains("steps                      4 → 4") && second.contains(&name), "{second}");
    let small = fs::read_to_string(&path).expect("the file");
    assert!(
        small.contains("violates = [\"detached_rows_end\", \"idle_sessions_end\"]") && !small.contains("compress"),
        "{small}"
    );
    let replayed = sim(folder.path(), &["replay", &path.display().to_string(), "--times", "100"]);
    assert_eq!(replayed.status.code(), Some(0), "a violation that the file expects");
    assert!(text(replayed.stdout).contains("100 of 100 violated"), "the same every time");
}

/// An exploration without a failure is a proof if it is complete; otherwise it has an exit code of its own.
#[test]
fn exploring_is_a_proof_or_exits_with_its_own_code() {
    let files: [(&str, &[u8]); 1] = [("story.toml", GHOST.as_bytes())];
    let explore =
        |arguments: &[&str], code: i32| check(&[&["explore", "story.toml"], arguments].concat(), &files, code, &[]);
    let printed = explore(&["--release", "current"], 0);
    assert!(
        printed.contains("proof: no violation on any schedule of this file at these latencies and faults"),
        "{printed}"
    );
    let printed = explore(&["--max-depth", "2"], 13);
    assert!(printed.contains("no alternatives beyond choice 2") && printed.contains("this is no proof"), "{printed}");
    let printed = explore(&["--no-reduction", "--max-schedules", "3"], 13);
    assert!(printed.contains("3 complete, 0 stopped early") && printed.contains("stopped after 3"), "{printed}");
    let document: Value = serde_json::from_str(&explore(&["--format", "json"], 0)).expect("one document");
    assert_eq!(keys(&document), ["scenario", "release", "schedules", "alternatives", "proof"]);
    assert_eq!((&document["proof"], &document["alternatives"]["cut"]), (&Value::Bool(true), &0.into()));
    check_refused(&["explore", "story.toml", "--plant", "grace.expiry=never"], &files, &["never"]);
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
        let line = format!("{command} 'story.toml' --release current --plant grace.expiry=one_shot");
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
    for strategy in ["pct", "delay"] {
        let strategy = format!("{strategy}:{MOST}");
        for command in [&["run", "story.toml"][..], &["shrink", "story.toml"], &["fuzz"], &["bench", "planted"]] {
            check_refused(&[command, &["--strategy", &strategy]].concat(), &files, &["--strategy", "at most 1000"]);
        }
    }
    for runs in ["0", MOST] {
        for command in [&["fuzz"][..], &["coverage"], &["bench", "planted"]] {
            check_refused(&[command, &["--runs", runs]].concat(), &files, &["--runs", runs, "1..=100000000"]);
        }
    }
    check_refused(&["bench", "planted", "--seeds", "0"], &files, &["--seeds"]);
    check(&["run", "story.toml", "--strategy", "pct:1000", "--seed", MOST], &files, 10, &[]);
}

/// A failure is reported, written as a file that expects it, and replayed and shrunk by the printed commands.
#[test]
fn exploring_writes_the_failure_to_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("story.toml"), GHOST).expect("a file");
    let run = |line: &str, code: i32| {
        let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches('\'')).collect();
        let output = sim(folder.path(), &words);
        assert_eq!(output.status.code(), Some(code), "{line}: {}", text(output.stderr));
        text(output.stdout)
    };
    let printed = run("explore story.toml --plant grace.expiry=one_shot --only detached_rows_end", 10);
    assert!(printed.contains("detached_rows_end at 60.000s") && printed.contains("✗ detached_rows_end"), "{printed}");
    let commands = printed.lines().filter_map(|line| line.split_once(" sim ").map(|(_, command)| command.trim()));
    let [replay, shrink] = commands.collect::<Vec<_>>()[..] else { panic!("two commands in {printed}") };
    assert!(run(replay, 0).contains("1 of 1 violated"), "as its file expects");
    run(&format!("{shrink} --tries 5 --out small.toml"), 0);
    let document: Value =
        serde_json::from_str(&run("explore story.toml --release 0.16.0 --format json --out f.toml", 10))
            .expect("one document");
    assert_eq!((&document["failure"]["outcome"], &document["proof"]), (&"violated".into(), &Value::Bool(false)));
}

/// A run that does not fail cannot be shrunk, and a file of another kind is not replaced.
#[test]
fn shrinking_refuses_passing_runs_and_other_files() {
    let files = [("story.toml", GHOST.as_bytes()), ("visit.toml", VISIT.as_bytes())];
    check_refused(&["shrink", "visit.toml"], &files, &["visit.toml shows no failure on this schedule", "`--tape`"]);
    let only = ["shrink", "story.toml", "--only", "one_turn_per_record"];
    check_refused(&only, &files, &["shows no failure `one_turn_per_record` on this schedule"]);
    check_refused(&["shrink", "story.toml", "--only", "bugs"], &files, &["'bugs'", "`detached_rows_end`"]);
    let other = ["shrink", "story.toml", "--out", "visit.toml"];
    check_refused(&other, &files, &["visit.toml exists and does not show `detached_rows_end"]);
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

/// The scenario with one change, which is the mistake.
#[track_caller]
fn check_story(old: &str, new: &str, said: &[&str]) {
    assert!(GHOST.contains(old), "`{old}` is not in the story");
    check_refused(&["run", "story.toml"], &[("story.toml", GHOST.replacen(old, new, 1).as_bytes())], said);
}

/// Bad input: exit code 2, empty stdout, and every text of `said` on stderr.
#[track_caller]
fn check_refused(arguments: &[&str], files: &[(&str, &[u8])], said: &[&str]) {
    let printed = check(arguments, files, 2, said);
    assert_eq!(printed, "", "nothing on stdout");
}

/// The runs of the printed document.
#[track_caller]
fn json(arguments: &[&str], files: &[(&str, &[u8])], code: i32) -> Vec<Value> {
    let printed = check(&[arguments, &["--format", "json"]].concat(), files, code, &[]);
    let document: Value = serde_json::from_str(&printed).expect("one document");
    assert_eq!(keys(&document), ["runs"]);
    document["runs"].as_array().expect("a list of runs").clone()
}

/// Runs the command in its own folder with `files`, which must not change, and returns its stdout.
/// With an empty `said`, stderr must be empty.
#[track_caller]
fn check(arguments: &[&str], files: &[(&str, &[u8])], code: i32, said: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("its folder")).expect("a folder for it");
        fs::write(path, content).expect("a file");
    }
    let before = contents(&folder);
    let Output { status, stdout, stderr } = sim(folder.path(), arguments);
    let (stdout, stderr) = (text(stdout), text(stderr));
    assert_eq!(status.code(), Some(code), "{arguments:?} prints\n{stdout}and says\n{stderr}");
    let one_line = unwrapped(&stderr);
    for part in said {
        assert!(one_line.contains(part), "no `{part}` in\n{stderr}");
    }
    assert!(!said.is_empty() || stderr.is_empty(), "{arguments:?} says\n{stderr}");
    assert_eq!(contents(&folder), before, "nothing is written");
    stdout
}

fn sim(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.args(arguments).current_dir(folder).env_clear();
    command.output().expect("it runs")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

/// Without the frame, and with line breaks replaced by blanks.
fn unwrapped(stderr: &str) -> String {
    let words = stderr.split(|letter: char| letter.is_whitespace() || "│×╭╰─·╯".contains(letter));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn contents(folder: &TempDir) -> BTreeMap<String, Vec<u8>> {
    let mut contents = BTreeMap::new();
    contents_below(folder.path(), &mut contents);
    contents
}

fn contents_below(folder: &Path, contents: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            contents_below(&path, contents);
        } else {
            contents.insert(path.display().to_string(), fs::read(&path).expect("a file"));
        }
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}
