//! What the audit finds in rows that the simulator leaves: nothing under `current`, and under old releases the defects that it
//! names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gateway_sqlite::{Database, Dump};
use sim_audit::{Kind, Options, Sources, Texts, audit};
use sim_harness::invariant::NAMES;
use sim_harness::rows::RowSet;
use sim_harness::{Release, Scenario, Simulator};

/// One database file, which gets the rows of one run after another.
struct File {
    database: Database,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let database = Database::open(&path).expect("it opens");
        Self { database, path, _folder: folder }
    }

    /// The kinds that are found in the rows, with the defects that are named for each; an open row is without an owner after
    /// `age` seconds.
    fn kinds(&mut self, rows: &RowSet, age: f64) -> BTreeMap<Kind, BTreeSet<&'static str>> {
        self.database.reset().expect("it is emptied");
        let dump = Dump { sessions: rows.sessions.clone(), messages: rows.messages.clone(), inputs: Vec::new() };
        self.database.insert(&dump).expect("it is inserted");
        let times = rows.sessions.iter().flat_map(|row| row.ended_at.into_iter().chain([row.started_at]));
        let messages = rows.messages.iter().map(|row| row.message.timestamp);
        let now = times.chain(messages).map(|at| at.as_seconds()).fold(0.0, f64::max) + 60.0;
        let options = Options { now, age, sources: Sources::Own, kinds: Vec::new(), texts: Texts::Withheld };
        let audit = audit(&self.path, &options).expect("it is read");
        let mut kinds: BTreeMap<Kind, BTreeSet<&'static str>> = BTreeMap::new();
        for finding in audit.findings {
            kinds.entry(finding.kind).or_default().extend(finding.defects);
        }
        kinds
    }
}

fn scenarios(family: &str) -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace");
    let found = sim_scenario::find(&[root.join("scenarios").join(family)]).expect("there are scenarios");
    found.iter().map(|found| Scenario::load(&found.path, &NAMES).unwrap_or_else(|error| panic!("{error}"))).collect()
}

#[test]
fn nothing_is_found_in_rows_of_current() {
    let (mut simulator, mut file) = (Simulator::new(), File::new());
    let mut found = BTreeSet::new();
    for scenario in scenarios("") {
        if scenario.releases.contains(&Release::Current) {
            let report = simulator.run(&scenario, Release::Current);
            let kinds = file.kinds(&report.rows, 86_400.0);
            found.extend(kinds.into_keys().map(|kind| (scenario.name.clone(), kind.name())));
        }
    }
    for f in &found { eprintln!("{f:?}"); }
}

#[test]
fn defects_are_seen_in_the_rows_that_they_leave() {
    let (mut simulator, mut file) = (Simulator::new(), File::new());
    let mut seen: BTreeSet<(Kind, String)> = BTreeSet::new();
    let mut other: BTreeSet<(Kind, String, String)> = BTreeSet::new();
    for scenario in scenarios("defects") {
        let report = simulator.run(&scenario, Release::Current);
        let sound = file.kinds(&report.rows, 0.0);
        for release in &scenario.releases {
            let report = simulator.run(&scenario, *release);
            for (kind, defects) in file.kinds(&report.rows, 0.0) {
                if sound.contains_key(&kind) { continue; }
                for id in &scenario.issues {
                    if defects.contains(id.as_str()) {
                    seen.insert((kind, id.clone())); } else { other.insert((kind, id.clone(), scenario.name.clone())); }
                }
            }
        }
    }
    for kind in Kind::ALL {
        for d in kind.defects() {
            eprintln!("{} {} {}", if seen.contains(&(kind, d.id.to_owned())) { "seen" } else {"UNSEEN"}, kind, d.id);
        }
    }
    for o in other { eprintln!("OTHER {o:?}"); }
}
