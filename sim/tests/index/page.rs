//! The text of `scenarios/README.md`: which defect is shown where, and why some are not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use sim_harness::invariant::NAMES;
use sim_harness::rows::Tables;
use sim_harness::{Release, Scenario, Simulator};
use sim_scenario::Expected;

use super::absent::ABSENT;

const HEAD: &str = "# Scenarios

Generated from the files by `cargo run -q -p sim --example index > scenarios/README.md`; a test compares.

Defects are numbered as in the project's catalogue of the modelled gateway: S are interleavings, A are missing steps or
wrong orders, B concern the database. A release shows a defect where its run violates the invariants named, or, where
no invariant judges it, where its rows are not those of `current` (`rows`). Under `current` every scenario passes.
hermes-agent#44045, which is S1, has a family of its own in `issues`. That 0.16.0 calls every reap `tui_close` (A1) is said
once, though `end_reason_matches_actor` sees it in more scenarios.

## Defects and their scenarios

| defect | issues | scenario | releases that show it | seen by |
| --- | --- | --- | --- | --- |
";

const FAULTS: &str = "
## Under faults

What the gateway owes when something else goes wrong; *Faults and duties* in ARCHITECTURE has the whole list. What the older
releases do that a file names is in its snapshot.

| scenario | what it shows |
| --- | --- |
";

const REST: &str = "
## Defects without a scenario

| defect | why |
| --- | --- |
";

/// The whole page.
pub(crate) fn page() -> String {
    let mut lines: Vec<(Vec<Defect>, String)> = scenarios("defects").iter().filter_map(line).collect();
    lines.sort();
    let mut page = HEAD.to_owned();
    page.extend(lines.into_iter().map(|(_, line)| line));
    page.push_str(FAULTS);
    for Scenario { name, about, .. } in scenarios("faults") {
        writeln!(page, "| [{name}](faults/{name}.toml) | {about} |").expect("a string takes all");
    }
    page.push_str(REST);
    for (defects, why) in ABSENT {
        writeln!(page, "| {defects} | {why} |").expect("a string takes all");
    }
    page
}

/// Defects of the catalogue that neither have a scenario nor a reason, and reasons for those that have a scenario.
pub(crate) fn gaps() -> Vec<String> {
    let shown: BTreeSet<Defect> = scenarios("defects").iter().flat_map(defects).collect();
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

fn defects(scenario: &Scenario) -> Vec<Defect> {
    scenario.issues.iter().filter_map(|issue| Defect::parse(issue)).collect()
}

/// A line of the first table, for a scenario that names a defect.
fn line(scenario: &Scenario) -> Option<(Vec<Defect>, String)> {
    let defects = defects(scenario);
    if defects.is_empty() {
        return None;
    }
    let names: Vec<String> = defects.iter().map(Defect::name).collect();
    let issues = scenario.issues.iter().filter_map(|issue| issue.split_once('#'));
    let links: Vec<String> = issues
        .map(|(project, number)| format!("[#{number}](https://github.com/NousResearch/{project}/issues/{number})"))
        .collect();
    let (releases, seen_by) = shown_by(scenario);
    let name = &scenario.name;
    let line = format!(
        "| {} | {} | [{name}](defects/{name}.toml) | {releases} | {seen_by} |\n",
        names.join(", "),
        links.join(" ")
    );
    Some((defects, line))
}

/// The releases that show the defect, and what sees it.
fn shown_by(scenario: &Scenario) -> (String, String) {
    let mut invariants: BTreeMap<&str, BTreeSet<Release>> = BTreeMap::new();
    for (release, expected) in &scenario.expect {
        if let Expected::Violates(names) = expected {
            let about_reason = defects(scenario).contains(&REASON);
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
    let mut rows = |release: Release| -> Tables { simulator.run(scenario, release).rows };
    let current = rows(Release::Current);
    scenario.releases.iter().copied().filter(|release| rows(*release) != current).collect()
}

fn list(releases: &BTreeSet<Release>) -> String {
    releases.iter().map(|release| release.name()).collect::<Vec<_>>().join(", ")
}
