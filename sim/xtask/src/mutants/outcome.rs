//! Results of mutants, from the report and the logs that `cargo mutants` leaves.

use std::fs;
use std::path::Path;

use miette::{Context, IntoDiagnostic};
use serde::Deserialize;

/// One mutant with its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mutant {
    /// `file:line:column: change`, as `cargo mutants` names it.
    pub(super) name: String,
    pub(super) result: Outcome,
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Caught: by `claim …`, `snapshot …`, `outcome …`, or by a panic outside of a run.
    Caught(String),
    /// The test did not end.
    Timeout,
    /// It does not compile.
    Unviable,
    /// The test passed.
    Missed,
    /// It cannot be in one program with the others, and was not built alone.
    NotJudged,
}

/// Reads `outcomes.json` and the logs in the folder `mutants.out`.
pub(super) fn read(folder: &Path) -> miette::Result<Vec<Mutant>> {
    let place = folder.join("outcomes.json");
    let text =
        fs::read_to_string(&place).into_diagnostic().wrap_err_with(|| format!("cannot read {}", place.display()))?;
    parse(&text, |log| fs::read_to_string(folder.join(log)).unwrap_or_default())
        .into_diagnostic()
        .wrap_err_with(|| format!("{} is not a report of `cargo mutants`", place.display()))
}

fn parse(text: &str, log: impl Fn(&str) -> String) -> serde_json::Result<Vec<Mutant>> {
    let report: Report = serde_json::from_str(text)?;
    let result = |entry: &Entry| match entry.summary {
        Summary::CaughtMutant => Some(Outcome::Caught(caught_by(&log(&entry.log_path)))),
        Summary::Timeout => Some(Outcome::Timeout),
        Summary::Unviable => Some(Outcome::Unviable),
        Summary::MissedMutant => Some(Outcome::Missed),
        Summary::Success | Summary::Failure => None,
    };
    let mutant = |entry: &Entry| match &entry.scenario {
        Scenario::Baseline => None,
        Scenario::Mutant { name } => Some(Mutant { name: name.clone(), result: result(entry)? }),
    };
    Ok(report.outcomes.iter().filter_map(mutant).collect())
}

/// The line that `tests/grade.rs` printed.
pub(super) fn caught_by(log: &str) -> String {
    log.lines().find_map(|line| line.strip_prefix("caught by ")).unwrap_or("panic of the test").to_owned()
}

#[derive(Deserialize)]
struct Report {
    outcomes: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    scenario: Scenario,
    summary: Summary,
    log_path: String,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant { name: String },
}

#[derive(Clone, Copy, Deserialize)]
enum Summary {
    Success,
    Failure,
    CaughtMutant,
    MissedMutant,
    Timeout,
    Unviable,
}

#[cfg(test)]
mod tests {
    use super::{Mutant, Outcome, parse};

    /// Each summary of a report becomes the result of its mutant; the unmutated tree is none.
    #[test]
    fn reports_are_read() {
        let entry = |summary: &str| {
            format!(
                r#"{{"scenario":{{"Mutant":{{"name":"{summary}","file":"f"}}}},"summary":"{summary}","log_path":"{summary}"}}"#
            )
        };
        let all = ["CaughtMutant", "MissedMutant", "Timeout", "Unviable"].map(entry).join(",");
        let text = format!(r#"{{"outcomes":[{{"scenario":"Baseline","summary":"Success","log_path":"b"}},{all}]}}"#);
        let log = |path: &str| match path {
            "CaughtMutant" => "running\ncaught by claim x in y current\n".to_owned(),
            _ => String::new(),
        };
        let expected = [
            ("CaughtMutant", Outcome::Caught("claim x in y current".to_owned())),
            ("MissedMutant", Outcome::Missed),
            ("Timeout", Outcome::Timeout),
            ("Unviable", Outcome::Unviable),
        ];
        let expected = expected.map(|(name, result)| Mutant { name: name.to_owned(), result });
        assert_eq!(parse(&text, log).expect("the report is read"), expected);
    }
}
