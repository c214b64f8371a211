//! Results of `run`: the document, exit codes, snapshots.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{GHOST, VISIT, check, json, keys, sim};

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
            "claims",
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

/// Inside `scenarios/` every file that does not state its rows must have a snapshot; elsewhere the rows are printed.
#[test]
fn a_missing_snapshot_exits_15_inside_scenarios_only() {
    for (path, code) in [("scenarios/visit.toml", 15), ("scenarios/deep/visit.toml", 15), ("stories/visit.toml", 0)] {
        let folder = path.split('/').next().expect("a folder");
        let printed = check(&["run", folder], &[(path, VISIT.as_bytes())], code, &[]);
        assert!(printed.contains("no snapshot"), "{printed}");
    }
    check(&["run"], &[("scenarios/visit.toml", VISIT.as_bytes())], 15, &[]);
    let with_rows = format!("{VISIT}\n[[expect.rows]]\nopen = true\ncount = 0\n");
    check(&["run"], &[("scenarios/visit.toml", with_rows.as_bytes())], 0, &[]);
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
