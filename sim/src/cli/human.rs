//! Reports as text: a line for each run, and details of each run that does not meet its expectation.

use super::case::Case;
use super::{excuses, failure};
use sim_harness::report::{Live, Outcome, Report};
use sim_harness::rows::{ListedSession, RowSet, since_start_text};
use sim_harness::verdict::Comparison;

/// Prints every run, then the number of runs that met their expectation.
pub(super) fn print(cases: &[Case], trace: bool) {
    let mut scenario = "";
    for case in cases {
        let report = &case.verdict.report;
        if scenario != report.scenario {
            scenario = &report.scenario;
            out!("{scenario}");
        }
        print_run(case);
        if trace {
            report.trace.entries().iter().for_each(|entry| out!("      {entry}"));
        }
    }
    let excused = cases.iter().filter(|case| is_excused(&case.verdict.report)).count();
    let rest = if excused == 0 { String::new() } else { format!("; {excused} passed with claims excused") };
    let unexpected = cases.iter().filter(|case| !case.verdict.expected).count();
    let runs = if cases.len() == 1 { "1 run".to_owned() } else { format!("{} runs", cases.len()) };
    match unexpected {
        0 => out!("\n{runs}, all as expected{rest}"),
        _ => out!("\n{runs}, {unexpected} NOT as expected{rest}"),
    }
}

fn print_run(case: &Case) {
    let verdict = &case.verdict;
    let report = &verdict.report;
    let judged = if verdict.expected { "as expected" } else { "NOT as expected" };
    let planted = excuses::plants(&case.scenario.behavior);
    out!("  {:<14} {:<10} {judged}{}{planted}", report.release, report.outcome, ends(report));
    print_text(&failure::claims(report));
    print_text(&failure::story(report));
    print_text(&failure::rows(verdict));
    if verdict.rows == Comparison::NoSnapshot && report.outcome != Outcome::RowsDiffer {
        out!("      no snapshot");
    }
    let wanted = case.found.named || !verdict.expected;
    if let Some(excused) = excuses::summary(&report.counts).filter(|_| wanted && is_excused(report)) {
        out!("      {}; {excused}", report.outcome);
    }
    if wanted {
        print_text(&failure::picture(&case.scenario, report));
    }
    if wanted || verdict.rows == Comparison::NoSnapshot {
        print_rows(&report.rows);
        print_live(report.live);
    }
    if !verdict.expected {
        print_text(&failure::ways(case));
    }
}

/// Whether the run passed, and did not judge every case.
fn is_excused(report: &Report) -> bool {
    report.outcome == Outcome::Passed && report.counts.iter().any(|(_, count)| count.excused() > 0)
}

fn print_text(text: &str) {
    text.lines().for_each(|line| out!("{line}"));
}

/// The alias of each row with its end reason, or `open`.
fn ends(report: &Report) -> String {
    let end = |row: ListedSession| format!("{} {}", row.alias, row.end_reason.as_deref().unwrap_or("open"));
    let ends: Vec<String> = report.rows.listed().into_iter().map(end).collect();
    if ends.is_empty() { "   no row".to_owned() } else { format!("   {}", ends.join(", ")) }
}

fn print_rows(rows: &RowSet) {
    print_listed(&rows.listed());
}

/// One line for each row of `sessions`.
pub(super) fn print_listed(rows: &[ListedSession]) {
    rows.iter().for_each(|row| out!("      {}", listed(row)));
}

/// A row of `sessions` in one line.
pub(super) fn listed(row: &ListedSession) -> String {
    let parent = row.parent.as_ref().map_or(String::new(), |parent| format!(", continues {parent}"));
    let end = match (row.ended_ms, &row.end_reason) {
        (Some(ms), reason) => format!("ended {} {}", since_start_text(ms), reason.as_deref().unwrap_or_default()),
        (None, _) => "open".to_owned(),
    };
    let started = since_start_text(row.started_ms);
    format!("{} {}{parent}: started {started}, {end}, {} messages", row.alias, row.id, row.message_count)
}

pub(super) fn print_live(live: Live) {
    let Live { sessions, timers, turns, connections } = live;
    out!("      live: {sessions} sessions, {timers} orphan timers, {turns} turns, {connections} connections");
}
