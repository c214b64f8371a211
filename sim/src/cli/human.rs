//! Reports for a person: a line a run, more where something needs looking at.

use gateway::clock::Millis;

use crate::report::{Live, Outcome, Report};
use crate::rows::{ListedSession, Tables};
use crate::scenario::Found;
use crate::verdict::{Comparison, Verdict};

/// Prints every run, then how many were as expected. `schedule` is what the way back to a run needs beside its file.
pub(super) fn print(verdicts: &[(Found, Verdict)], schedule: &str, trace: bool) {
    let mut scenario = "";
    for (found, verdict) in verdicts {
        if scenario != verdict.report.scenario {
            scenario = &verdict.report.scenario;
            out!("{scenario}");
        }
        print_run(found, verdict, schedule);
        if trace {
            verdict.report.trace.entries().iter().for_each(|entry| out!("      {entry}"));
        }
    }
    let unexpected = verdicts.iter().filter(|(_, verdict)| !verdict.expected).count();
    let runs = verdicts.len();
    match unexpected {
        0 => out!("\n{runs} run{}, all as expected", if runs == 1 { "" } else { "s" }),
        _ => out!("\n{runs} runs, {unexpected} NOT as expected"),
    }
}

fn print_run(found: &Found, verdict: &Verdict, schedule: &str) {
    let report = &verdict.report;
    let judged = if verdict.expected { "as expected" } else { "NOT as expected" };
    out!("  {:<14} {:<10} {judged}{}", report.release, report.outcome, ends(report));
    if let Some(detail) = &report.detail {
        out!("      {detail}");
    }
    for violation in &report.violations {
        out!("      {} at {}: {}", violation.invariant, Millis(violation.at_ms), violation.detail);
    }
    if let Comparison::Differ(lines) = &verdict.rows {
        lines.iter().for_each(|line| out!("      {line}"));
    }
    if verdict.rows == Comparison::NoSnapshot && report.outcome != Outcome::RowsDiffer {
        out!("      no snapshot");
    }
    if found.named || verdict.rows == Comparison::NoSnapshot || !verdict.expected {
        print_rows(&report.rows);
        print_live(report.live);
    }
    if !verdict.expected {
        let run = format!("'{}' --release {}{schedule}", report.scenario, report.release);
        out!("      again: sim run {run}");
        if matches!(report.outcome, Outcome::Violated | Outcome::Panicked | Outcome::NotAtRest) {
            out!("      smaller: sim shrink {run}");
        }
    }
}

/// The heart of a run in a few words: how each row ended.
fn ends(report: &Report) -> String {
    let end = |row: ListedSession| format!("{} {}", row.alias, row.end_reason.as_deref().unwrap_or("open"));
    let ends: Vec<String> = report.rows.listed().into_iter().map(end).collect();
    if ends.is_empty() { "   no row".to_owned() } else { format!("   {}", ends.join(", ")) }
}

fn print_rows(rows: &Tables) {
    for row in rows.listed() {
        let time = |ms: u64| Millis(ms).to_string();
        let parent = row.parent.map_or(String::new(), |parent| format!(", continues {parent}"));
        let end = match (row.ended_ms, row.end_reason) {
            (Some(ms), reason) => format!("ended {} {}", time(ms), reason.unwrap_or_default()),
            (None, _) => "open".to_owned(),
        };
        out!(
            "      {} {}{parent}: started {}, {end}, {} messages",
            row.alias,
            row.id,
            time(row.started_ms),
            row.message_count
        );
    }
}

fn print_live(live: Live) {
    let Live { sessions, timers, turns, connections } = live;
    out!("      live: {sessions} sessions, {timers} orphan timers, {turns} turns, {connections} connections");
}
