//! `sim audit` end to end: a database that a run has left, what is printed of it, and what is not.

use std::fs;

use serde_json::Value;

use super::{GHOST, check, check_refused, keys, sim};

/// The database with the rows of the ghost under a release.
fn database(release: &str) -> Vec<u8> {
    rows_of(GHOST, release)
}

fn rows_of(story: &str, release: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("ghost.toml"), story).expect("a file");
    let output = sim(folder.path(), &["run", "ghost.toml", "--release", release, "--rows", "ghost.db"]);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2, "the database is closed");
    fs::read(folder.path().join("ghost.db")).expect("it is written")
}

/// What is found has the exit code of a violation, and what is sound that of success.
#[test]
fn the_code_says_whether_something_is_found() {
    let old = database("0.16.0");
    let found = check(&["audit", "ghost.db"], &[("ghost.db", &old)], 10, &[]);
    for part in [
        "2 rows, 5 messages; schema 22 of this gateway",
        "read: the file without its WAL",
        "1  open_row_without_owner          A3, S1",
        "20260101_000005_4ce8a1, parent 20260101_000000_87325d, tui, started 2026-01-01T00:00:05Z, open",
        "sim find --release 0.19.0 --row 's1 parent=none end_reason=compression' --row 's2 parent=s1 open messages>=1'",
        "sim audit ghost.db --sql",
    ] {
        assert!(found.contains(part), "no `{part}` in\n{found}");
    }
    let sound = check(&["audit", "ghost.db"], &[("ghost.db", &database("current"))], 0, &[]);
    assert!(sound.ends_with("\nno claim is broken\n"), "{sound}");
    let one = check(&["audit", "ghost.db", "--kind", "title_given_twice"], &[("ghost.db", &old)], 0, &[]);
    assert!(one.ends_with("\nno claim is broken\n"), "{one}");
}

/// The document that `sim find` and `sim report` read.
#[test]
fn json_has_the_documented_keys() {
    let files: &[(&str, &[u8])] = &[("ghost.db", &database("0.16.0"))];
    let printed = check(&["audit", "ghost.db", "--format", "json"], files, 10, &[]);
    let document: Value = serde_json::from_str(&printed).expect("one document");
    let top = [
        "format",
        "database",
        "read",
        "writer",
        "schema_version",
        "release",
        "rows",
        "messages",
        "summary",
        "not_judged",
        "spared",
        "findings",
    ];
    assert_eq!(keys(&document), top);
    assert_eq!((&document["format"], &document["rows"]), (&1.into(), &2.into()));
    assert_eq!(keys(&document["summary"][0]), ["kind", "count", "defects", "releases"]);
    let finding = &document["findings"][0];
    assert_eq!(keys(finding), ["kind", "claim", "rows", "defects", "releases", "find"]);
    let row = ["id", "parent", "source", "started_at", "ended_at", "end_reason", "message_count"];
    assert_eq!(keys(&finding["rows"][1]), row);
    assert_eq!((&finding["kind"], &finding["find"][0]), (&"open_row_without_owner".into(), &"--release".into()));
}

/// The script is printed with its warning, and nothing of it is run: `check` compares the file.
#[test]
fn sql_is_printed_and_not_run() {
    let files: &[(&str, &[u8])] = &[("ghost.db", &database("0.16.0"))];
    let script = check(&["audit", "ghost.db", "--sql"], files, 10, &[]);
    assert!(script.starts_with("-- Nothing of this was run.") && script.contains(".backup"), "{script}");
    assert!(script.contains("WHERE id = '20260101_000005_4ce8a1' AND ended_at IS NULL;\nCOMMIT;"), "{script}");
}

/// Texts and titles are printed only on request.
#[test]
fn texts_are_printed_on_request() {
    // The result of a call before the compression is kept, and the call is not.
    let story = GHOST.replace("    { compress", "    { tool = \"terminal\", takes = \"1s\" },\n    { compress");
    let files: &[(&str, &[u8])] = &[("ghost.db", &rows_of(&story, "0.16.0"))];
    let said = r#"message 2 tool: "ok""#;
    assert!(!check(&["audit", "ghost.db", "--all"], files, 10, &[]).contains(said));
    assert!(check(&["audit", "ghost.db", "--all", "--text"], files, 10, &[]).contains(said));
}

/// Mistakes are named, and nothing is printed on stdout. The library's tests show each kind of bad file.
#[test]
fn mistakes_are_refused() {
    check_refused(&["audit", "state.db"], &[], &["cannot read `state.db`: No such file", "help: name the database"]);
    check_refused(&["audit", "x.toml"], &[("x.toml", GHOST.as_bytes())], &["`x.toml` is not an SQLite database"]);
    check_refused(&["audit", "x.db", "--kind", "ghosts"], &[], &["expected one of `open_row_without_owner`"]);
    let ghost: &[(&str, &[u8])] = &[("ghost.toml", GHOST.as_bytes())];
    check_refused(&["run", "ghost.toml", "--rows", "x.db"], ghost, &["`--rows` takes the rows of one run, not of 2"]);
    let one = ["run", "ghost.toml", "--release", "current", "--rows", "ghost.toml"];
    check_refused(&one, ghost, &["`ghost.toml` exists already"]);
}
