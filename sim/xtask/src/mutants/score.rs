//! The score: results counted by area of the code, and the missed mutants with their reasons.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use miette::{Context, IntoDiagnostic, miette};

use super::outcome::{Mutant, Outcome};

/// Why missed mutants change nothing that a user could notice, by `file: change` without line and column.
pub(super) struct Reasons(BTreeMap<String, Why>);

/// The reasons of the missed mutants that have one key. There is one for each, so that a reason covers no other mutant.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Why {
    One(String),
    Each(Vec<String>),
}

/// Counts by area, and the missed mutants.
pub(super) struct Score {
    areas: BTreeMap<String, Counts>,
    /// Name and, where `reasons.toml` has one, the reason.
    missed: BTreeMap<String, Option<String>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    claim: u32,
    snapshot: u32,
    timeout: u32,
    unviable: u32,
    explained: u32,
    missed: u32,
    not_judged: u32,
}

impl Reasons {
    /// Reads `reasons.toml`.
    pub(super) fn read(place: &Path) -> miette::Result<Self> {
        let text =
            fs::read_to_string(place).into_diagnostic().wrap_err_with(|| format!("cannot read {}", place.display()))?;
        let reasons = toml::from_str(&text).map_err(|error| miette!("{}: {error}", place.display()))?;
        Ok(Self(reasons))
    }

    /// The reasons of the missed ones of these mutants, by name. Mutants of one key take its reasons in the order of their lines;
    /// they have none if there are more or fewer of them.
    fn of(&self, mutants: &[Mutant]) -> BTreeMap<String, String> {
        let mut by_key: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for mutant in mutants.iter().filter(|mutant| mutant.result == Outcome::Missed) {
            by_key.entry(without_place(&mutant.name)).or_default().push(&mutant.name);
        }
        let of_key = |(key, mut names): (String, Vec<&str>)| -> Vec<(String, String)> {
            names.sort_by_key(|name| place(name));
            let reasons = match self.0.get(&key) {
                Some(Why::One(reason)) => std::slice::from_ref(reason),
                Some(Why::Each(reasons)) => reasons,
                None => &[],
            };
            let pairs = names.iter().zip(reasons).map(|(name, reason)| ((*name).to_owned(), reason.clone()));
            if reasons.len() == names.len() { pairs.collect() } else { Vec::new() }
        };
        by_key.into_iter().flat_map(of_key).collect()
    }
}

/// Line and column of `file:line:column: change`.
fn place(name: &str) -> Vec<u32> {
    name.split(':').skip(1).take(2).filter_map(|number| number.parse().ok()).collect()
}

/// `file:line:column: change` as `file: change`.
fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.nth(2)) {
        (Some(file), Some(change)) => format!("{file}:{change}"),
        _ => name.to_owned(),
    }
}

/// The module of `gateway/core/src/AREA/…`.
fn area(name: &str) -> String {
    let path = name.split(':').next().unwrap_or(name);
    let inner = path.strip_prefix("gateway/core/src/").unwrap_or(path);
    inner.split('/').next().unwrap_or(inner).to_owned()
}

impl Score {
    /// The score of `mutants`. `all` are the results so far, these included: a part of the mutants of a key would not say which
    /// of its reasons is whose.
    pub(super) fn new(mutants: &[Mutant], all: &[Mutant], reasons: &Reasons) -> Self {
        let mut reasons = reasons.of(all);
        let missed = mutants.iter().filter(|mutant| mutant.result == Outcome::Missed);
        let missed = missed.map(|mutant| (mutant.name.clone(), reasons.remove(&mutant.name))).collect();
        let mut score = Self { areas: BTreeMap::new(), missed };
        for Mutant { name, result } in mutants {
            let counts = score.areas.entry(area(name)).or_default();
            *match result {
                Outcome::Caught(by) if by.starts_with("claim ") => &mut counts.claim,
                Outcome::Caught(_) => &mut counts.snapshot,
                Outcome::Timeout => &mut counts.timeout,
                Outcome::Unviable => &mut counts.unviable,
                Outcome::Missed if score.missed[name].is_some() => &mut counts.explained,
                Outcome::Missed => &mut counts.missed,
                Outcome::NotJudged => &mut counts.not_judged,
            } += 1;
        }
        score
    }

    /// Whether a missed mutant has no reason.
    pub(super) fn has_unexplained(&self) -> bool {
        self.missed.values().any(Option::is_none)
    }
}

