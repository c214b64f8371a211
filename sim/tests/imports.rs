//! The permitted dependencies between crates, and imports between files.
//!
//! Three rules, each with its table: a crate depends on lower crates only and never pulls in certain packages
//! ([`CRATES`]); the files of a crate form no circle, a few parents and their children aside ([`PARENTS`]); a file imports
//! from its own layer or a lower one. [`rules_can_fail`] shows each rule something to complain about.

#[path = "imports/graph.rs"]
mod graph;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use graph::{Graph, is_below};

use crate::tidy::source::File;

/// A crate of the workspace.
struct Crate {
    package: &'static str,
    /// The path from the root of the checkout. The files are below its `src/`.
    folder: &'static str,
    /// The crates of the workspace on which the crate may depend.
    uses: &'static [&'static str],
    /// The packages that its normal dependencies may not include, directly or through another crate.
    never: &'static [&'static str],
    /// Its modules, from the lowest layer to the highest. A module belongs to the layer that names it, or else to that of
    /// the nearest named module above it. The binary of a crate with a library is the module `main`.
    layers: &'static [&'static [&'static str]],
}

const COMMAND_LINE: &[&str] =
    &["clap", "ctrlc", "indicatif", "miette", "mimalloc", "quick-junit", "tracing-subscriber"];
const CORE: &[&str] = &[
    "clap",
    "ctrlc",
    "indicatif",
    "miette",
    "mimalloc",
    "quick-junit",
    "rusqlite",
    "tokio-tungstenite",
    "toml",
    "tracing-subscriber",
];

