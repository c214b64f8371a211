//! Schedules of a file: tapes, shrinking, exploring.

use std::fs;

use serde_json::Value;

use super::{GHOST, VISIT, check, check_refused, json, keys, sim, text};

/// The beginning of the report of a run that is not scripted.
const GHOST_TAPE: &str = "ready: store/writer | store/reader | gateway/acceptor | *desktop/script
ready: store/writer | store/reader | *gateway/acceptor | desktop/inbox
";

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
    assert_eq!(keys(&document), ["scenario", "release", "schedules", "alternatives", "proof", "claims"]);
    assert_eq!((&document["proof"], &document["alternatives"]["cut"]), (&Value::Bool(true), &0.into()));
    check_refused(&["explore", "story.toml", "--plant", "grace.expiry=never"], &files, &["never"]);
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
