//! `sim coverage`: the states that sessions reach in a campaign, as a table, a graph or data.

use std::num::NonZeroUsize;

use clap::ValueEnum;
use gateway_core::release::Release;
use serde_json::{Value, json};

use super::bounds;
use super::bounds::release;
use super::fuzz::Shard;
use super::fuzz::campaign::{self, Work};
use super::marks::{self, Reached};
use super::plant::Plants;
use super::spread::threads;
use sim_harness::coverage::{Coverage, Edge, Form, MARKS, Mark, State};
use sim_search::fuzz::{Campaign, Guard, Mode, Summary};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Number of runs, from 1 to 100000000
    #[arg(long, value_name = "N", default_value_t = 4000, value_parser = bounds::runs())]
    runs: u64,
    /// Seed of the campaign. The same seed gives the same scenarios and schedules
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The release under test
    #[arg(long, value_name = "R", value_parser = release, default_value_t = Release::Current)]
    release: Release,
    #[command(flatten)]
    plants: Plants,
    /// Derive some of the scenarios from earlier ones that reached new states
    #[arg(long)]
    guided: bool,
    /// Number of threads, from 1 to 1024. The output does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = bounds::jobs)]
    jobs: Option<NonZeroUsize>,
    /// How to print the transitions. The graphs have fewer states than the table, to stay readable
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The transitions with their counts, the most frequent first, then the marks
    Table,
    /// The transitions as a graph in the language of Graphviz
    Dot,
    /// The transitions as a graph in the language of Mermaid
    Mermaid,
    /// The content of the table as one JSON document
    Json,
}

/// Runs a campaign for its coverage. Failures are not reported: that is the task of `sim fuzz`.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let campaign = Campaign {
        behavior: arguments.plants.list(),
        guard: Guard::Off,
        mode: if arguments.guided { Mode::Guided } else { Mode::Blind },
        ..Campaign::new(arguments.seed, arguments.release)
    };
    let threads = threads(arguments.jobs);
    let work = Work { runs: arguments.runs, shard: Shard::WHOLE, threads, budget: None, fail_fast: false };
    let summary = campaign::carry_out(&campaign, &work);
    match arguments.format {
        Format::Table => table(&campaign, &summary),
        Format::Dot => out!("{}", summary.coverage.graph(Form::Dot).trim_end()),
        Format::Mermaid => out!("{}", summary.coverage.graph(Form::Mermaid).trim_end()),
        Format::Json => json(&campaign, &summary),
    }
    Ok(0)
}

fn table(campaign: &Campaign, summary: &Summary) {
    let coverage = &summary.coverage;
    out!("{} runs of seed {} under {}", summary.runs, campaign.seed, campaign.release);
    out!("\n{} edges: count, task, and the state of the session before and after", coverage.edges().len());
    for (edge, count) in by_count(coverage) {
        let from = edge.from.map_or_else(|| "none".to_owned(), |state| state.to_string());
        out!("{count:>8}  {:<12} {from}\n{:>23}→ {}", edge.by, "", edge.to);
    }
    out!("\n{} marks", MARKS.len());
    for (mark, reached) in marks::all(coverage, &campaign.behavior_under_test()) {
        out!("{}", marks::line(mark, &reached));
    }
}

/// Sorted by frequency, the most frequent first.
fn by_count(coverage: &Coverage) -> Vec<(&Edge, u64)> {
    let mut edges: Vec<(&Edge, u64)> = coverage.edges().iter().map(|(edge, count)| (edge, *count)).collect();
    edges.sort_by_key(|(edge, count)| (std::cmp::Reverse(*count), *edge));
    edges
}

fn json(campaign: &Campaign, summary: &Summary) {
    let edge = |(edge, count): (&Edge, u64)| -> Value {
        json!({ "count": count, "by": edge.by.word(), "from": edge.from.map(state), "to": state(edge.to) })
    };
    let behavior = campaign.behavior_under_test();
    let mark = |(mark, reached): (&Mark, Reached)| -> Option<Value> {
        let count = match reached {
            Reached::Times(times) => times,
            Reached::Missed => 0,
            Reached::Excluded(_) => return None,
        };
        Some(json!({ "name": mark.name, "about": mark.about, "count": count }))
    };
    let document = json!({
        "seed": campaign.seed,
        "release": campaign.release.name(),
        "runs": summary.runs,
        "edges": by_count(&summary.coverage).into_iter().map(edge).collect::<Vec<_>>(),
        "marks": marks::all(&summary.coverage, &behavior).filter_map(mark).collect::<Vec<_>>(),
    });
    out!("{}", serde_json::to_string_pretty(&document).expect("edges are plain data"));
}

fn state(state: State) -> Value {
    let State { stage, client, timers, phase, waiting, row } = state;
    json!({
        "stage": stage.word(),
        "client": client.word(),
        "timers": timers.word(),
        "phase": phase.word(),
        "waiting": waiting.word(),
        "row": row.word(),
    })
}
