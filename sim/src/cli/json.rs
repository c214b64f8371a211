//! Reports as one JSON document.

use serde::Serialize;

use crate::invariant::Violation;
use crate::report::{Live, Outcome};
use crate::rows::ListedSession;
use crate::scenario::Found;
use crate::verdict::{Comparison, Verdict};

#[derive(Serialize)]
struct Document<'a> {
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    scenario: &'a str,
    release: &'static str,
    outcome: Outcome,
    expected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    violations: &'a [Violation],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [String],
    digest: String,
    events: u64,
    uptime_ms: u64,
    rows: Rows,
    live: Live,
}

#[derive(Serialize)]
struct Rows {
    sessions: Vec<ListedSession>,
}

/// Prints one document with every run.
pub(super) fn print(verdicts: &[(Found, Verdict)]) {
    let document = Document { runs: verdicts.iter().map(|(_, verdict)| run(verdict)).collect() };
    out!("{}", serde_json::to_string_pretty(&document).expect("a report is plain data"));
}

fn run(verdict: &Verdict) -> Run<'_> {
    let report = &verdict.report;
    Run {
        scenario: &report.scenario,
        release: report.release.name(),
        outcome: report.outcome,
        expected: verdict.expected,
        detail: report.detail.as_deref(),
        violations: &report.violations,
        differences: match &verdict.rows {
            Comparison::Differ(lines) => lines,
            _ => &[],
        },
        digest: report.trace.digest().to_string(),
        events: report.trace.events(),
        uptime_ms: report.uptime.0,
        rows: Rows { sessions: report.rows.listed() },
        live: report.live,
    }
}
