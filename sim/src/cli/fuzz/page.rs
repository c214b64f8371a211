//! The page of a campaign.

use std::time::Duration;

use sim_harness::coverage::Mark;
use sim_harness::invariant::ALL;
use sim_harness::simulation::Simulator;
use sim_harness::timeline::Timeline;
use sim_report::campaign::{Campaign as Content, Group, MarkLine, MarkReached, page};
use sim_report::{Copied, quoted};
use sim_search::fuzz::{Campaign, Mode, Summary};
use sim_search::shrink::Size;

use super::found::Kept;
use super::text::subject;
use crate::cli::html;
use crate::cli::marks::{self, Reached};

/// The page. Of the machine it has the time that the runs took.
pub(super) fn of(campaign: &Campaign, summary: &Summary, files: &[Kept<'_>], took: Duration) -> String {
    let behavior = campaign.behavior_under_test();
    let mark = |(mark, reached): (&'static Mark, Reached)| MarkLine {
        name: mark.name,
        about: mark.about,
        reached: match reached {
            Reached::Times(times) => MarkReached::Times(times),
            Reached::Missed => MarkReached::Missed,
            Reached::Excluded(by) => MarkReached::Excluded(by),
        },
    };
    page(&Content {
        command: command(campaign, summary),
        verdict: verdict(summary, files),
        numbers: numbers(campaign, summary, took),
        groups: files.iter().map(group).collect(),
        marks: marks::all(&summary.coverage, &behavior).map(mark).collect(),
        claims: html::claims(&summary.counts, summary.runs),
        coverage: &summary.coverage,
    })
}

fn command(campaign: &Campaign, summary: &Summary) -> String {
    let plants: String =
        campaign.behavior.iter().map(|(field, alternative)| format!(" --plant {field}={alternative}")).collect();
    let only: String = campaign.only.iter().map(|claim| format!(" --only {claim}")).collect();
    let guided = if campaign.mode == Mode::Guided { " --guided" } else { "" };
    let Campaign { seed, release, plan, .. } = campaign;
    format!(
        "sim fuzz --release {release}{plants}{only} --seed {seed} --runs {} --strategy {plan}{guided}",
        summary.runs
    )
}

fn verdict(summary: &Summary, files: &[Kept<'_>]) -> String {
    if let Some(difference) = &summary.different {
        return format!("not deterministic: run {} differs from itself", difference.run.number);
    }
    match files {
        [] => "no failure".to_owned(),
        [_] => "1 kind of failure".to_owned(),
        files => format!("{} kinds of failure", files.len()),
    }
}

fn numbers(campaign: &Campaign, summary: &Summary, took: Duration) -> Vec<(String, String)> {
    let seconds = took.as_secs_f64().max(0.001);
    let virtual_time = humantime::format_duration(Duration::from_secs(summary.uptime.0 / 1000));
    let pairs = [
        ("under test", subject(campaign)),
        ("seed", campaign.seed.to_string()),
        ("strategy", campaign.plan.to_string()),
        ("runs", summary.runs.to_string()),
        ("of them twice", summary.repeated.to_string()),
        ("events", summary.events.to_string()),
        ("virtual time", virtual_time.to_string()),
        ("transitions", summary.coverage.edges().len().to_string()),
        ("runs a second", format!("{:.0}", summary.runs as f64 / seconds)),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

fn group(kept: &Kept<'_>) -> Group {
    let Kept { finding, count, scenario, file, explained: causes } = kept;
    let size = |size: Size| format!("{} clients, {} sessions, {} steps", size.clients, size.sessions, size.steps);
    let run = format!("{} --release {}", quoted(&file.display().to_string()), finding.release);
    let page = file.with_extension("html");
    let report = Simulator::new().run(scenario, finding.release);
    Group {
        claim: finding.signature.claim.clone(),
        about: ALL
            .iter()
            .find(|known| known.name == finding.signature.claim)
            .map_or_else(String::new, |known| known.about.to_owned()),
        count: *count,
        first: format!("run {}, by {}", finding.run.number, finding.run.by()),
        at: finding.at.to_string(),
        detail: finding.detail.clone(),
        causes: causes.iter().map(ToString::to_string).collect(),
        shrunk: format!("Shrunk from {} to {}.", size(Size::of(&finding.scenario)), size(Size::of(scenario))),
        picture: Timeline::of(&report).to_string(),
        commands: vec![
            Copied::new("page", format!("sim report {run} -o {}", quoted(&page.display().to_string()))),
            Copied::new("replay", format!("sim replay {run}")),
            Copied::new("shrink", format!("sim shrink {run}")),
            Copied::new("every schedule", format!("sim explore {run}")),
        ],
    }
}
