//! The table of a benchmark: printed line by line, and parsed back.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::time::Duration;

use gateway_core::behavior::Behavior;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::{Format, Pair, Planted};

/// A table that is printed while its cells are measured.
pub(super) struct Table {
    format: Format,
    bar: Option<ProgressBar>,
    /// By strategy: the number of bugs that every seed found, and the bugs that some seed missed.
    found: BTreeMap<String, (u64, Vec<String>)>,
}

/// A pair as a line of JSON.
#[derive(Serialize, Deserialize)]
struct Line {
    field: String,
    alternative: String,
    strategy: String,
    found: u64,
    campaigns: u64,
    median_runs: Option<u64>,
    median_ms: Option<f64>,
    claim: Option<String>,
    clients: Option<usize>,
    sessions: Option<usize>,
    steps: Option<usize>,
}

/// The pairs of an earlier table.
pub(super) fn done(text: &str) -> serde_json::Result<BTreeSet<Pair>> {
    let pair = |line: Line| Pair { field: line.field, alternative: line.alternative, strategy: line.strategy };
    text.lines().map(|line| serde_json::from_str(line).map(pair)).collect()
}

impl Table {
    pub(super) fn new(format: Format, pairs: usize) -> Self {
        let watched = std::io::stderr().is_terminal();
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} pairs  {elapsed_precise}");
        let bar = watched.then(|| ProgressBar::new(pairs as u64).with_style(style.expect("the template is good")));
        Self { format, bar, found: BTreeMap::new() }
    }

    pub(super) fn begin(&self, planted: &Planted) {
        if self.format == Format::Human {
            out!("planted bugs on `current`, {} seeds, at most {} runs each\n", planted.seeds, planted.runs);
            out!("| bug | strategy | found | median run | median time | by | shrunk: clients, sessions, steps |");
            out!("| --- | --- | ---: | ---: | ---: | --- | --- |");
        }
    }

    /// Reports the number of pairs that are done.
    pub(super) fn show(&self, pairs: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(pairs as u64);
        }
    }

    pub(super) fn line(&mut self, pair: &Pair, cell: Cell) {
        let (whole, missed) = self.found.entry(pair.strategy.clone()).or_default();
        if cell.found.len() as u64 == cell.campaigns {
            *whole += 1;
        } else {
            missed.push(format!("{} = {}", pair.field, pair.alternative));
        }
        let print = || match self.format {
            Format::Human => out!("{}", human(pair, &cell)),
            Format::Json => out!("{}", json(pair, &cell)),
        };
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// How often each strategy has found everything, and what is no bug.
    pub(super) fn finish(self, planted: &Planted, took: Duration) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        let pairs: u64 = self.found.values().map(|(whole, missed)| whole + missed.len() as u64).sum();
        eprintln!("{pairs} pairs in {:.0} s", took.as_secs_f64());
        if self.format == Format::Json {
            return;
        }
        out!("\nfound with each seed:");
        for (strategy, (whole, missed)) in &self.found {
            let but = if missed.is_empty() { String::new() } else { format!(", not {}", missed.join(", ")) };
            out!("* {strategy}: {whole} of {}{but}", whole + missed.len() as u64);
        }
        if planted.bugs.is_empty() {
            out!("\nnot measured, since they are no defects:");
            for field in Behavior::default().fields() {
                let harmless = field.alternatives.iter().filter_map(|way| Some((way.name, way.harmless?)));
                harmless.for_each(|(way, why)| out!("* {} = {way}: {why}", field.name));
            }
        }
    }
}

fn human(pair: &Pair, cell: &Cell) -> String {
    let Pair { field, alternative, strategy } = pair;
    let share = format!("| {field} = {alternative} | {strategy} | {} of {} |", cell.found.len(), cell.campaigns);
    let Some((runs, took)) = cell.median() else { return format!("{share} - | - | - | given up |") };
    let size = cell.size.as_ref();
    let size = size.map(|size| format!("{}, {}, {}", size.clients, size.sessions, size.steps)).unwrap_or_default();
    let claim = cell.claim.as_deref().unwrap_or_default();
    format!("{share} {runs} | {:.2} s | {claim} | {size} |", took.as_secs_f64())
}

fn json(pair: &Pair, cell: &Cell) -> String {
    let (median, size) = (cell.median(), cell.size.as_ref());
    let line = Line {
        field: pair.field.clone(),
        alternative: pair.alternative.clone(),
        strategy: pair.strategy.clone(),
        found: cell.found.len() as u64,
        campaigns: cell.campaigns,
        median_runs: median.map(|(runs, _)| runs),
        median_ms: median.map(|(_, took)| took.as_secs_f64() * 1000.0),
        claim: cell.claim.clone(),
        clients: size.map(|size| size.clients),
        sessions: size.map(|size| size.sessions),
        steps: size.map(|size| size.steps),
    };
    serde_json::to_string(&line).expect("a line is plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs that an earlier table printed as JSON are skipped.
    #[test]
    fn lines_are_read_back_as_pairs() {
        let pair = |strategy: &str| Pair {
            field: "grace.expiry".to_owned(),
            alternative: "one_shot".to_owned(),
            strategy: strategy.to_owned(),
        };
        let found = Cell { campaigns: 3, found: vec![(7, Duration::from_millis(5))], ..Cell::default() };
        let lines = [json(&pair("fifo"), &found), json(&pair("pct:3"), &Cell::default())].join("\n");
        assert_eq!(done(&lines).expect("they are lines"), BTreeSet::from([pair("fifo"), pair("pct:3")]));
        assert!(done("not a line").is_err());
    }
}
