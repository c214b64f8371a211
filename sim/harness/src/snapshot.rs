//! The rows of a scenario under all its releases, as committed text.
//!
//! A fact that is equal under all releases is one line. Otherwise each value has a line of its own below the fact's
//! name, with the releases that have the value; `absent` stands for a missing fact.
//!
//! ```text
//! releases: 0.16.0, 0.17.0, current
//!
//! s2.started_at = 5.000s
//! s2.end_reason
//!   0.16.0, 0.17.0 = NULL
//!   current = ws_orphan_reap
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use gateway_core::release::Release;

use crate::rows::Fact;

const ABSENT: &str = "absent";

/// The facts of a scenario, by release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    releases: BTreeMap<Release, Vec<Fact>>,
}

impl Snapshot {
    /// Adds the facts of a release.
    pub fn insert(&mut self, release: Release, facts: Vec<Fact>) {
        self.releases.insert(release, facts);
    }

    /// The facts of a release, if the snapshot has it.
    pub fn facts(&self, release: Release) -> Option<&[Fact]> {
        self.releases.get(&release).map(Vec::as_slice)
    }

    /// The path of the snapshot of a scenario below a folder `scenarios`; none for other files.
    pub fn path(scenario: &Path) -> Option<PathBuf> {
        let parts: Vec<_> = scenario.components().collect();
        let place = parts.iter().rposition(|part| part.as_os_str() == "scenarios")?;
        let mut path: PathBuf = parts[..place].iter().collect();
        path.push("snapshots");
        path.extend(&parts[place + 1..]);
        path.set_extension("snap");
        Some(path)
    }

