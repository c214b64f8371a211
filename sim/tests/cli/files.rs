//! Files that cannot be read: each mistake is reported at its position, with the remedy.

use std::fs;

use serde_json::Value;

use super::{GHOST, VISIT, check, check_refused, sim, text};

/// An unknown key is an error at its position: otherwise it would be a setting without effect.
#[test]
fn unknown_key() {
    check_mistake("until =", "untill =", &["story.toml:3:1", "unknown key `untill`", "`until`"]);
    check_mistake("takes = \"4s\"", "lasts = \"4s\"", &["story.toml:7:28", "unknown key `lasts`", "`takes`"]);
}

/// An unknown step is reported with the known ones.
#[test]
fn unknown_step() {
    check_mistake("\"drop\"", "\"crush\"", &["story.toml:33:6", "unknown step `crush`", "`connect`", "`drop`"]);
}

/// Times are not negative.
#[test]
fn negative_time() {
    check_mistake(
        "\"6s\"",
        "\"-6s\"",
        &["story.toml:31:6", "negative time `-6s`", "expected a length such as", "`0s`"],
    );
}

/// A session that is used before it is named is an error that gives the step and the time of the naming.
#[test]
fn session_used_before_named() {
    let create = "at = \"0s\"\nclient = \"desktop\"\ndo = \"session.create\"";
    let said = ["story.toml:27:11", "session `work` is used before it is named", "named at 2s, in line 17"];
    check_mistake(create, &create.replace("0s", "2s"), &said);
    check_mistake(
        "session = \"work\"",
        "session = \"play\"",
        &["story.toml:27:11", "unknown session `play`", "`work`"],
    );
}

/// A prompt can only name a turn that the file defines.
#[test]
fn undefined_turn() {
    check_mistake(
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
    check_mistake(
        turn,
        &format!("{turn}\nsteps = []\n{turn}"),
        &["story.toml:7:8", "duplicate key", "each key stands once"],
    );
}

/// Releases are those of the gateway, in a file and on the command line.
#[test]
fn unknown_release() {
    let accepted = ["unknown release `0.1`", "`0.16.0`", "`current`"];
    check_mistake("\"0.16.0\"", "\"0.1\"", &[&["story.toml:2:13"], &accepted[..]].concat());
    let files = [("story.toml", GHOST.as_bytes())];
    check_refused(&["run", "story.toml", "--release", "0.1"], &files, &[&["--release"], &accepted[..]].concat());
}

/// An expected violation of an unknown invariant could never be met.
#[test]
fn unknown_invariant() {
    let text = format!("{GHOST}\n[expect.current]\nviolates = \"rows_are_nice\"\n");
    let said =
        ["story.toml:36:12", "unknown invariant `rows_are_nice`", "`detached_rows_end`", "`live_rows_stay_open`"];
    check_refused(&["run", "story.toml"], &[("story.toml", text.as_bytes())], &said);
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

/// A database is no scenario; the message names the command for it.
#[test]
fn a_database() {
    let said = ["state.db: an SQLite database, not a scenario", "`sim audit state.db`"];
    check_refused(&["run", "state.db"], &[("state.db", b"SQLite format 3\0\x10\x00\xff")], &said);
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

/// A mistake beyond the last column that the printer can mark is an error like any other.
#[test]
fn long_lines_have_positions() {
    let story = format!("about = \"{}\" x\n", "a".repeat(100_000));
    let said = ["story.toml:1:100012", "aa\" x", "here"];
    check_refused(&["run", "story.toml"], &[("story.toml", story.as_bytes())], &said);
}

/// The scenario with one change, which is the mistake.
#[track_caller]
fn check_mistake(old: &str, new: &str, said: &[&str]) {
    assert!(GHOST.contains(old), "`{old}` is not in the scenario");
    check_refused(&["run", "story.toml"], &[("story.toml", GHOST.replacen(old, new, 1).as_bytes())], said);
}

/// A file that is no recording is reported with its place. The others of the folder are compared and imported.
#[test]
fn a_bad_recording_does_not_stop_a_folder() {
    const GOOD: &[u8] = include_bytes!("../../../scenarios/upstream/a_plain_close.json");
    let mut bad: Value = serde_json::from_slice(GOOD).expect("JSON");
    bad["steps"][0]["at"] = (-1).into();
    let bad = bad.to_string();
    let files: [(&str, &[u8]); 3] = [("all/a.json", bad.as_bytes()), ("all/b.json", GOOD), ("all/c.json", b"{")];
    let said = ["all/a.json: steps[0] (`connect`).at: not a number of seconds", "all/c.json: line 1, column"];
    let compared = check(&["parity", "all"], &files, 2, &said);
    assert!(compared.contains("a_plain_close") && compared.contains("cells, all equal"), "{compared}");
    let imported = check(&["import", "all"], &files, 2, &said);
    assert!(imported.starts_with("# all/b.json\n\nabout = "), "{imported}");
    let printed = check(&["parity", "all", "--format", "json"], &files, 2, &said);
    let document: Value = serde_json::from_str(&printed).expect("one document");
    assert_eq!(document["refused"].as_array().map(Vec::len), Some(2));
    for command in ["parity", "import"] {
        check_refused(&[command, "all/a.json"], &files, &said[..1]);
    }
}
