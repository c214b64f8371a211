//! Compares a run with the expectation of its scenario, and its rows with the snapshot.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::report::{Outcome, Report};
use crate::snapshot::{BadSnapshot, Snapshot, differences};
use crate::story::Skipped;
use sim_scenario::{Expected, FactKind, OnSkip, Scenario};

/// A report with the result of its comparison.
pub struct Verdict {
    /// The report; its outcome is `story`, `facts_differ` or `rows_differ` where the run itself is as expected.
    pub report: Report,
    /// Whether the outcome equals the expectation of the file. Without one, `passed` is expected.
    pub expected: bool,
    /// How the rows compare with the snapshot.
    pub rows: Comparison,
}

/// How rows compare with the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Every fact is equal.
    Equal,
    /// The facts that differ, one line each.
    Differ(Vec<String>),
    /// There is no snapshot; a failure inside `scenarios/` only.
    NoSnapshot,
    /// Rows are compared on the scripted schedule only.
    NotCompared,
}

/// What a run's rows are compared with.
pub enum Reference {
    /// The snapshot of the scenario.
    Snapshot(Snapshot),
    /// A scenario that must have one has none; how to write it.
    Missing(&'static str),
    /// A scenario outside `scenarios/`.
    None,
    /// The schedule is not the scripted one.
    OtherSchedule,
}

/// How the snapshots of this repository are written.
const REMEDY: &str = "no snapshot; `INSTA_UPDATE=always cargo test -p sim --test scenarios` writes it";

/// Compares a report with the expectation of the scenario and with the reference rows. What a run skipped counts on the
/// scripted schedule only: on others the steps of one instant may come in another order. It counts in a run that passed only:
/// the bug that a violation shows is often what keeps later steps from having an effect.
pub fn judge(mut report: Report, scenario: &Scenario, reference: &Reference) -> Verdict {
    let mut expected = as_expected(&report, scenario);
    let rows = compare(&report, reference);
    if expected
        && report.outcome == Outcome::Passed
        && report.skipped.iter().any(|part| part.on_skip == OnSkip::Fails)
        && !matches!(reference, Reference::OtherSchedule)
    {
        report.outcome = Outcome::Story;
        expected = false;
    }
    if expected && !report.unmet.is_empty() {
        report.outcome = Outcome::FactsDiffer;
        expected = false;
    }
    let wrong_rows = matches!(rows, Comparison::Differ(_))
        || (rows == Comparison::NoSnapshot
            && matches!(reference, Reference::Missing(_) | Reference::Snapshot(_))
            && scenario.releases.contains(&report.release));
    if wrong_rows && expected {
        report.outcome = Outcome::RowsDiffer;
        if rows == Comparison::NoSnapshot {
            let remedy =
                if let Reference::Missing(remedy) = reference { remedy } else { "the snapshot has not this release" };
            report.detail = Some(remedy.to_owned());
        }
        expected = false;
    }
    Verdict { report, expected, rows }
}

/// Allows each skip of a run whose part had an effect in a run of the same file under another release: there the file shows a
/// difference between releases.
pub fn allow_differences(reports: &mut [Report]) {
    let skipped: Vec<Vec<Skipped>> = reports.iter().map(|report| report.skipped.clone()).collect();
    let had_effect =
        |part: &Skipped| skipped.iter().any(|of_release| !of_release.iter().any(|other| other.is_same_part(part)));
    for part in reports.iter_mut().flat_map(|report| &mut report.skipped) {
        if had_effect(part) {
            part.on_skip = OnSkip::Allowed;
        }
    }
}

impl Verdict {
    /// The exit code of a command whose first unexpected run this is. A missing violation that was expected counts as a
    /// violation: the file no longer shows its defect.
    pub fn exit_code(&self) -> u8 {
        match (self.expected, self.report.outcome) {
            (true, _) => 0,
            (false, Outcome::Passed) => Outcome::Violated.exit_code(),
            (false, outcome) => outcome.exit_code(),
        }
    }
}

impl Reference {
    /// The snapshot of a scenario file, if it has or must have one. A file that states its rows itself needs none.
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
            Err(error) if error.kind() == io::ErrorKind::NotFound => match states_rows(scenario) {
                true => Ok(Self::None),
                false => Ok(Self::Missing(REMEDY)),
            },
            Err(source) => Err(UnreadableSnapshot::Unreadable { path, source }),
        }
    }
}

fn states_rows(scenario: &Scenario) -> bool {
    scenario.facts.iter().any(|fact| matches!(fact.kind, FactKind::Rows(_)))
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
        Reference::Missing(_) | Reference::None => Comparison::NoSnapshot,
        Reference::Snapshot(snapshot) => match snapshot.facts(report.release) {
            None => Comparison::NoSnapshot,
            Some(expected) => {
                let differing = differences(expected, &report.rows.facts());
                if differing.is_empty() { Comparison::Equal } else { Comparison::Differ(differing) }
            }
        },
    }
}

/// The snapshot file exists, but cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableSnapshot {
    /// The file cannot be read.
    #[error("cannot read snapshot {}", path.display())]
    Unreadable {
        /// The path of the snapshot.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// The file is not a snapshot.
    #[error("{} is not a snapshot", path.display())]
    Bad {
        /// The path of the snapshot.
        path: PathBuf,
        /// The first bad line.
        source: BadSnapshot,
    },
}
