//! Annotations in the form that GitHub's runners read, which show a failing run beside its line of the file.

use std::fs;

use gateway_core::clock::Millis;
use gateway_core::release::Release;

use super::case::Case;
use super::failure;
use sim_scenario::{OnSkip, Scenario};

/// Prints an annotation for each run that does not meet its expectation.
pub(super) fn print(cases: &[Case]) {
    for case in cases.iter().filter(|case| !case.verdict.expected) {
        let report = &case.verdict.report;
        let title = format!("{} under {}", report.outcome, report.release);
        error(&report.scenario, line(case), &title, &failure::summary(case));
    }
}

/// Prints one annotation, at a line of a file, counted from 1.
pub(super) fn error(file: &str, line: usize, title: &str, message: &str) {
    out!("::error file={},line={line},title={}::{}", property(file), property(title), data(message));
}

/// The line of the failure: the last step before the violation, the expectation, or the first step.
fn line(case: &Case) -> usize {
    let report = &case.verdict.report;
    let at = report.violations.first().map(|violation| Millis(violation.at_ms));
    let step = at.and_then(|at| case.scenario.steps.iter().rfind(|step| step.at <= at));
    let expected = || expectation(&case.scenario, report.release);
    let part = || report.skipped.iter().find(|part| part.on_skip == OnSkip::Fails).and_then(|part| part.line);
    let fact = || report.unmet.first().map(|fact| fact.line);
    let first = || case.scenario.steps.first().map(|step| step.line);
    step.map(|step| step.line).or_else(part).or_else(fact).or_else(expected).or_else(first).unwrap_or(1).max(1)
}

/// The line of the `[expect]` table of a release.
fn expectation(scenario: &Scenario, release: Release) -> Option<usize> {
    let text = fs::read_to_string(&scenario.path).ok()?;
    let tables = [format!("[expect.{release}]"), format!("[expect.\"{release}\"]")];
    let place = text.lines().position(|line| tables.iter().any(|table| line.trim_start().starts_with(table)))?;
    Some(place + 1)
}

/// Escapes the characters that a message must not contain.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the characters that a property must not contain: a comma or a colon ends it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
