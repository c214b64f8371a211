//! Whether a run is as its scenario expects, and its rows as the snapshot has them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::report::{Outcome, Report};
use crate::snapshot::{BadSnapshot, Snapshot, differences};
use sim_scenario::{Expected, Scenario};

/// A report, judged.
pub struct Verdict {
    /// The report; its outcome is `rows_differ` where nothing worse was found.
    pub report: Report,
    /// Whether it is as its file expects: without an expectation, passed.
    pub expected: bool,
    /// How the rows compare.
    pub rows: Comparison,
}

/// How rows compare with the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// They are equal.
    Equal,
    /// These facts differ.
    Differ(Vec<String>),
    /// There is no snapshot; a failure inside `scenarios/` only.
    NoSnapshot,
    /// Rows are compared on the scripted schedule only.
    NotCompared,
}

/// What a run's rows are compared with.
pub enum Reference {
    /// A snapshot.
    Snapshot(Snapshot),
    /// A scenario that must have one has none.
    Missing,
    /// A scenario outside `scenarios/`.
    None,
    /// The schedule is not the scripted one.
    OtherSchedule,
}

/// Judges a run.
pub fn judge(mut report: Report, scenario: &Scenario, reference: &Reference) -> Verdict {
    let mut expected = as_expected(&report, scenario);
    let rows = compare(&report, reference);
    let wrong_rows = matches!(rows, Comparison::Differ(_))
        || (rows == Comparison::NoSnapshot
            && matches!(reference, Reference::Missing | Reference::Snapshot(_))
            && scenario.releases.contains(&report.release));
    if wrong_rows && expected {
        report.outcome = Outcome::RowsDiffer;
        if rows == Comparison::NoSnapshot {
            report.detail =
                Some("no snapshot; `INSTA_UPDATE=always cargo test -p sim --test scenarios` writes it".to_owned());
        }
        expected = false;
    }
    Verdict { report, expected, rows }
}

impl Verdict {
    /// What a command exits with whose first unexpected run this is. A violation that was expected and did not come
    /// is as bad as one that came unexpected: the defect that the file shows is not shown any more.
    pub fn exit_code(&self) -> u8 {
        match (self.expected, self.report.outcome) {
            (true, _) => 0,
            (false, Outcome::Passed) => Outcome::Violated.exit_code(),
            (false, outcome) => outcome.exit_code(),
        }
    }
}

impl Reference {
    /// The snapshot of a scenario file, if it has or must have one.
    pub fn find(scenario: &Scenario) -> Result<Self, UnreadableSnapshot> {
        // Whether a file lies inside `scenarios/` must not depend on where the command is run.
        let place = scenario.path.canonicalize().unwrap_or_else(|_| scenario.path.clone());
        let Some(path) = Snapshot::path(&place) else {
            return Ok(Self::None);
        };
        match fs::read_to_string(&path) {
            Ok(text) => match text.parse() {
                Ok(snapshot) => Ok(Self::Snapshot(snapshot)),
                Err(source) => Err(UnreadableSnapshot::Bad { path, source }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::Missing),
            Err(source) => Err(UnreadableSnapshot::Unreadable { path, source }),
        }
    }
}

fn as_expected(report: &Report, scenario: &Scenario) -> bool {
    match scenario.expect.get(&report.release) {
        None => report.outcome == Outcome::Passed,
        Some(Expected::Outcome(outcome)) => report.outcome == Outcome::from(*outcome),
        Some(Expected::Violates(names)) => {
            let found: BTreeSet<&str> = report.violations.iter().map(|violation| violation.invariant).collect();
            report.outcome == Outcome::Violated && found == names.iter().map(String::as_str).collect()
        }
    }
}

fn compare(report: &Report, reference: &Reference) -> Comparison {
    match reference {
        Reference::OtherSchedule => Comparison::NotCompared,
        Reference::Missing | Reference::None => Comparison::NoSnapshot,
        Reference::Snapshot(snapshot) => match snapshot.facts(report.release) {
            None => Comparison::NoSnapshot,
            Some(expected) => {
                let differing = differences(expected, &report.rows.facts());
                if differing.is_empty() { Comparison::Equal } else { Comparison::Differ(differing) }
            }
        },
    }
}

/// A snapshot that is there but cannot be compared with.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableSnapshot {
    /// The file cannot be read.
    #[error("cannot read snapshot {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a snapshot.
    #[error("{} is not a snapshot", path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// Where.
        source: BadSnapshot,
    },
}