/// The crates, from the lowest to the highest.
const CRATES: &[Crate] = &[
    Crate {
        package: "interleaving",
        folder: "sim/engine",
        uses: &[],
        never: CORE,
        layers: &[
            // Data, and what a program is given.
            &["clock", "footprint", "prng", "runtime", "tape"],
            // Who decides.
            &["strategy"],
            // One step.
            &["chooser", "pool", "search", "shrink"],
            // One run, then many.
            &["program"],
            &["determinism", "explore"],
        ],
    },
    Crate {
        package: "gateway-core",
        folder: "gateway/core",
        uses: &[],
        never: CORE,
        layers: &[
            // Traits and ids, with the bundle of the traits.
            &["actor", "agent", "clock", "entropy", "env", "group", "ids", "observe", "spawn", "store", "transport"],
            // A session, the settings and the frames as plain data.
            &["config", "record", "rpc"],
            // Decisions.
            &["lifecycle"],
            // The differences between releases.
            &["behavior", "release"],
            // The state that all work on a session uses.
            &["legacy::approvals", "legacy::resume_lock", "state"],
            // Work, and the ends of sessions.
            &["legacy", "storage"],
            &["ends"],
            &["work"],
            // Ways of old releases to open a session.
            &["legacy::branch", "legacy::resume"],
            // The served interface.
            &["method"],
            &["server"],
        ],
    },
    Crate {
        package: "gateway-sqlite",
        folder: "gateway/sqlite",
        uses: &["gateway-core"],
        never: COMMAND_LINE,
        layers: &[
            // Values and errors, each converted.
            &["column", "durability", "error", "failure"],
            // Tables, and the parts of statements that several calls share.
            &["input", "message", "orphan", "schema", "tip", "title"],
            // One transaction, one query.
            &["read", "write"],
            &["database"],
        ],
    },
    Crate {
        package: "sim-audit",
        folder: "sim/audit",
        uses: &[],
        never: COMMAND_LINE,
        layers: &[
            // The claims, the errors, and what the database has.
            &["error", "kind", "lock", "message", "schema"],
            // The messages of a row.
            &["transcript"],
            // A row, a way to read the file, and questions for SQL.
            &["row"],
            &["keys", "lineage", "open", "scan"],
            // What is said of a row whose claim does not hold.
            &["finding", "pattern"],
            &["repair"],
            &["judge"],
            &["audit"],
        ],
    },
    Crate {
        package: "sim-disk",
        folder: "sim/disk",
        uses: &["interleaving", "gateway-core", "gateway-sqlite"],
        never: COMMAND_LINE,
        layers: &[
            // Choices, and the parts of a file.
            &["choose", "fault", "lock"],
            &["content", "folder"],
            // The files together.
            &["volume"],
            // An open file, and how SQLite calls it.
            &["handle"],
            &["vfs"],
            &["disk"],
            // Many losses of power.
            &["campaign"],
        ],
    },
    Crate {
        package: "gateway",
        folder: "gateway",
        uses: &["gateway-core", "gateway-sqlite"],
        never: &["ctrlc", "indicatif", "miette", "mimalloc", "quick-junit"],
        layers: &[
            // One trait or one rule each.
            &[
                "real::access",
                "real::clock",
                "real::entropy",
                "real::limits",
                "real::lock",
                "real::metrics",
                "real::spawn",
                "real::sqlite",
            ],
            // What the transports share, and the metered store.
            &["real::metered", "real::queues"],
            // The transports.
            &["real::stdio", "real::websocket"],
            // Gateway and transport together.
            &["real::served"],
            &["real"],
            // The binary.
            &["main::options"],
            &["main::files"],
            &["main"],
        ],
    },
    Crate {
        package: "sim-scenario",
        folder: "sim/scenario",
        uses: &["interleaving", "gateway-core"],
        never: &["clap", "ctrlc", "indicatif", "miette", "mimalloc", "quick-junit", "rusqlite", "tokio-tungstenite"],
        layers: &[
            // Plain values.
            &["expected", "fact", "fault", "invariant", "nearest", "rows", "shape"],
            // A value of a file and its place.
            &["placed"],
            // Mistakes, and the tables of settings.
            &["entries", "error", "settings"],
            &["step"],
            &["scenario"],
            // Between text and values.
            &["find", "parse", "print"],
            &["check"],
            &["load", "schema"],
        ],
    },
    Crate {
        package: "sim-harness",
        folder: "sim/harness",
        uses: &["interleaving", "gateway-core", "gateway-sqlite", "sim-disk", "sim-scenario"],
        never: COMMAND_LINE,
        layers: &[
            // What tasks are called and what they share, and what they did.
            &["footprint", "story", "task", "trace", "world::clock"],
            // The rows, as the tables hold them and as the writes must have left them; the names of sessions.
            &["rows", "world::mirror", "world::names"],
            // Changes and transitions.
            &["coverage", "history"],
            // The environment of the gateway.
            &["wire", "world"],
            // Claims and their judge.
            &["claim"],
            &["invariant"],
            &["counts"],
            &["oracle"],
            // A run and its result.
            &["observation"],
            &["fact"],
            &["report"],
            &["simulation"],
            // Comparisons of results.
            &["parity", "recording", "snapshot", "timeline", "verdict"],
        ],
    },
    Crate {
        package: "sim-report",
        folder: "sim/report",
        uses: &["gateway-core", "sim-scenario", "sim-harness"],
        never: COMMAND_LINE,
        layers: &[
            // Into a page.
            &["embed", "graph", "parts", "play::place"],
            &["play::lanes"],
            &["play"],
            // The pages.
            &["audit", "campaign", "run"],
        ],
    },
    Crate {
        package: "sim-search",
        folder: "sim/search",
        uses: &[
            "interleaving",
            "sim-audit",
            "gateway-core",
            "gateway-sqlite",
            "gateway",
            "sim-scenario",
            "sim-harness",
        ],
        never: COMMAND_LINE,
        layers: &[
            &["comeback", "signature"],
            &["drive"],
            &["margin"],
            &["shrink"],
            &["explore", "generate", "sweep"],
            &["fuzz"],
            // A pattern, its fit to a run, the cause, the search.
            &["find::elapsed"],
            &["find::word"],
            &["find::pattern"],
            &["find::apart", "find::fit", "find::input", "find::race"],
            &["find::candidate", "find::cause"],
            &["find::goal"],
            &["find::search"],
            &["find"],
        ],
    },
    Crate {
        package: "sim-record",
        folder: "sim/record",
        uses: &["interleaving", "gateway-core", "sim-scenario", "sim-harness", "sim-search"],
        never: COMMAND_LINE,
        layers: &[
            &["journal", "reduce"],
            &["rows"],
            &["recorder"],
            &["proxy"],
            // From the journal to a scenario.
            &["rebuild"],
            &["tidy"],
        ],
    },
    Crate {
        package: "sim-confirm",
        folder: "sim/confirm",
        uses: &["interleaving", "gateway-core", "sim-scenario", "sim-harness", "sim-search"],
        never: COMMAND_LINE,
        layers: &[
            &["distance", "frames", "initial", "peer", "playable", "script_time"],
            &["compare", "host", "shorten"],
            &["play", "prepare"],
            &["random", "save"],
        ],
    },
    Crate {
        package: "sim",
        folder: "sim",
        uses: &[
            "interleaving",
            "sim-audit",
            "gateway-core",
            "gateway-sqlite",
            "gateway",
            "sim-scenario",
            "sim-harness",
            "sim-report",
            "sim-search",
            "sim-record",
            "sim-confirm",
        ],
        never: &[],
        layers: &[
            // Flags, results of a run, and errors.
            &["cli::bounds", "cli::case", "cli::diagnostic", "cli::file", "cli::plant", "cli::real", "cli::spread"],
            &["cli::database", "cli::excuses", "cli::failure", "cli::load", "cli::marks", "cli::snapshots"],
            // Forms in which results are printed.
            &["cli::github", "cli::html", "cli::human", "cli::json", "cli::junit"],
            // The commands.
            &[
                "cli::audit",
                "cli::behavior",
                "cli::drive",
                "cli::import",
                "cli::new",
                "cli::parity",
                "cli::replay",
                "cli::run",
                "cli::schema",
            ],
            &["cli::report"],
            &["cli::confirm", "cli::record", "cli::tidy"],
            &["cli::shrink"],
            &["cli::bench", "cli::explore", "cli::find", "cli::fuzz", "cli::sweep"],
            &["cli::coverage"],
            &["cli"],
            // The binary.
            &["main"],
        ],
    },
    Crate {
        package: "xtask",
        folder: "sim/xtask",
        uses: &["gateway-core", "sim-scenario", "sim-harness", "sim-search"],
        never: &[],
        layers: &[
            &["mutants::outcome", "mutants::shard", "mutants::one::sites", "mutants::one::tree"],
            &["mutants::list", "mutants::baseline", "mutants::score", "mutants::one::program"],
            &["mutants::one::guard", "mutants::each"],
            &["mutants::one"],
            &["mutants"],
            &["main"],
        ],
    },
];

