//! The report of a campaign. It contains no real time, so it is the same on every machine.

use std::collections::BTreeMap;

use gateway_core::clock::Millis;
use serde_json::{Value, json};

use super::claims;
use super::found::Kept;
use crate::cli::file::word;
use crate::cli::marks::Reached;
use crate::cli::{failure, github, marks};
use sim_harness::coverage::Mark;
use sim_harness::invariant::ALL;
use sim_harness::simulation::Simulator;
use sim_search::fuzz::{Campaign, Difference, Explanation, Mode, Summary};
use sim_search::shrink::Size;

pub(super) fn print(campaign: &Campaign, summary: &Summary, files: &[Kept<'_>]) {
    let virtual_time = std::time::Duration::from_secs(summary.uptime.0 / 1000);
    let guided = if campaign.mode == Mode::Guided { ", guided" } else { "" };
    out!("seed {}, {}, {}{guided}", campaign.seed, subject(campaign), campaign.plan);
    out!(
        "{} runs, {} of them twice; {} events in {} of virtual time; {} edges",
        summary.runs,
        summary.repeated,
        summary.events,
        humantime::format_duration(virtual_time),
        summary.coverage.edges().len()
    );
    out!("\nmarks");
    for (mark, reached) in marks::all(&summary.coverage, &campaign.behavior_under_test()) {
        out!("  {}", marks::line(mark, &reached));
    }
    claims::print(summary);
    if let Some(difference) = &summary.different {
        print_difference(difference);
    }
    files.iter().for_each(print_finding);
    match files.first() {
        None => out!("\nno failure"),
        Some(first) => {
            let kinds = if files.len() == 1 { "kind" } else { "kinds" };
            out!("\n{} {kinds} of failure; the first is in run {}", files.len(), first.finding.run.number);
        }
    }
}

pub(super) fn subject(campaign: &Campaign) -> String {
    let planted: Vec<String> = campaign.behavior.iter().map(|(field, value)| format!("{field} = {value}")).collect();
    match planted.is_empty() {
        true => campaign.release.to_string(),
        false => format!("{} with {}", campaign.release, planted.join(", ")),
    }
}

fn print_difference(difference: &Difference) {
    let text = |entry: &Option<String>| entry.clone().unwrap_or_else(|| "the end of the trace".to_owned());
    out!("\nNOT DETERMINISTIC: run {} differs from itself at entry {}", difference.run.number, difference.entry);
    out!("  first   {}", text(&difference.first));
    out!("  second  {}", text(&difference.second));
}

fn print_finding(kept: &Kept<'_>) {
    let Kept { finding, count, .. } = kept;
    let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
    out!("\n{} ({times}; first in run {}, by {})", finding.signature.claim, finding.run.number, finding.run.by());
    out!("  at {}: {}", finding.at, finding.detail);
    if let Some(claim) = ALL.iter().find(|invariant| invariant.name == finding.signature.claim) {
        out!("  claimed: {}", claim.about);
    }
    for explanation in &kept.explained {
        out!("  explained by {explanation}");
    }
    let size = |size: Size| format!("{} clients, {} sessions, {} steps", size.clients, size.sessions, size.steps);
    out!("  shrunk from {} to {}", size(Size::of(&finding.scenario)), size(Size::of(&kept.scenario)));
    let report = Simulator::new().run(&kept.scenario, finding.release);
    failure::picture(&kept.scenario, &report).lines().for_each(|line| out!("{line}"));
    let run = format!("{} --release {}", word(&kept.file), finding.release);
    out!("  replay   sim replay {run}");
    out!("  shrink   sim shrink {run}");
    out!("  explore  sim explore {run}");
}

/// An annotation for each finding, at the first line of its file.
pub(super) fn print_github(files: &[Kept<'_>]) {
    for Kept { finding, file, .. } in files {
        let title = format!("{} under {}", finding.signature.claim, finding.release);
        let message = format!("run {} at {}: {}", finding.run.number, finding.at, finding.detail);
        github::error(&file.display().to_string(), 1, &title, &message);
    }
}

pub(super) fn print_json(campaign: &Campaign, summary: &Summary, files: &[Kept<'_>]) {
    let behavior = campaign.behavior_under_test();
    let count = |(mark, reached): (&Mark, Reached)| match reached {
        Reached::Times(times) => Some((mark.name, times)),
        Reached::Missed => Some((mark.name, 0)),
        Reached::Excluded(_) => None,
    };
    let marks: BTreeMap<&str, u64> = marks::all(&summary.coverage, &behavior).filter_map(count).collect();
    let of_field = |explanation: &Explanation| -> Value {
        let Explanation { field, alternative, .. } = explanation;
        json!({"field": field, "alternative": alternative, "defects": explanation.defects()})
    };
    let found = |kept: &Kept<'_>| -> Value {
        let finding = kept.finding;
        json!({
            "invariant": finding.signature.claim,
            "shape": finding.signature.detail,
            "count": kept.count,
            "run": finding.run.number,
            "strategy": finding.run.by(),
            "at_ms": finding.at.0,
            "detail": finding.detail,
            "explained": kept.explained.iter().map(of_field).collect::<Vec<_>>(),
            "file": kept.file.display().to_string(),
        })
    };
    let document = json!({
        "seed": campaign.seed,
        "release": campaign.release.name(),
        "behavior": campaign.behavior.iter().map(|(field, value)| format!("{field}={value}")).collect::<Vec<_>>(),
        "strategy": campaign.plan.to_string(),
        "guided": campaign.mode == Mode::Guided,
        "runs": summary.runs,
        "repeated": summary.repeated,
        "events": summary.events,
        "uptime_ms": Millis(summary.uptime.0).0,
        "edges": summary.coverage.edges().len(),
        "marks": marks,
        "claims": summary.counts.listed(),
        "blind": claims::listed(summary),
        "deterministic": summary.different.is_none(),
        "findings": files.iter().map(found).collect::<Vec<_>>(),
    });
    out!("{}", serde_json::to_string_pretty(&document).expect("a summary is plain data"));
}
