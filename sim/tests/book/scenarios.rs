//! The scenarios that show each defect, and the reasons of defects without a scenario.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use sim_harness::invariant::NAMES;
use sim_harness::rows::RowSet;
use sim_harness::{Release, Scenario, Simulator};
use sim_scenario::Expected;

use super::absent::ABSENT;

/// The scenarios of the defects whose first id is in one of these ranges, such as `S1-S15`.
pub(crate) fn defects(ranges: &[&str]) -> String {
    let mut lines: Vec<(Vec<Defect>, String)> = scenarios("defects").iter().filter_map(line).collect();
    lines.sort();
    let mut table =
        "| defect | scenario | releases that show it | detected by |\n| --- | --- | --- | --- |\n".to_owned();
    let within = |defect: &Defect| {
        ranges.iter().any(|range| {
            let (first, last) = range.split_once('-').expect("a range has two ends");
            Defect::parse(first).as_ref() <= Some(defect) && Some(defect) <= Defect::parse(last).as_ref()
        })
    };
    table.extend(lines.into_iter().filter(|(defects, _)| within(&defects[0])).map(|(_, line)| line));
    table
}

/// What each scenario of the family `faults` shows; `1/2` is the first half of them.
pub(crate) fn faults(words: &[&str]) -> String {
    let mut all = scenarios("faults");
    let half = all.len().div_ceil(2);
    let rest = all.split_off(half);
    let shown = if words == ["1/2"] { all } else { rest };
    let mut table = "| scenario | what it shows |\n| --- | --- |\n".to_owned();
    for Scenario { name, about, .. } in shown {
        writeln!(table, "| `{name}` | {about} |").expect("a string takes all");
    }
    table
}

/// The reasons why defects have no scenario.
pub(crate) fn absent() -> String {
    let mut table = "| defect | reason |\n| --- | --- |\n".to_owned();
    for (defects, why) in ABSENT {
        let defects: Vec<String> = defects.split(", ").map(linked).collect();
        writeln!(table, "| {} | {why} |", defects.join(", ")).expect("a string takes all");
    }
    table
}

fn linked(id: &str) -> String {
    super::tables::link(id).map_or_else(|| id.to_owned(), |link| format!("[{id}](../{link})"))
}

/// Defects of the catalogue without a scenario and a reason, and reasons for defects with a scenario.
pub(crate) fn gaps() -> Vec<String> {
    let shown: BTreeSet<Defect> = scenarios("defects").iter().flat_map(ids).collect();
    let excused: Vec<Defect> = ABSENT.iter().flat_map(|(ids, _)| ids.split(", ")).filter_map(Defect::parse).collect();
    let ranks = [('S', 34), ('A', 35), ('B', 8)];
    let all =
        ranks.into_iter().flat_map(|(rank, last)| (1..=last).map(move |number| Defect { rank: order(rank), number }));
    let mut gaps = Vec::new();
    for defect in all {
        match (shown.contains(&defect), excused.iter().filter(|excused| **excused == defect).count()) {
            (true, 0) | (false, 1) => {}
            (true, _) => gaps.push(format!("{} has a scenario and a reason to have none", defect.name())),
            (false, 0) => gaps.push(format!("{} has neither a scenario nor a reason", defect.name())),
            (false, _) => gaps.push(format!("{} has two reasons", defect.name())),
        }
    }
    gaps
}

/// `S12`: a rank and a number, in the order of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Defect {
    rank: usize,
    number: u32,
}

/// What 0.16.0 shows in every scenario with a reap.
const REASON: Defect = Defect { rank: 1, number: 1 };

const RANKS: &str = "SAB";

fn order(rank: char) -> usize {
    RANKS.find(rank).expect("a rank of the catalogue")
}

impl Defect {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.chars();
        let rank = RANKS.find(rest.next()?)?;
        Some(Self { rank, number: rest.as_str().parse().ok()? })
    }

    fn name(&self) -> String {
        format!("{}{}", &RANKS[self.rank..=self.rank], self.number)
    }
}

fn scenarios(family: &str) -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace");
    let found = sim_scenario::find(&[root.join("scenarios").join(family)]).expect("there are scenarios");
    found.iter().map(|found| Scenario::load(&found.path, &NAMES).unwrap_or_else(|error| panic!("{error}"))).collect()
}

fn ids(scenario: &Scenario) -> Vec<Defect> {
    scenario.issues.iter().filter_map(|issue| Defect::parse(issue)).collect()
}

/// A line of the first table, for a scenario that names a defect.
fn line(scenario: &Scenario) -> Option<(Vec<Defect>, String)> {
    let defects = ids(scenario);
    if defects.is_empty() {
        return None;
    }
    let names: Vec<String> = defects.iter().map(|defect| linked(&defect.name())).collect();
    let (releases, seen_by) = shown_by(scenario);
    let name = &scenario.name;
    let line = format!("| {} | `{name}` | {releases} | {seen_by} |\n", names.join(", "));
    Some((defects, line))
}

/// The releases that show the defect, and the invariants or rows that reveal it.
fn shown_by(scenario: &Scenario) -> (String, String) {
    let mut invariants: BTreeMap<&str, BTreeSet<Release>> = BTreeMap::new();
    for (release, expected) in &scenario.expect {
        if let Expected::Violates(names) = expected {
            let about_reason = ids(scenario).contains(&REASON);
            for name in names.iter().filter(|name| about_reason || *name != "end_reason_matches_actor") {
                invariants.entry(name).or_default().insert(*release);
            }
        }
    }
    if invariants.is_empty() {
        let differ = with_other_rows(scenario);
        let control = differ.is_empty();
        return if control {
            ("none: a control".to_owned(), "-".to_owned())
        } else {
            (list(&differ), "rows".to_owned())
        };
    }
    let releases: BTreeSet<Release> = invariants.values().flatten().copied().collect();
    let names: Vec<String> = invariants.keys().map(|name| format!("`{name}`")).collect();
    (list(&releases), names.join(", "))
}

fn with_other_rows(scenario: &Scenario) -> BTreeSet<Release> {
    let mut simulator = Simulator::new();
    let mut rows = |release: Release| -> RowSet { simulator.run(scenario, release).rows };
    let current = rows(Release::Current);
    scenario.releases.iter().copied().filter(|release| rows(*release) != current).collect()
}

fn list(releases: &BTreeSet<Release>) -> String {
    releases.iter().map(|release| release.name()).collect::<Vec<_>>().join(", ")
}
