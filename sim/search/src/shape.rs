//! The shape of a failure: what went wrong, without the names, numbers and times of the run that showed it.
//!
//! Two failures of one shape are taken for one bug: a campaign counts them together, and a reducer must not leave the
//! shape it began with.

use std::fmt;

use serde::Serialize;

use sim_harness::report::{Outcome, Report};
use sim_scenario::Scenario;

/// What went wrong, in general.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Shape {
    /// The violated invariant, or the outcome where there is none.
    pub claim: String,
    /// What was seen, with `_` for names, numbers and times.
    pub seen: String,
}

impl Shape {
    /// Every shape that a run shows, in order of time; none when it passed.
    pub fn all(scenario: &Scenario, report: &Report) -> Vec<Self> {
        let of = |claim: &str, seen: &str| Self { claim: claim.to_owned(), seen: general(scenario, seen) };
        let mut shapes: Vec<Self> = Vec::new();
        if let Some(detail) = report.detail.as_deref().filter(|_| report.outcome != Outcome::Passed) {
            shapes.push(of(report.outcome.word(), detail));
        }
        for violation in &report.violations {
            let shape = of(violation.invariant, &violation.detail);
            if !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
        shapes
    }
}

/// The text without what belongs to one scenario: its names, and every word with a digit.
fn general(scenario: &Scenario, text: &str) -> String {
    let named = |word: &str| {
        let stem = word.split(['/', '~', '#']).next().unwrap_or(word);
        let steps = || scenario.steps.iter();
        steps().any(|step| step.client == stem || step.action.names() == Some(stem))
    };
    let mut words: Vec<&str> = Vec::new();
    // What stands between quotation marks was said by somebody.
    let spoken: Vec<&str> = text.split('"').collect();
    let text = spoken.iter().enumerate().map(|(place, part)| if place % 2 == 0 { *part } else { "_0" });
    let text: String = text.collect();
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        let own = bare.chars().any(|letter| letter.is_ascii_digit()) || named(bare);
        words.push(if own { "_" } else { word });
    }
    words.dedup_by(|word, before| word == before && *word == "_");
    words.join(" ")
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.claim, self.seen)
    }
}
