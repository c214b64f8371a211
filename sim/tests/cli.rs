//! The command line end to end: errors for bad input, printed output and exit codes.

#[path = "cli/audit.rs"]
mod audit;
#[path = "cli/confirm.rs"]
mod confirm;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/options.rs"]
mod options;
#[path = "cli/pages.rs"]
mod pages;
#[path = "cli/record.rs"]
mod record;
#[path = "cli/results.rs"]
mod results;
#[path = "cli/schedules.rs"]
mod schedules;
#[path = "cli/story.rs"]
mod story;
#[path = "cli/wrong.rs"]
mod wrong;

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