impl Counts {
    fn add(self, other: Self) -> Self {
        Self {
            claim: self.claim + other.claim,
            snapshot: self.snapshot + other.snapshot,
            timeout: self.timeout + other.timeout,
            unviable: self.unviable + other.unviable,
            explained: self.explained + other.explained,
            missed: self.missed + other.missed,
            not_judged: self.not_judged + other.not_judged,
        }
    }

    /// The share of viable mutants that something caught, in percent. A mutant with a reason is missed all the same.
    fn caught(self) -> f64 {
        let caught = self.claim + self.snapshot + self.timeout;
        let viable = caught + self.explained + self.missed;
        if viable == 0 { 100.0 } else { 100.0 * f64::from(caught) / f64::from(viable) }
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| code | by a claim | by rows or outcome | timeout | missed | missed, with a reason | unviable | not judged | caught |"
        )?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        let all = self.areas.values().copied().fold(Counts::default(), Counts::add);
        let lines = self.areas.iter().map(|(area, counts)| (format!("`{area}`"), *counts));
        for (area, counts) in lines.chain([("all".to_owned(), all)]) {
            let Counts { claim, snapshot, timeout, unviable, explained, missed, not_judged } = counts;
            let caught = counts.caught();
            writeln!(
                f,
                "| {area} | {claim} | {snapshot} | {timeout} | {missed} | {explained} | {unviable} | {not_judged} | {caught:.1} % |"
            )?;
        }
        for (name, reason) in &self.missed {
            match reason {
                Some(reason) => write!(f, "\n* `{name}`: {reason}")?,
                None => write!(f, "\n* `{name}`: **no reason**")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::{BTreeMap, Mutant, Outcome, Reasons, Score, Why};

    /// Every kind of result has its column, a reason is found without line and column, and lowers no score.
    #[test]
    fn results_are_counted() {
        let place = |change: &str| format!("gateway/core/src/ends/reaper.rs:10:4: {change}");
        let mutant = |change: &str, result| Mutant { name: place(change), result };
        let mutants = [
            mutant("a", Outcome::Caught("claim x in y".to_owned())),
            mutant("b", Outcome::Caught("snapshot rows_differ in y".to_owned())),
            mutant("c", Outcome::Timeout),
            mutant("d", Outcome::Unviable),
            mutant("e", Outcome::Missed),
            mutant("f", Outcome::NotJudged),
        ];
        let reason =
            |change: &str| (format!("gateway/core/src/ends/reaper.rs: {change}"), Why::One("no effect".to_owned()));
        let none = Score::new(&mutants, &mutants, &Reasons(BTreeMap::new()));
        assert!(none.has_unexplained());
        assert!(none.to_string().contains("| `ends` | 1 | 1 | 1 | 1 | 0 | 1 | 1 | 75.0 % |"), "{none}");
        assert!(none.to_string().ends_with("reaper.rs:10:4: e`: **no reason**"), "{none}");
        let with = Score::new(&mutants, &mutants, &Reasons(BTreeMap::from([reason("e")])));
        assert!(!with.has_unexplained());
        assert!(with.to_string().contains("| all | 1 | 1 | 1 | 0 | 1 | 1 | 1 | 75.0 % |"), "{with}");
    }

    /// A reason is for one mutant. Where two missed ones have a key, each needs its own.
    #[test]
    fn a_reason_covers_one_mutant() {
        let mutant =
            |line: u32| Mutant { name: format!("gateway/core/src/a.rs:{line}:1: delete !"), result: Outcome::Missed };
        let score = |judged: Range<usize>, why: Why| {
            let reasons = Reasons(BTreeMap::from([("gateway/core/src/a.rs: delete !".to_owned(), why)]));
            let all = [mutant(2), mutant(10)];
            Score::new(&all[judged], &all, &reasons)
        };
        let each = |reasons: &[&str]| Why::Each(reasons.iter().map(|reason| (*reason).to_owned()).collect());
        assert!(score(0..2, Why::One("no effect".to_owned())).has_unexplained());
        assert!(score(0..2, each(&["one"])).has_unexplained());
        assert!(score(0..2, each(&["one", "two", "three"])).has_unexplained());
        let both = score(0..2, each(&["one", "two"])).to_string();
        assert!(both.contains("a.rs:2:1: delete !`: one") && both.contains("a.rs:10:1: delete !`: two"), "{both}");
        // One of them is judged alone.
        let part = score(1..2, each(&["one", "two"]));
        assert!(part.to_string().ends_with("a.rs:10:1: delete !`: two"), "{part}");
    }
}
