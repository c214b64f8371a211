//! What a campaign prints, and the files it leaves. No time of the machine is in it: it is the same on every machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gateway::clock::Millis;
use miette::{Context, IntoDiagnostic};
use serde_json::{Value, json};

use crate::coverage::MARKS;
use crate::fuzz::{Campaign, Difference, Finding, Summary};
use crate::shape::Shape;

/// Where the scenario of each finding is.
pub(super) type Files = BTreeMap<Shape, PathBuf>;

/// Writes the first failing scenario of each shape as a file.
pub(super) fn write_findings(summary: &Summary, folder: &Path) -> miette::Result<Files> {
    let mut files = Files::new();
    for (shape, (finding, _)) in &summary.findings {
        let path = folder.join(format!("{}_run{}.toml", shape.claim, finding.run.number));
        std::fs::create_dir_all(folder)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot make {}", folder.display()))?;
        let text = finding.expecting().to_toml();
        std::fs::write(&path, text).into_diagnostic().wrap_err_with(|| format!("cannot write {}", path.display()))?;
        files.insert(shape.clone(), path);
    }
    Ok(files)
}

pub(super) fn print(campaign: &Campaign, summary: &Summary, files: &Files) {
    let virtual_time = std::time::Duration::from_secs(summary.uptime.0 / 1000);
    out!("seed {}, {}, {}", campaign.seed, subject(campaign), campaign.plan);
    out!(
        "{} runs, {} of them twice; {} events in {} of virtual time; {} edges",
        summary.runs,
        summary.repeated,
        summary.events,
        humantime::format_duration(virtual_time),
        summary.coverage.edges().len()
    );
    out!("\nmarks");
    for mark in MARKS {
        let count = summary.coverage.mark(mark.name);
        let count = if count == 0 { "MISSED".to_owned() } else { count.to_string() };
        out!("  {count:>8}  {:<28} {}", mark.name, mark.about);
    }
    if let Some(difference) = &summary.different {
        print_difference(difference);
    }
    let mut findings: Vec<_> = summary.findings.iter().collect();
    findings.sort_by_key(|(_, (finding, _))| finding.run.number);
    for (shape, (finding, count)) in &findings {
        print_finding(shape, finding, *count, &files[*shape]);
    }
    match findings.len() {
        0 => out!("\nno failure"),
        shapes => out!("\n{shapes} kinds of failure; the first is in run {}", findings[0].1.0.run.number),
    }
}

fn subject(campaign: &Campaign) -> String {
    let planted: Vec<String> = campaign.behavior.iter().map(|(field, value)| format!("{field} = {value}")).collect();
    match planted.is_empty() {
        true => campaign.release.to_string(),
        false => format!("{} with {}", campaign.release, planted.join(", ")),
    }
}

fn print_difference(difference: &Difference) {
    let text = |entry: &Option<String>| entry.clone().unwrap_or_else(|| "nothing: the trace is over".to_owned());
    out!("\nNOT DETERMINISTIC: run {} differs from itself at entry {}", difference.run.number, difference.entry);
    out!("  first   {}", text(&difference.first));
    out!("  second  {}", text(&difference.second));
}

fn print_finding(shape: &Shape, finding: &Finding, count: u64, file: &Path) {
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    out!("\n{} ({times}; first in run {}, by {})", shape.claim, finding.run.number, finding.run.plan);
    out!("  at {}: {}", finding.at, finding.detail);
    out!("  replay   sim replay '{}'", file.display());
    out!("  shrink   sim shrink '{}'", file.display());
}

pub(super) fn print_json(campaign: &Campaign, summary: &Summary, files: &Files) {
    let marks: BTreeMap<&str, u64> = MARKS.iter().map(|mark| (mark.name, summary.coverage.mark(mark.name))).collect();
    let finding = |(shape, (finding, count)): (&Shape, &(Finding, u64))| -> Value {
        json!({
            "invariant": shape.claim,
            "shape": shape.seen,
            "count": count,
            "run": finding.run.number,
            "strategy": finding.run.plan.to_string(),
            "at_ms": finding.at.0,
            "detail": finding.detail,
            "file": files[shape].display().to_string(),
        })
    };
    let document = json!({
        "seed": campaign.seed,
        "release": campaign.release.name(),
        "behavior": campaign.behavior.iter().map(|(field, value)| format!("{field}={value}")).collect::<Vec<_>>(),
        "strategy": campaign.plan.to_string(),
        "runs": summary.runs,
        "repeated": summary.repeated,
        "events": summary.events,
        "uptime_ms": Millis(summary.uptime.0).0,
        "edges": summary.coverage.edges().len(),
        "marks": marks,
        "deterministic": summary.different.is_none(),
        "findings": summary.findings.iter().map(finding).collect::<Vec<_>>(),
    });
    out!("{}", serde_json::to_string_pretty(&document).expect("a summary is plain data"));
}