/// Parents that import their own children and are imported by them: the crate, the parent, the reason. The root of a crate
/// and modules further down are no such pair.
const PARENTS: &[(&str, &str, &str)] = &[
    ("gateway-core", "agent::script", "a script is built from the form in which it is written"),
    ("gateway-core", "store", "the calls of the trait carry the rows"),
    ("gateway", "real::websocket", "the handshake and the pump share the settings of the transport"),
    ("interleaving", "strategy", "the trait that every strategy implements, beside their constructors"),
    ("sim-scenario", "parse", "the tables of facts hold elements of the file and stand in its table `expect`"),
    ("sim-scenario", "step", "an action is read, written and described by its table"),
    ("sim-harness", "coverage", "the graph and the marks are views of what was reached"),
    ("sim-harness", "parity", "a cell is compared by functions that return its differences"),
    ("sim-harness", "recording", "a recording is timed and converted by methods of its own"),
    ("sim-harness", "timeline", "events are assigned to the lanes that the picture draws"),
    ("sim-search", "drive", "a play is carried out by clients that share it"),
    ("sim-search", "fuzz", "a campaign is made of runs that findings and the guard name"),
    ("sim-search", "generate", "a mutation takes its new parts from a generated scenario"),
    ("sim", "cli::bench", "the table is filled with the cells of the command"),
    ("sim-record", "proxy", "the head of a request is written for the gateway behind the proxy"),
    ("sim-record", "rebuild", "what is found is made into what the module returns"),
    ("sim", "cli::confirm", "the campaign takes its scenarios from the flags of the command"),
    ("sim", "cli::fuzz", "the campaign takes its shard from the flags of the command"),
];

/// The order of the crates is the order of [`CRATES`], which Cargo holds only as far as it forbids circles.
#[test]
fn crates_depend_on_lower_crates_only() {
    check(CRATES.iter().flat_map(|of| foreign_dependencies(of, &read(&format!("{}/Cargo.toml", of.folder)).text)));
}

