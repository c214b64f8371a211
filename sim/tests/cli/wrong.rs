//! What a newcomer's wrong files print: each part of a file that can have no effect, at load where that is known, else after the
//! run.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::{GHOST, sim, text};

/// A mistake, and the tables that are added to [`GHOST`].
const MISTAKES: [(&str, &str); 11] = [
    (
        "a step that is skipped: an answer to no question",
        "[[steps]]\nat = \"5s\"\nclient = \"desktop\"\ndo = \"answer\"\nsession = \"work\"\ntext = \"yes\"\n",
    ),
    (
        "a step that is skipped, and may be",
        "[[steps]]\nat = \"5s\"\nclient = \"desktop\"\ndo = \"answer\"\nsession = \"work\"\ntext = \"yes\"\nmay_skip = true\n",
    ),
    (
        "a second kill",
        "[[steps]]\nat = \"60s\"\ndo = \"gateway.kill\"\n\n[[steps]]\nat = \"61s\"\ndo = \"gateway.kill\"\n",
    ),
    ("a restart of what runs", "[[steps]]\nat = \"60s\"\ndo = \"gateway.restart\"\n"),
    (
        "a connection to a gateway that is down",
        "[[steps]]\nat = \"60s\"\ndo = \"gateway.kill\"\n\n[[steps]]\nat = \"61s\"\nclient = \"laptop\"\ndo = \"connect\"\n",
    ),
    ("a fault of the store that no call meets", "[[store.faults]]\nwrite = \"any\"\nnth = 900\nfault = \"error\"\n"),
    (
        "a fault of the store from a time after the script",
        "[[store.faults]]\nwrite = \"append\"\nfrom = \"11m\"\nfault = \"error\"\n",
    ),
    (
        "a step of a turn after its `reply`",
        "[turns.more]\nsteps = [{ reply = \"done\" }, { tool = \"terminal\", takes = \"1s\" }]\n",
    ),
    ("a turn that no prompt has", "[turns.more]\nsteps = [{ reply = \"done\" }]\n"),
    ("a race window that no task passes", "[windows]\npopped_not_ended = \"5ms\"\n"),
    ("a `mend` without a `cut`", "[[steps]]\nat = \"5s\"\nclient = \"desktop\"\ndo = \"mend\"\n"),
];

/// The exact text of the command line for each mistake, and its exit code.
#[test]
fn wrong_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut shown = String::new();
    for (mistake, tables) in MISTAKES {
        let first = GHOST.lines().count() + 2;
        fs::write(folder.path().join("story.toml"), format!("{GHOST}\n{tables}")).expect("a file");
        let output = sim(folder.path(), &["run", "story.toml", "--release", "current"]);
        let code = output.status.code().expect("it exits");
        writeln!(shown, "==== {mistake}: from line {first} on\n\n{tables}\n---- exit code {code}\n").expect("a string");
        shown.push_str(&text(output.stdout));
        shown.push_str(&text(output.stderr));
        shown.push('\n');
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace");
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path(root.join("snapshots"));
    settings.bind(|| insta::assert_snapshot!("wrong_files", shown));
}
