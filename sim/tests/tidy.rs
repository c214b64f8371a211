//! Rules about the sources that no linter checks.
//!
//! Each rule is a function from a file (or from a list of paths) to complaints, and a test that there are none. The
//! tests of [`rules_can_fail`] give each rule an input that violates it.

#[path = "tidy/source.rs"]
pub(crate) mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use source::{File, block, functions, line_of, lines_with, matches, words};

/// The largest number of lines of a file, without its inline tests.
const FILE_LINES_MAX: usize = 600;
/// The largest number of lines of a function. Review files from 400 lines and functions from 45 lines.
const FUNCTION_LINES_MAX: usize = 70;

/// All names that may be at the top of the checkout. Names that begin with a dot belong to tools and are not checked.
const TOP: [&str; 16] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "docs",
    "gateway",
    "rustfmt.toml",
    "scenarios",
    "sim",
    "snapshots",
];

/// An unbiased `select!` draws its order from a generator outside of the tape, so one seed would give different runs. The
/// order of `biased;` is a decision, so its reason is stated beside it.
#[test]
fn every_select_is_biased_and_says_why() {
    check_each("", unbiased_selects);
}

/// A file that is too long to keep in mind is split. Test files may have any length.
#[test]
fn no_file_is_too_long() {
    check_each("src/", long_files);
}

/// A function fits on a screen. Test functions count too.
#[test]
fn no_function_is_too_long() {
    check_each("", long_functions);
}

/// A file name states the content: `foo.rs` beside `foo/` instead of `mod.rs`, and no catch-all such as `util.rs`.
#[test]
fn names_say_something() {
    check_paths(empty_names);
}

/// A disabled test protects nothing, and an example that is not compiled soon becomes wrong.
#[test]
fn no_test_is_disabled() {
    check_each("", ignored_tests);
}

/// Pure functions decide the life of a session: an `await` in a decision would let the state change before it takes effect.
#[test]
fn lifecycle_decides_without_waiting() {
    check_each("gateway/core/src/lifecycle", waiting);
}

/// A match over the steps of the scenario language has no wildcard, so that the compiler lists the places a new word needs.
#[test]
fn matches_over_steps_are_exhaustive() {
    check_each("sim/", wildcards_over_steps);
}

/// The gateway is the shipped one, not a model, so it does not refer to the simulator.
#[test]
fn gateway_does_not_know_the_simulator() {
    check_each("gateway/", names_of_the_simulator);
    for manifest in ["gateway/Cargo.toml", "gateway/core/Cargo.toml", "gateway/sqlite/Cargo.toml"] {
        assert_eq!(names_of_the_simulator(&read(manifest)), [""; 0]);
    }
}

/// Libraries return their output; only the command line prints it.
#[test]
fn only_the_command_line_prints() {
    check_each("src/", printing);
}

/// Threads, files and sockets outside of the real world's modules could not be simulated.
#[test]
fn only_real_touches_the_machine() {
    for sources in ["gateway/src", "gateway/core/src", "gateway/sqlite/src"] {
        check_each(sources, machine);
    }
}

/// The root `clippy.toml` enforces determinism; another one would silently replace it for its crate.
#[test]
fn there_is_one_clippy_configuration() {
    check_paths(other_fences);
}

/// A scenario without a snapshot checks no row, and a snapshot without a scenario is never compared.
#[test]
fn every_scenario_has_its_snapshot_and_none_is_orphaned() {
    check_paths(unpaired_snapshots);
}

/// The top of the checkout is the first thing that newcomers read; every name there is on the list.
#[test]
fn every_name_at_the_top_is_listed() {
    check_paths(strangers_at_the_top);
}

fn unbiased_selects(file: &File) -> Vec<String> {
    let raw: Vec<&str> = file.text.lines().collect();
    let complaint = |place: usize| {
        let arms = file.code[place + "select!".len()..].trim_start().strip_prefix(['{', '(', '['])?;
        let first = arms.trim_start();
        let line = line_of(&file.code, file.code.len() - first.len());
        if !first.starts_with("biased;") {
            Some(file.at(line_of(&file.code, place), "`select!` without `biased;` first"))
        } else if !raw[line - 1].contains("//") {
            Some(file.at(line, "`biased;` without its reason: `biased; // why this order`"))
        } else {
            None
        }
    };
    words(&file.code, "select!").filter_map(complaint).collect()
}