/// `uses` of a crate can only name crates before it.
#[test]
fn the_table_is_in_order() {
    check(CRATES.iter().enumerate().flat_map(|(place, of)| {
        let lower: Vec<&str> = CRATES[..place].iter().map(|of| of.package).collect();
        let higher = of.uses.iter().filter(move |used| !lower.contains(used));
        higher.map(|used| format!("{}: `{used}` is not a lower crate", of.package))
    }));
    assert_eq!(
        CRATES.len(),
        members(&read("Cargo.toml").text).len(),
        "a crate of the workspace is missing in the table"
    );
}

/// A library for schedules or for sessions does not include a command line, a database or an allocator.
#[test]
fn no_crate_pulls_in_what_it_must_not() {
    check(CRATES.iter().flat_map(|of| unwanted_packages(of, &tree(of.package))));
}

/// Files that import each other can be understood only together, so circles are refused.
#[test]
fn files_form_no_circle() {
    check(CRATES.iter().flat_map(|of| {
        let parents: Vec<&str> =
            PARENTS.iter().filter(|(package, ..)| *package == of.package).map(|(_, parent, _)| *parent).collect();
        circles(of.package, &graph(of), &parents)
    }));
}

/// An import from a higher layer may begin a circle, so it is refused.
#[test]
fn modules_import_from_their_layer_or_a_lower_one() {
    check(CRATES.iter().flat_map(|of| wrong_layers(of, &graph(of))));
}

fn foreign_dependencies(of: &Crate, manifest: &str) -> Vec<String> {
    let dependencies = manifest.lines().skip_while(|line| line.trim() != "[dependencies]").skip(1);
    let dependencies = dependencies.take_while(|line| !line.starts_with('['));
    let names = dependencies.filter_map(|line| line.split(['.', ' ', '=']).next());
    let foreign = names.filter(|name| CRATES.iter().any(|of| of.package == *name) && !of.uses.contains(name));
    foreign.map(|name| format!("{}: depends on `{name}`", of.package)).collect()
}

fn unwanted_packages(of: &Crate, tree: &str) -> Vec<String> {
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let unwanted = of.never.iter().filter(|name| names.contains(*name));
    unwanted.map(|name| format!("{}: pulls in `{name}`", of.package)).collect()
}

/// The circles of a crate, and the unused exceptions.
fn circles(package: &str, graph: &Graph, parents: &[&str]) -> Vec<String> {
    let excepted = |from: &str, to: &str, parents: &[&str]| {
        !to.is_empty() && graph::parent(from) == Some(to) && parents.contains(&to)
    };
    let left = graph.circles(|from, to| excepted(from, to, parents));
    let mut complaints: Vec<String> = left.iter().map(|circle| complaint(package, graph, circle)).collect();
    let all = graph.circles(|_, _| false);
    let needed = |parent: &str| {
        let is_child = |module: &&str| excepted(module, parent, parents) && graph.arrows[*module].contains_key(parent);
        all.iter().any(|circle| circle.contains(&parent) && circle.iter().any(is_child))
    };
    let idle = parents.iter().copied().filter(|parent| !needed(parent));
    complaints.extend(idle.map(|parent| format!("{package}: `{}` needs no exception", shown(parent))));
    complaints
}

/// A circle as text: its shortest cycle.
fn complaint(package: &str, graph: &Graph, circle: &[&str]) -> String {
    let way = graph.way_around(circle);
    let mut lines = vec![format!("{package}: a circle of {} files", circle.len())];
    for (from, to) in way.iter().zip(way.iter().cycle().skip(1)) {
        lines.push(format!("  {}:{}: imports `{}`", graph.path(from), graph.arrows[*from][*to], shown(to)));
    }
    lines.join("\n")
}

