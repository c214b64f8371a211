//! Pages, and what editors and shells are given. Nothing of this repository is needed: each command runs in a folder of its own.

use std::fs;

use serde_json::Value;

use super::{GHOST, check, check_refused, sim, text};

/// A file to start from runs at once, and a second one does not replace it.
#[test]
fn a_new_file_runs_and_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = || sim(folder.path(), &["new"]);
    assert_eq!(new().status.code(), Some(0));
    let file = folder.path().join("scenario.toml");
    let written = fs::read(&file).expect("the file");
    assert_eq!(sim(folder.path(), &["run", "scenario.toml"]).status.code(), Some(0));
    fs::write(&file, [&written[..], b"# mine\n"].concat()).expect("a change");
    let again = new();
    assert_eq!(again.status.code(), Some(2));
    assert!(text(again.stderr).contains("is there already"));
    assert!(fs::read_to_string(&file).expect("the file").ends_with("# mine\n"));
}

/// A printed command names its file as a shell reads it, also one with a quote in its name.
#[test]
fn printed_commands_can_be_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = |arguments: &[&str]| text(sim(folder.path(), arguments).stdout);
    let new = said(&["new", "it's.toml"]);
    assert!(new.contains(r"run:    sim run 'it'\''s.toml'"), "{new}");
    fs::write(folder.path().join("it's.toml"), GHOST).expect("a file");
    let run = said(&["run", "it's.toml"]);
    assert!(run.contains(r"replay   sim run 'it'\''s.toml' --release"), "{run}");
}

/// Where there is no folder of scenarios, the way to a first one is said.
#[test]
fn an_empty_folder_leads_to_a_new_file() {
    check_refused(&["run"], &[], &["scenarios: no such file or directory", "`sim new`"]);
}

/// The line that names the schema is a comment: the file runs, and writing snapshots leaves it as it is.
#[test]
fn the_line_of_the_schema_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ghost.toml");
    let ghost = format!("#:schema ./scenario.schema.json\n{GHOST}");
    fs::write(&file, &ghost).expect("a file");
    sim(folder.path(), &["run", "ghost.toml", "--snapshots", "snapshots", "--update"]);
    assert!(folder.path().join("snapshots").exists());
    assert_eq!(fs::read_to_string(&file).expect("the file"), ghost);
}

/// The schema is JSON and says which draft it is.
#[test]
fn the_schema_is_json() {
    let schema: Value = serde_json::from_str(&check(&["schema"], &[], 0, &[])).expect("JSON");
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert!(schema["properties"]["steps"].is_object());
}

/// Each shell gets a script that knows the commands and their flags.
#[test]
fn shells_complete_commands_and_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = check(&["completions", shell], &[], 0, &[]);
        assert!(script.contains("explore") && script.contains("max-depth"), "{shell}:\n{script}");
    }
    check_refused(&["completions", "csh"], &[], &["bash", "zsh"]);
}

/// There is a man page for each command.
#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(sim(folder.path(), &["man"]).status.code(), Some(0));
    for command in sim::cli::command().get_subcommands().filter(|command| command.get_name() != "help") {
        let page = folder.path().join("man").join(format!("sim-{}.1", command.get_name()));
        assert!(page.exists(), "{}", page.display());
    }
}

/// A page has the runs of the file, and is the same each time.
#[test]
fn a_page_is_the_same_each_time() {
    let page = |command: &[&str], code: i32| {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("ghost.toml"), GHOST).expect("a file");
        let output = sim(folder.path(), command);
        assert_eq!(output.status.code(), Some(code), "{}", text(output.stderr));
        fs::read_to_string(folder.path().join("page.html")).expect("a page")
    };
    let report = ["report", "ghost.toml", "--out", "page.html"];
    let written = page(&report, 0);
    for part in ["detached_rows_end", "0.16.0", "grace.expiry = one_shot", "sim shrink ghost.toml --release 0.16.0"] {
        assert!(written.contains(part), "no `{part}`");
    }
    assert_eq!(written, page(&report, 0));
    assert!(page(&["run", "ghost.toml", "--html", "page.html"], 10).contains("detached_rows_end"));
    let explored = page(&["explore", "ghost.toml", "--html", "page.html"], 0);
    assert!(explored.contains("proof: no violation on any schedule"), "no proof");
    let fuzzed = page(&["fuzz", "--runs", "40", "--seed", "1", "--html", "page.html"], 0);
    assert!(fuzzed.contains("no failure") && fuzzed.contains("runs a second"));
}

/// What is neither a scenario nor an audit is refused, and no page is written.
#[test]
fn other_files_are_no_reports() {
    let refused = |name: &str, content: &str, said: &[&str]| {
        check_refused(&["report", name], &[(name, content.as_bytes())], said);
    };
    refused("audit.json", "{}", &["cannot read audit.json", "not the JSON of an audit"]);
    let other = r#"{"format": 2, "database": "", "rows": 0, "messages": 0}"#;
    refused("audit.json", other, &["an audit of format 2"]);
    refused("story.toml", "about = 1", &["story.toml:1"]);
    check_refused(&["report", "absent.toml"], &[], &["absent.toml"]);
}