    /// The names of all facts, in an order that keeps the order of each release.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for facts in self.releases.values() {
            let mut place = 0;
            for (name, _) in facts {
                match names.iter().position(|known| known == name) {
                    Some(known) => place = known + 1,
                    None => {
                        names.insert(place, name);
                        place += 1;
                    }
                }
            }
        }
        names
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let releases: Vec<&str> = self.releases.keys().map(|release| release.name()).collect();
        writeln!(f, "releases: {}\n", releases.join(", "))?;
        for name in self.names() {
            let value = |facts: &Vec<Fact>| facts.iter().find(|fact| fact.0 == name).map(|fact| fact.1.clone());
            // Releases with equal values share a line, in the order in which the values first appear.
            let mut values: Vec<(String, Vec<&str>)> = Vec::new();
            for (release, facts) in &self.releases {
                let value = value(facts).unwrap_or_else(|| ABSENT.to_owned());
                match values.iter_mut().find(|(known, _)| *known == value) {
                    Some((_, releases)) => releases.push(release.name()),
                    None => values.push((value, vec![release.name()])),
                }
            }
            if let [(value, _)] = values.as_slice() {
                writeln!(f, "{name} = {value}")?;
                continue;
            }
            writeln!(f, "{name}")?;
            for (value, releases) in values {
                writeln!(f, "  {} = {value}", releases.join(", "))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Snapshot {
    type Err = BadSnapshot;

    /// Parses the text that `Display` prints, with or without the header of insta.
    fn from_str(text: &str) -> Result<Self, BadSnapshot> {
        let mut snapshot = Self::default();
        let mut name = "";
        for (number, line) in body(text) {
            let bad = || BadSnapshot { line: number, found: line.to_owned() };
            if let Some(releases) = line.strip_prefix("releases: ") {
                for release in releases.split(", ") {
                    snapshot.insert(release.parse().map_err(|_| bad())?, Vec::new());
                }
            } else if let Some(fact) = line.strip_prefix("  ") {
                let (releases, value) = fact.split_once(" = ").ok_or_else(bad)?;
                for release in releases.split(", ") {
                    let release: Release = release.parse().map_err(|_| bad())?;
                    let facts = snapshot.releases.get_mut(&release).ok_or_else(bad)?;
                    if value != ABSENT {
                        facts.push((name.to_owned(), value.to_owned()));
                    }
                }
            } else if let Some((name, value)) = line.split_once(" = ") {
                snapshot.releases.values_mut().for_each(|facts| facts.push((name.to_owned(), value.to_owned())));
            } else if !line.is_empty() {
                name = line;
            }
        }
        Ok(snapshot)
    }
}

/// The lines below the header of insta, with their numbers.
fn body(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<(usize, &str)> = text.lines().enumerate().map(|(place, line)| (place + 1, line)).collect();
    let header = lines.first().is_some_and(|(_, line)| *line == "---");
    let end = lines.iter().skip(1).position(|(_, line)| *line == "---");
    match end.filter(|_| header) {
        Some(end) => lines[end + 2..].to_vec(),
        None => lines,
    }
}

/// The differing facts, each as a line: `s2.end_reason: expected NULL, found ws_orphan_reap`.
pub fn differences(expected: &[Fact], found: &[Fact]) -> Vec<String> {
    let expected: BTreeMap<&str, &str> = expected.iter().map(|(name, value)| (&**name, &**value)).collect();
    let found: BTreeMap<&str, &str> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut names: Vec<&str> = expected.keys().chain(found.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let value = |facts: &BTreeMap<&str, &str>, name: &str| {
        facts.get(name).map_or(ABSENT.to_owned(), |value| (*value).to_owned())
    };
    let pairs = names.into_iter().map(|name| (name, value(&expected, name), value(&found, name)));
    let differing = pairs.filter(|(_, expected, found)| expected != found);
    differing.map(|(name, expected, found)| format!("{name}: expected {expected}, found {found}")).collect()
}

/// A line of a snapshot file that is not a fact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not a fact: `{found}`")]
pub struct BadSnapshot {
    line: usize,
    found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> Vec<Fact> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Equal facts are one line, differing ones a line for each value. The text parses back, below a header too.
    #[test]
    fn equal_facts_share_a_line() {
        let mut snapshot = Snapshot::default();
        snapshot.insert(Release::V0_16_0, facts(&[("s1.id", "a"), ("s1.end_reason", "NULL")]));
        snapshot.insert(Release::V0_17_0, facts(&[("s1.id", "a"), ("s1.end_reason", "NULL")]));
        snapshot.insert(Release::Current, facts(&[("s1.id", "a"), ("s1.end_reason", "x = y"), ("m1", "hello")]));
        let text = "releases: 0.16.0, 0.17.0, current\n\ns1.id = a\ns1.end_reason\n  0.16.0, 0.17.0 = NULL\n  \
                    current = x = y\nm1\n  0.16.0, 0.17.0 = absent\n  current = hello\n";
        assert_eq!(snapshot.to_string(), text);
        assert_eq!(text.parse(), Ok(snapshot.clone()));
        assert_eq!(format!("---\nsource: x\n---\n{text}").parse(), Ok(snapshot));
    }

    /// An error names the line that is not a fact.
    #[test]
    fn a_bad_line_is_named() {
        let error = "releases: 0.16.0\ns1\n  current = 3\n".parse::<Snapshot>().unwrap_err();
        assert_eq!(error.to_string(), "line 3 is not a fact: `  current = 3`");
    }

    /// Each difference has the expected value and the found one.
    #[test]
    fn differences_name_both_sides() {
        let (expected, found) = (facts(&[("a", "1"), ("b", "2")]), facts(&[("b", "3"), ("c", "4")]));
        let lines = ["a: expected 1, found absent", "b: expected 2, found 3", "c: expected absent, found 4"];
        assert_eq!(differences(&expected, &found), lines);
    }

    /// The path keeps the stem and the folders below `scenarios`.
    #[test]
    fn snapshots_mirror_scenarios() {
        let path = |scenario: &str| Snapshot::path(Path::new(scenario));
        assert_eq!(path("x/scenarios/issues/a.toml"), Some(PathBuf::from("x/snapshots/issues/a.snap")));
        assert_eq!(path("elsewhere/a.toml"), None);
    }
}