fn wrong_layers(of: &Crate, graph: &Graph) -> Vec<String> {
    let names = || of.layers.iter().enumerate().flat_map(|(place, names)| names.iter().map(move |name| (place, *name)));
    let layer = |module: &str| {
        let above = names().filter(|(_, name)| is_below(module, name));
        above.max_by_key(|(_, name)| name.len()).map(|(place, _)| place)
    };
    let mut complaints = Vec::new();
    for from in graph.modules().filter(|module| !module.is_empty()) {
        let Some(own) = layer(from) else {
            complaints.push(format!("{}: stands in no layer of {}", graph.path(from), of.package));
            continue;
        };
        for (to, line) in graph.arrows[from].iter().filter(|(to, _)| layer(to).is_some_and(|layer| layer > own)) {
            complaints.push(format!("{}:{line}: imports `{to}` of a higher layer", graph.path(from)));
        }
    }
    let unknown = names().filter(|(_, name)| graph.modules().all(|module| module != *name));
    complaints.extend(unknown.map(|(_, name)| format!("{}: a layer names `{name}`, which is no module", of.package)));
    complaints
}

fn shown(module: &str) -> &str {
    if module.is_empty() { "crate" } else { module }
}

#[track_caller]
fn check(complaints: impl Iterator<Item = String>) {
    let complaints: Vec<String> = complaints.collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn graph(of: &Crate) -> Graph {
    let folder = format!("{}/src/", of.folder);
    let mut paths = Vec::new();
    rust_files(&root().join(&folder), &mut paths);
    paths.sort();
    let name = |path: &PathBuf| path.strip_prefix(root()).expect("it lies in the workspace").display().to_string();
    let files: Vec<File> = paths.iter().map(|path| read(&name(path))).collect();
    Graph::new(&folder, &files)
}

/// The packages that a crate includes, one on each line.
fn tree(package: &str) -> String {
    let arguments = ["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--package", package];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names are text")
}

fn members(manifest: &str) -> Vec<&str> {
    let list = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let (list, _) = list.expect("a workspace has members");
    list.split(',').map(str::trim).filter(|member| !member.is_empty()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

fn read(path: &str) -> File {
    File::new(path, &fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}")))
}

fn rust_files(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry of it").path();
        if path.is_dir() {
            rust_files(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

mod rules_can_fail {
    use super::*;

    const OF: Crate = Crate {
        package: "sim-scenario",
        folder: "a",
        uses: &["interleaving"],
        never: &["clap"],
        layers: &[&["low"], &["middle", "middle::own"], &["high"]],
    };

    fn graph(files: &[(&str, &str)]) -> Graph {
        let files: Vec<File> = files.iter().map(|(path, text)| File::new(&format!("a/src/{path}"), text)).collect();
        Graph::new("a/src/", &files)
    }

    #[track_caller]
    fn check_circles(files: &[(&str, &str)], parents: &[&str], expected: &[&str]) {
        assert_eq!(circles("a", &graph(files), parents), expected);
    }

    #[track_caller]
    fn check_arrow(text: &str, expected: Option<&str>) {
        let root = ("lib.rs", "mod a; mod b; pub use b::{Item as Other, inner}; pub struct Own;");
        let files = [
            root,
            ("a.rs", text),
            ("a/child.rs", ""),
            ("b.rs", "pub struct Item; pub fn act() {}"),
            ("b/inner.rs", ""),
        ];
        let graph = graph(&files);
        let found: Vec<&str> = graph.arrows["a"].keys().map(String::as_str).collect();
        assert_eq!(found, Vec::from_iter(expected), "{text}");
    }

    #[test]
    fn manifests() {
        let manifest = "[dependencies]\ninterleaving.workspace = true\nserde = \"1\"\nsim-search = { path = \"x\" }\n\
                        [dev-dependencies]\nsim-harness.workspace = true\n";
        assert_eq!(foreign_dependencies(&OF, manifest), ["sim-scenario: depends on `sim-search`"]);
    }

    #[test]
    fn packages() {
        assert_eq!(unwanted_packages(&OF, "sim-scenario v0.1.0 (/a)\nclap_lex v1\nserde v1"), [""; 0]);
        assert_eq!(unwanted_packages(&OF, "serde v1\nclap v4.6.0 (*)"), ["sim-scenario: pulls in `clap`"]);
    }

    #[test]
    fn circles_of_files() {
        let one_way = [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::Item;"), ("b.rs", "pub struct Item;")];
        check_circles(&one_way, &[], &[]);
        let both =
            [("lib.rs", "mod a; mod b;"), ("a.rs", "\nuse crate::b::Item;"), ("b.rs", "fn f() { crate::a::g() }")];
        let complaint = "a: a circle of 2 files\n  a/src/a.rs:2: imports `b`\n  a/src/b.rs:1: imports `a`";
        check_circles(&both, &[], &[complaint]);
        let tests = "#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n";
        check_circles(&[("a.rs", "use crate::b::Item;"), ("b.rs", tests)], &[], &[]);
        let in_the_middle = "#[cfg(test)]\npub(crate) mod samples {\n    use crate::a;\n}\npub fn f() {}\n";
        check_circles(&[("a.rs", "use crate::b::Item;"), ("b.rs", in_the_middle)], &[], &[]);
        let test_file =
            [("a.rs", "use crate::b::Item;"), ("b.rs", "#[cfg(test)]\nmod tests;"), ("b/tests.rs", "use crate::a;")];
        check_circles(&test_file, &[], &[]);
    }

    #[test]
    fn parents_and_children() {
        let family = [("a.rs", "mod child; pub use child::make; pub struct Item;"), ("a/child.rs", "use super::Item;")];
        let complaint = "a: a circle of 2 files\n  a/src/a.rs:1: imports `a::child`\n  a/src/a/child.rs:1: imports `a`";
        check_circles(&family, &[], &[complaint]);
        check_circles(&family, &["a"], &[]);
        check_circles(&family[..1], &["a"], &["a: `a` needs no exception"]);
        let aunt =
            [family[0], ("a/child.rs", "use super::Item; use crate::b::f;"), ("b.rs", "use crate::a::child::make;")];
        assert_eq!(circles("a", &graph(&aunt), &["a"]).len(), 1, "an exception is for arrows to the parent alone");
        let grandchild = [
            ("a.rs", "mod child; pub use child::make; pub struct Item;"),
            ("a/child.rs", "mod own; pub use own::make;"),
            ("a/child/own.rs", "use crate::a::Item; pub fn make() {}"),
        ];
        assert_eq!(circles("a", &graph(&grandchild), &["a"]).len(), 2, "a grandchild is no child");
        let root =
            [("lib.rs", "mod a; pub use a::make; pub struct Item;"), ("a.rs", "use crate::Item; pub fn make() {}")];
        assert_eq!(circles("a", &graph(&root), &[""]).len(), 2, "the root of a crate is no parent");
    }

    #[test]
    fn layers() {
        let files = |low: &'static str| {
            [("low.rs", low), ("middle.rs", "use crate::low;"), ("middle/own.rs", ""), ("high.rs", "use crate::low;")]
        };
        assert_eq!(wrong_layers(&OF, &graph(&files(""))), [""; 0]);
        let upward = ["a/src/low.rs:2: imports `middle::own` of a higher layer"];
        assert_eq!(wrong_layers(&OF, &graph(&files("\nuse crate::middle::own::Item;"))), upward);
        let more = [&files("")[..], &[("new.rs", "")]].concat();
        assert_eq!(wrong_layers(&OF, &graph(&more)), ["a/src/new.rs: stands in no layer of sim-scenario"]);
        let gone = ["sim-scenario: a layer names `high`, which is no module"];
        assert_eq!(wrong_layers(&OF, &graph(&files("")[..3])), gone);
    }

    /// A path leads to the file that defines what it names.
    #[test]
    fn paths() {
        check_arrow("use crate::b::Item;", Some("b"));
        check_arrow("use crate::{Other as Third};", Some("b"));
        check_arrow("use super::Own;", Some(""));
        check_arrow("use super::{b::{self, act}};", Some("b"));
        check_arrow("fn f() { crate::b::act() }", Some("b"));
        check_arrow("fn f() -> crate::inner::Item {}", Some("b::inner"));
        check_arrow("mod child; fn f() { child::act() }", Some("a::child"));
        check_arrow("mod child;", None);
        check_arrow("pub(in crate::b) fn f() {}", None);
        check_arrow("use std::b::Item; // crate::b\nfn f() { \"crate::b::act\"; x.b::<u8>() }", None);
        check_arrow("use super::*; fn f() {}", Some(""));
    }
}
