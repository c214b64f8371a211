//! Reports as JUnit XML for CI systems: a suite for each scenario, a case for each of its releases.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::case::Case;
use super::failure;
use sim_harness::report::Outcome;

/// Prints one document with every run.
pub(super) fn print(cases: &[Case]) {
    let mut document = Document::new("sim");
    for of_scenario in cases.chunk_by(|one, other| one.verdict.report.scenario == other.verdict.report.scenario) {
        let mut suite = TestSuite::new(of_scenario[0].verdict.report.scenario.as_str());
        suite.add_test_cases(of_scenario.iter().map(case));
        document.add_test_suite(suite);
    }
    out!("{}", document.to_string().expect("a report is text").trim_end());
}

fn case(case: &Case) -> TestCase {
    let (verdict, report) = (&case.verdict, &case.verdict.report);
    let status = match verdict.expected {
        true => TestCaseStatus::success(),
        false => {
            let kind = match report.outcome {
                Outcome::Panicked | Outcome::Nondeterministic => NonSuccessKind::Error,
                _ => NonSuccessKind::Failure,
            };
            let mut status = TestCaseStatus::non_success(kind);
            status.set_type(report.outcome.word()).set_message(failure::summary(case)).set_description(text(case));
            status
        }
    };
    let mut test = TestCase::new(report.release.name(), status);
    test.set_classname(report.scenario.as_str());
    test
}

/// The report of a failing run, as `--format human` prints it.
fn text(case: &Case) -> String {
    let (verdict, report) = (&case.verdict, &case.verdict.report);
    let parts = [
        failure::claims(report),
        failure::story(report),
        failure::rows(verdict),
        failure::picture(&case.scenario, report),
        failure::ways(case),
    ];
    format!("\n{}", parts.concat())
}