/// Matches with an arm for a step of the scenario language, and one for all others.
fn wildcards_over_steps(file: &File) -> Vec<String> {
    const STEPS: [&str; 5] = ["Action::", "ConnectionStep::", "ProcessStep::", "RequestStep::", "Word::"];
    let is_step = |pattern: &str| STEPS.iter().any(|name| words(pattern, name).next().is_some());
    let is_wildcard = |pattern: &str| {
        let binding = pattern.split(" if ").next().unwrap_or_default().trim();
        !binding.is_empty() && binding.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    let complaint = |arms: Vec<(usize, &str)>| {
        let has_step = arms.iter().any(|(_, pattern)| is_step(pattern));
        let (line, _) = arms.into_iter().find(|(_, pattern)| is_wildcard(pattern)).filter(|_| has_step)?;
        Some(file.at(line, "a wildcard among steps: list them, or ask for a property"))
    };
    matches(&file.code).into_iter().filter_map(complaint).collect()
}

fn long_files(file: &File) -> Vec<String> {
    let lines = file.code_without_tests().lines().count();
    let complaint = format!("{}: {lines} lines without tests, at most {FILE_LINES_MAX}", file.path);
    if lines > FILE_LINES_MAX { vec![complaint] } else { Vec::new() }
}

fn long_functions(file: &File) -> Vec<String> {
    let long = functions(&file.code).into_iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
    long.map(|function| {
        let complaint = format!("`{}` has {} lines, at most {FUNCTION_LINES_MAX}", function.name, function.lines);
        file.at(function.line, &complaint)
    })
    .collect()
}

fn empty_names(paths: &[String]) -> Vec<String> {
    const EMPTY: [&str; 8] = ["common", "helper", "helpers", "misc", "mod", "mod.rs", "util", "utils"];
    let says_nothing = |path: &&String| {
        let rust = path.strip_suffix(".rs");
        rust.is_some_and(|stem| stem.split('/').any(|name| EMPTY.contains(&name)))
    };
    paths.iter().filter(says_nothing).map(|path| format!("{path}: the name says nothing")).collect()
}

fn ignored_tests(file: &File) -> Vec<String> {
    let mut lines: Vec<usize> = words(&file.code, "ignore")
        .filter(|place| {
            let before = file.code[..*place].rsplit('\n').next().unwrap_or_default();
            before.ends_with("#[") || before.contains("cfg_attr(")
        })
        .map(|place| line_of(&file.code, place))
        .collect();
    let is_doc = |line: &str| line.starts_with("///") || line.starts_with("//!");
    let in_docs = file.text.lines().enumerate().filter(|(_, line)| is_doc(line.trim()) && line.contains("```ignore"));
    lines.extend(in_docs.map(|(place, _)| place + 1));
    lines.into_iter().map(|line| file.at(line, "ignored: repair it or delete it")).collect()
}

fn waiting(file: &File) -> Vec<String> {
    let lines = ["async", "await"].iter().flat_map(|word| file.lines_with(word));
    lines.map(|line| file.at(line, "`lifecycle` decides, it does not wait")).collect()
}

/// Comments count too: a reader of the gateway need not know the simulator.
fn names_of_the_simulator(file: &File) -> Vec<String> {
    let packages = ["sim", "sim_harness", "sim_scenario", "sim_search"];
    let mut lines: Vec<usize> = packages.iter().flat_map(|package| lines_with(&file.text, package)).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.into_iter().map(|line| file.at(line, "`gateway` names `sim`")).collect()
}

fn printing(file: &File) -> Vec<String> {
    let command_lines = ["gateway/src/main.rs", "sim/src/cli.rs", "sim/src/cli/", "sim/xtask/src/"];
    if command_lines.iter().any(|of| file.path.starts_with(of)) {
        return Vec::new();
    }
    let words = ["println!", "eprintln!", "print!", "eprint!", "dbg!", "stdout()", "stderr()"];
    let lines = words.iter().flat_map(|word| file.lines_with(word).into_iter().map(move |line| (word, line)));
    lines.map(|(word, line)| file.at(line, &format!("`{word}` outside the command line"))).collect()
}

fn machine(file: &File) -> Vec<String> {
    let may = ["gateway/src/main.rs", "gateway/src/real.rs"].contains(&file.path.as_str());
    if may || ["gateway/src/main/", "gateway/src/real/"].iter().any(|folder| file.path.starts_with(folder)) {
        return Vec::new();
    }
    let code = file.code_without_tests();
    let mut complaints = Vec::new();
    for root in ["std", "tokio"] {
        for module in ["fs", "net", "process", "thread"] {
            let (plain, group) = (format!("{root}::{module}"), format!("{root}::{{"));
            let grouped = words(code, &group).map(|place| block(code, place + group.len() - 1));
            let grouped = grouped.filter(|group| words(&code[group.clone()], module).next().is_some());
            let lines = lines_with(code, &plain).into_iter().chain(grouped.map(|group| line_of(code, group.start)));
            complaints.extend(lines.map(|line| file.at(line, &format!("`{plain}` outside `real`"))));
        }
    }
    complaints
}

fn other_fences(paths: &[String]) -> Vec<String> {
    let is_fence = |path: &&String| path.rsplit('/').next().is_some_and(|name| name.ends_with("clippy.toml"));
    let fences: Vec<&String> = paths.iter().filter(is_fence).collect();
    match fences.iter().filter(|path| **path == "clippy.toml").count() {
        0 => vec!["clippy.toml: missing".to_owned()],
        _ => {
            fences.iter().filter(|path| **path != "clippy.toml").map(|path| format!("{path}: a second fence")).collect()
        }
    }
}

/// Skips names that begin with a dot, as the command line does.
fn unpaired_snapshots(paths: &[String]) -> Vec<String> {
    let stems = |folder: &str, extension: &str| -> BTreeSet<String> {
        let stem = |path: &String| Some(path.strip_prefix(folder)?.strip_suffix(extension)?.to_owned());
        let hidden = |stem: &String| stem.split('/').any(|name| name.starts_with('.'));
        paths.iter().filter_map(stem).filter(|stem| !hidden(stem)).collect()
    };
    let (scenarios, snapshots) = (stems("scenarios/", ".toml"), stems("snapshots/", ".snap"));
    let bare = scenarios.difference(&snapshots).map(|stem| format!("scenarios/{stem}.toml: no snapshot"));
    // The matrix of `planted.rs` is a snapshot of all scenarios, `wrong_files` of files that are none, and `databases` of files
    // that the served gateway meets.
    let orphans = snapshots
        .difference(&scenarios)
        .filter(|stem| !["databases", "planted", "wrong_files"].contains(&stem.as_str()))
        .map(|stem| format!("snapshots/{stem}.snap: no scenario"));
    bare.chain(orphans).collect()
}

fn strangers_at_the_top(paths: &[String]) -> Vec<String> {
    let names: BTreeSet<&str> = paths.iter().filter_map(|path| path.split('/').next()).collect();
    let stranger = |name: &&str| !name.starts_with('.') && !TOP.contains(name);
    names.into_iter().filter(stranger).map(|name| format!("{name}: has no place at the top")).collect()
}

/// Applies a rule to each Rust file whose path contains `part`.
#[track_caller]
fn check_each(part: &str, rule: fn(&File) -> Vec<String>) {
    let paths: Vec<String> = paths().into_iter().filter(|path| path.ends_with(".rs") && path.contains(part)).collect();
    assert!(!paths.is_empty(), "a rule without a file to look at holds for nothing");
    let complaints: Vec<String> = paths.iter().flat_map(|path| rule(&read(path))).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Applies a rule to the paths of all files.
#[track_caller]
fn check_paths(rule: fn(&[String]) -> Vec<String>) {
    let complaints = rule(&paths());
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

fn read(path: &str) -> File {
    File::new(path, &fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// Every file of the checkout, as a path from its root, without build output and the files of git and editors.
fn paths() -> Vec<String> {
    let mut paths = Vec::new();
    paths_below(root(), "", &mut paths);
    paths.sort();
    paths
}

fn paths_below(folder: &Path, prefix: &str, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of the checkout") {
        let entry = entry.expect("an entry of it");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let is_folder = entry.file_type().expect("its type").is_dir();
        if !is_folder {
            paths.push(format!("{prefix}{name}"));
        } else if name != "target" && !name.starts_with('.') {
            paths_below(&entry.path(), &format!("{prefix}{name}/"), paths);
        }
    }
}

mod rules_can_fail {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&File) -> Vec<String>, path: &str, text: &str, expected: &[&str]) {
        assert_eq!(rule(&File::new(path, text)), expected);
    }

    #[track_caller]
    fn check_paths(rule: fn(&[String]) -> Vec<String>, paths: &[&str], expected: &[&str]) {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        assert_eq!(rule(&paths), expected);
    }

    #[test]
    fn selects() {
        let biased = "tokio::select! {\n    biased; // why\n    a = b => c,\n}\n// select! {}\n\"select! {}\"";
        check(unbiased_selects, "a.rs", biased, &[]);
        check(
            unbiased_selects,
            "a.rs",
            "x\nselect! {\n  a = b => c\n}",
            &["a.rs:2: `select!` without `biased;` first"],
        );
        check(unbiased_selects, "a.rs", "select! { // biased;\n  a }", &["a.rs:1: `select!` without `biased;` first"]);
        let bare = &["a.rs:2: `biased;` without its reason: `biased; // why this order`"];
        check(unbiased_selects, "a.rs", "select! {\n  biased;\n  a = b => c\n}", bare);
    }

    #[test]
    fn steps() {
        let check = |text: &str, expected: &[&str]| check(wildcards_over_steps, "a.rs", text, expected);
        check("match a {\n  Action::Request(x) => { match x { _ => 1 } }\n  Action::Process(_) => 2,\n}", &[]);
        check("match a {\n  (Action::Request(x), _) => f(|| 1, {2}),\n  (_, B) => 2,\n}", &[]);
        check("match a {\n  Other::Request => RequestStep::List,\n  _ => RequestStep::Undo,\n}", &[]);
        let wildcard = &["a.rs:4: a wildcard among steps: list them, or ask for a property"];
        check("match a {\n  RequestStep::List | RequestStep::Undo { .. } =>\n    (1, 2),\n  _ if b => 2,\n}", wildcard);
        check("match f(|x| { x }) {\n  Some(Word::List) => { 1 }\n\n  other => 2,\n}", wildcard);
    }

    #[test]
    fn files() {
        let lines = |count: usize| "x\n".repeat(count);
        check(long_files, "a.rs", &lines(600), &[]);
        check(long_files, "a.rs", &lines(601), &["a.rs: 601 lines without tests, at most 600"]);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines(300));
        check(long_files, "a.rs", &(lines(600) + &tests), &[]);
        check(long_files, "a.rs", &(tests + &lines(300)), &["a.rs: 603 lines without tests, at most 600"]);
    }

    #[test]
    fn function_bodies() {
        let function =
            |lines: usize| format!("a\n    fn long() {{\n{}    }}\n", "        \"}\"; // }\n".repeat(lines - 2));
        check(long_functions, "a.rs", &function(70), &[]);
        check(long_functions, "a.rs", &function(71), &["a.rs:2: `long` has 71 lines, at most 70"]);
    }

    #[test]
    fn names() {
        let good = ["sim/src/common.md", "sim/src/model.rs", "gateway/src/commons/utility.rs"];
        check_paths(empty_names, &good, &[]);
        for bad in ["sim/src/mod.rs", "sim/tests/common/a.rs", "gateway/src/utils.rs", "sim/src/a/misc.rs"] {
            check_paths(empty_names, &[bad], &[&format!("{bad}: the name says nothing")]);
        }
    }

    #[test]
    fn switched_off() {
        check(ignored_tests, "a.rs", "let ignore = 1; // #[ignore]\n#[test]\nfn a() { \"#[ignore]\" }", &[]);
        let complaint = &["a.rs:2: ignored: repair it or delete it"];
        check(ignored_tests, "a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}", complaint);
        check(ignored_tests, "a.rs", "#[test]\n#[cfg_attr(windows, ignore)]\nfn a() {}", complaint);
        check(ignored_tests, "a.rs", "/// Like this:\n/// ```ignore\n/// ```\nfn a() {}", complaint);
    }

    #[test]
    fn waits() {
        let path = "gateway/core/src/lifecycle/a.rs";
        check(waiting, path, "// async\nfn a() -> Asynchronous {}", &[]);
        let complaint = |line: usize| format!("{path}:{line}: `lifecycle` decides, it does not wait");
        check(waiting, path, "\nasync fn a() {}", &[&complaint(2)]);
        check(waiting, path, "a().await", &[&complaint(1)]);
    }

    #[test]
    fn the_simulator() {
        check(names_of_the_simulator, "gateway/src/a.rs", "// simulated, similar", &[]);
        check(
            names_of_the_simulator,
            "gateway/src/a.rs",
            "use sim_harness::Scenario;",
            &["gateway/src/a.rs:1: `gateway` names `sim`"],
        );
        check(
            names_of_the_simulator,
            "gateway/src/a.rs",
            "\n// see `sim`",
            &["gateway/src/a.rs:2: `gateway` names `sim`"],
        );
        check(
            names_of_the_simulator,
            "gateway/Cargo.toml",
            "sim = 1",
            &["gateway/Cargo.toml:1: `gateway` names `sim`"],
        );
    }

    #[test]
    fn prints() {
        let text = "\nfn a() { println!(); }";
        check(printing, "sim/src/cli/human.rs", text, &[]);
        check(printing, "gateway/src/main.rs", text, &[]);
        check(printing, "sim/src/report.rs", "/// println!()\nwriteln!(f)", &[]);
        check(printing, "sim/src/report.rs", text, &["sim/src/report.rs:2: `println!` outside the command line"]);
        check(
            printing,
            "sim/src/client.rs",
            "eprint!(a)",
            &["sim/src/client.rs:1: `eprint!` outside the command line"],
        );
        check(
            printing,
            "gateway/src/rpc.rs",
            "io::stderr()",
            &["gateway/src/rpc.rs:1: `stderr()` outside the command line"],
        );
    }

    #[test]
    fn the_machine() {
        let text = "use std::sync;\nuse std::thread::Builder;\nuse std::{fmt, fs};\ntokio::net::TcpListener";
        check(machine, "gateway/src/real/websocket.rs", text, &[]);
        check(machine, "gateway/src/main.rs", text, &[]);
        check(machine, "gateway/src/a.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n", &[]);
        let expected = ["3: `std::fs`", "2: `std::thread`", "4: `tokio::net`"];
        let expected = expected.map(|what| format!("gateway/src/a.rs:{what} outside `real`"));
        check(machine, "gateway/src/a.rs", text, &expected.each_ref().map(String::as_str));
    }

    #[test]
    fn fences() {
        check_paths(other_fences, &["clippy.toml", "sim/Cargo.toml"], &[]);
        check_paths(other_fences, &["clippy.toml", "sim/clippy.toml"], &["sim/clippy.toml: a second fence"]);
        check_paths(other_fences, &[".clippy.toml", "clippy.toml"], &[".clippy.toml: a second fence"]);
        check_paths(other_fences, &["sim/Cargo.toml"], &["clippy.toml: missing"]);
    }

    #[test]
    fn snapshots() {
        let pair = ["scenarios/a/b.toml", "scenarios/README.md", "snapshots/a/b.snap", "snapshots/a/b.snap.new"];
        check_paths(unpaired_snapshots, &pair, &[]);
        check_paths(unpaired_snapshots, &["scenarios/a.toml"], &["scenarios/a.toml: no snapshot"]);
        check_paths(unpaired_snapshots, &["snapshots/a.snap"], &["snapshots/a.snap: no scenario"]);
        check_paths(unpaired_snapshots, &["snapshots/planted.snap"], &[]);
        let elsewhere = ["scenarios/a/b.toml", "snapshots/b.snap"];
        let both = ["scenarios/a/b.toml: no snapshot", "snapshots/b.snap: no scenario"];
        check_paths(unpaired_snapshots, &elsewhere, &both);
    }

    #[test]
    fn strangers() {
        check_paths(strangers_at_the_top, &["Cargo.toml", "sim/a/notes.txt", ".gitignore"], &[]);
        let complaints = ["notes.txt: has no place at the top", "wiki: has no place at the top"];
        check_paths(strangers_at_the_top, &["wiki/a.md", "wiki/b.md", "notes.txt"], &complaints);
    }
}
