//! Runs that do not show what their file says: facts that do not hold, parts without effect, and snapshots of a folder.

use std::fs;

use super::{GHOST, VISIT, check, json, sim, text};

/// The scenario of a file, with more tables.
fn with(more: &str) -> String {
    format!("{GHOST}\n{more}")
}

#[track_caller]
fn check_printed(more: &str, code: i32, expected: &[&str]) {
    let file = with(more);
    let printed = check(&["run", "story.toml", "--release", "current"], &[("story.toml", file.as_bytes())], code, &[]);
    for part in expected {
        assert!(printed.contains(part), "no `{part}` in\n{printed}");
    }
}

/// Facts that hold change nothing: the session's rows end, and nothing is left in memory.
#[test]
fn facts_that_hold() {
    check_printed(
        "[[expect.rows]]\nsession = \"work\"\ntip = true\nend_reason = \"ws_orphan_reap\"\n\n\
         [[expect.rows]]\nsession = \"work\"\nend_reason = \"compression\"\nat = \"50s\"\n\n\
         [[expect.rows]]\norder = [\"work\", \"s2\"]\ncount = 2\n\n\
         [[expect.frames]]\nclient = \"desktop\"\nmethod = \"prompt.submit\"\nsession = \"work\"\ncount = 1\n\n\
         [[expect.frames]]\nclient = \"desktop\"\nevent = \"message.complete\"\ncount = 0\n\n\
         [[expect.memory]]\nat = \"30s\"\nsessions = 1\nturns = 1\n\n\
         [[expect.memory]]\nsessions = 0\ntimers = 0\nturns = 0\nwaiting = 0\nconnections = 0\n",
        0,
        &["as expected"],
    );
}

/// A fact that does not hold is shown with what was found instead.
#[test]
fn facts_that_do_not_hold() {
    check_printed(
        "[[expect.rows]]\nsession = \"work\"\ntip = true\nend_reason = \"tui_close\"\n\n\
         [[expect.frames]]\nclient = \"desktop\"\nevent = \"message.start\"\nsession = \"work\"\nbefore = \"500ms\"\n\n\
         [[expect.memory]]\nat = \"30s\"\nsessions = 0\n",
        17,
        &[
            "facts_differ",
            "facts that do not hold",
            "[[expect.rows]] session = \"work\", tip = true, end_reason = \"tui_close\"",
            "- end_reason = tui_close",
            "+ end_reason = ws_orphan_reap",
            "- at least 1 frame",
            "+ no frame",
            "near: 1.000s desktop: the event `message.start`",
            "it came too late",
            "- sessions = 0",
            "+ sessions = 1",
        ],
    );
    let file = with("[[expect.memory]]\nrelease = \"current\"\nat = \"30s\"\nturns = 7\n");
    let runs = json(&["run", "story.toml", "--release", "current"], &[("story.toml", file.as_bytes())], 17);
    assert_eq!(runs[0]["outcome"], "facts_differ");
    assert_eq!(runs[0]["facts"][0]["found"][0], "- turns = 7");
}

/// Parts without effect end the run as `story`, unless the file allows them.
#[test]
fn parts_without_effect() {
    let answer = "[[steps]]\nat = \"5s\"\nclient = \"desktop\"\ndo = \"answer\"\nsession = \"work\"\ntext = \"yes\"\n";
    check_printed(answer, 18, &["parts of the file that had no effect", "answer at 5.000s: `work` has asked nothing"]);
    check_printed(&format!("{answer}may_skip = true\n"), 0, &["as expected"]);
    check_printed(
        "[[store.faults]]\nwrite = \"any\"\nnth = 900\nfault = \"error\"\n",
        18,
        &["[[store.faults]] write = \"any\", nth = 900, fault = \"error\": "],
    );
    check_printed("[windows]\npopped_not_ended = \"5ms\"\n", 18, &["no task passed this race window"]);
    let runs = json(
        &["run", "story.toml", "--release", "current"],
        &[("story.toml", with(&format!("{answer}may_skip = true\n")).as_bytes())],
        0,
    );
    assert_eq!(runs[0]["skipped"][0]["may_skip"], true);
}

/// The snapshots of a folder: missing, written, equal, changed, without a scenario.
#[test]
fn a_folder_has_its_own_snapshots() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("mine/deep")).expect("a folder");
    fs::write(at("mine/deep/visit.toml"), VISIT).expect("a file");
    let run = |more: &[&str]| {
        let output = sim(folder.path(), &[&["run", "mine", "--snapshots", "rows"], more].concat());
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, printed, _) = run(&[]);
    assert!(code == Some(15) && printed.contains("no snapshot; `--update` writes it"), "{printed}");
    let (code, _, said) = run(&["--update"]);
    assert!(code == Some(0) && said.contains("rows/deep/visit.snap: new"), "{said}");
    assert_eq!(run(&[]).0, Some(0));
    assert!(run(&["--update"]).2.contains("0 of 1 snapshots written"));
    fs::write(at("rows/deep/visit.snap"), "releases: current\n\ns1.id = x\n").expect("a file");
    fs::write(at("rows/gone.snap"), "releases: current\n\n").expect("a file");
    let (code, printed, said) = run(&[]);
    assert!(code == Some(15) && printed.contains("s1.id: expected x, found absent"), "{printed}");
    assert!(said.contains("warning: rows/gone.snap has no scenario"), "{said}");
    let left = std::fs::read_dir(at("rows/deep")).expect("the folder of the snapshot");
    let left: Vec<_> = left.map(|file| file.expect("a file").file_name()).collect();
    assert_eq!(left, ["visit.snap"], "nothing else is left beside it");
}
