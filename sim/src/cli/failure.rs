//! The report of a failing run: the claims and what contradicts them, the timeline, the rows that differ, and the next
//! commands.

use std::fmt::Write;

use gateway_core::clock::Millis;
use gateway_core::release::Release;

use super::case::Case;
use interleaving::strategy::Fifo;
use sim_harness::invariant::ALL;
use sim_harness::report::{Outcome, Report};
use sim_harness::simulation::Simulator;
use sim_harness::snapshot::differences;
use sim_harness::story::Skipped;
use sim_harness::timeline::Timeline;
use sim_harness::verdict::{Comparison, Verdict};
use sim_report::quoted;
use sim_scenario::{OnSkip, Scenario};

/// The indentation of a run's lines.
const MARGIN: &str = "      ";

/// The largest width of a timeline, in columns, without the margin.
const PICTURE_WIDTH: usize = 94;

/// The largest number of row facts in a report.
const FACTS_MAX: usize = 12;

/// One line about a run that does not meet its expectation.
pub(super) fn summary(case: &Case) -> String {
    let report = &case.verdict.report;
    let seen = report
        .violations
        .first()
        .map(|violation| format!("{} at {}: {}", violation.invariant, Millis(violation.at_ms), violation.detail));
    let rows = || match &case.verdict.rows {
        Comparison::Differ(lines) if report.outcome == Outcome::RowsDiffer => Some(lines.join("; ")),
        _ => None,
    };
    let story = || match report.outcome {
        Outcome::Story => Some(unallowed(report).map(Skipped::to_string).collect::<Vec<_>>().join("; ")),
        Outcome::FactsDiffer => report.unmet.first().map(|fact| fact.to_string().replace("\n", ";")),
        _ => None,
    };
    let seen = seen.or_else(|| report.detail.clone()).or_else(rows).or_else(story);
    seen.unwrap_or_else(|| format!("{}, which the file does not expect", report.outcome))
}

/// The violations of a run, each with its time, its detail and the claim.
pub(super) fn claims(report: &Report) -> String {
    let mut text = String::new();
    if let Some(detail) = &report.detail {
        line(&mut text, detail);
    }
    for violation in &report.violations {
        let about = ALL.iter().find(|invariant| invariant.name == violation.invariant).map_or("", |known| known.about);
        line(&mut text, &format!("{} at {}: {}", violation.invariant, Millis(violation.at_ms), violation.detail));
        line(&mut text, &format!("  claimed: {about}"));
    }
    text
}

/// The parts of the file that had no effect although it does not allow that, and the facts that do not hold.
pub(super) fn story(report: &Report) -> String {
    let mut text = String::new();
    if report.outcome == Outcome::Story {
        line(&mut text, "parts of the file that had no effect");
        unallowed(report).for_each(|part| line(&mut text, &format!("  {part}")));
        line(&mut text, "  (mend the script, or write `may_skip = true` where it may happen)");
    }
    if !report.unmet.is_empty() {
        line(&mut text, "facts that do not hold");
        for fact in &report.unmet {
            fact.to_string().lines().for_each(|part| line(&mut text, &format!("  {part}")));
        }
    }
    text
}

fn unallowed(report: &Report) -> impl Iterator<Item = &Skipped> {
    report.skipped.iter().filter(|part| part.on_skip == OnSkip::Fails)
}

/// The timeline of a failed run, and how its rows differ from those of `current`.
pub(super) fn picture(scenario: &Scenario, report: &Report) -> String {
    let mut text = String::new();
    if matches!(report.outcome, Outcome::Passed | Outcome::RowsDiffer | Outcome::Story) {
        return text;
    }
    line(&mut text, "");
    format!("{:PICTURE_WIDTH$}", Timeline::of(report)).lines().for_each(|row| line(&mut text, row));
    let differing = rows_beside_current(scenario, report);
    if !differing.is_empty() {
        line(&mut text, "");
        line(&mut text, "rows that differ from those of `current` on the scripted schedule");
        facts(&mut text, &differing);
    }
    line(&mut text, "");
    text
}

/// The rows that differ from the snapshot.
pub(super) fn rows(verdict: &Verdict) -> String {
    let mut text = String::new();
    if let Comparison::Differ(lines) = &verdict.rows {
        line(&mut text, "rows that differ from the snapshot");
        facts(&mut text, lines);
    }
    text
}

/// The commands that repeat, shrink and explore a failing run.
pub(super) fn ways(case: &Case) -> String {
    let Case { again, plants, flags, .. } = case;
    let report = &case.verdict.report;
    let mut text = String::new();
    let run = format!("{} --release {}{plants}", quoted(&report.scenario), report.release);
    line(&mut text, &format!("replay   sim {again} {run}{flags}"));
    if matches!(
        report.outcome,
        Outcome::Violated | Outcome::Panicked | Outcome::NotAtRest | Outcome::Limit | Outcome::FactsDiffer
    ) {
        line(&mut text, &format!("shrink   sim shrink {run}{flags}"));
        line(&mut text, &format!("explore  sim explore {run}"));
    }
    text
}

fn rows_beside_current(scenario: &Scenario, report: &Report) -> Vec<String> {
    if report.release == Release::Current && scenario.behavior.is_empty() {
        return Vec::new();
    }
    let sound = Scenario { behavior: Vec::new(), tapes: Default::default(), ..scenario.clone() };
    let sound = Simulator::new().run_with(&sound, Release::Current, Box::new(Fifo));
    match sound.outcome {
        Outcome::Passed => differences(&sound.rows.facts(), &report.rows.facts()),
        // A reference run that fails is not compared.
        _ => Vec::new(),
    }
}

fn facts(text: &mut String, differing: &[String]) {
    differing.iter().take(FACTS_MAX).for_each(|fact| line(text, &format!("  {fact}")));
    if let Some(more) = differing.len().checked_sub(FACTS_MAX + 1) {
        line(text, &format!("  … {} more", more + 1));
    }
}

fn line(text: &mut String, words: &str) {
    let line = format!("{MARGIN}{words}");
    writeln!(text, "{}", line.trim_end()).expect("a string takes all");
}
