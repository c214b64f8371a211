//! Reports as one JSON document.

use std::collections::BTreeMap;

use serde::Serialize;

use super::case::Case;
use sim_harness::counts::ListedCount;
use sim_harness::fact::UnmetFact;
use sim_harness::invariant::Violation;
use sim_harness::report::{Live, Outcome};
use sim_harness::rows::ListedSession;
use sim_harness::story::Skipped;
use sim_harness::trace::Entry;
use sim_harness::verdict::Comparison;

#[derive(Serialize)]
struct Document<'a> {
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    scenario: &'a str,
    release: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    behavior: Vec<String>,
    outcome: Outcome,
    expected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    violations: &'a [Violation],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    skipped: &'a [Skipped],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    facts: &'a [UnmetFact],
    digest: String,
    events: u64,
    uptime_ms: u64,
    rows: Rows,
    live: Live,
    claims: BTreeMap<&'static str, ListedCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Vec<Happened<'a>>>,
}

#[derive(Serialize)]
struct Happened<'a> {
    at_ms: u64,
    task: &'a str,
    site: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Rows {
    sessions: Vec<ListedSession>,
}

/// Prints one document with every run, and with the events of each run if `trace` is set.
pub(super) fn print(cases: &[Case], trace: bool) {
    let document = Document { runs: cases.iter().map(|case| run(case, trace)).collect() };
    out!("{}", serde_json::to_string_pretty(&document).expect("a report is plain data"));
}

fn run(case: &Case, trace: bool) -> Run<'_> {
    let verdict = &case.verdict;
    let report = &verdict.report;
    Run {
        scenario: &report.scenario,
        release: report.release.name(),
        behavior: case.scenario.behavior.iter().map(|(field, value)| format!("{field}={value}")).collect(),
        outcome: report.outcome,
        expected: verdict.expected,
        detail: report.detail.as_deref(),
        violations: &report.violations,
        differences: match &verdict.rows {
            Comparison::Differ(lines) => lines,
            _ => &[],
        },
        skipped: &report.skipped,
        facts: &report.unmet,
        digest: report.trace.digest().to_string(),
        events: report.trace.events(),
        uptime_ms: report.uptime.0,
        rows: Rows { sessions: report.rows.listed() },
        live: report.live,
        claims: report.counts.listed(),
        trace: trace.then(|| report.trace.entries().iter().map(happened).collect()),
    }
}

fn happened(entry: &Entry) -> Happened<'_> {
    Happened { at_ms: entry.at.0, task: &entry.task.label, site: entry.site.word(), text: &entry.text }
}
