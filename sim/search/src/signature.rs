//! Failure signatures: a failure without the names, numbers and times of its run.
//!
//! Two failures with one signature count as one bug: a campaign groups them, and a reducer must preserve the
//! signature.

use std::fmt;

use serde::Serialize;

use sim_harness::report::{Outcome, Report};
use sim_scenario::Scenario;

/// The signature of a failure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FailureSignature {
    /// The violated invariant, or the outcome if no invariant is violated.
    pub claim: String,
    /// The detail, with `_` for names, numbers and times.
    #[serde(rename = "seen")]
    pub detail: String,
}

impl FailureSignature {
    /// The signatures of all failures of a run, in order of time; empty if it passed.
    pub fn all(scenario: &Scenario, report: &Report) -> Vec<Self> {
        let of = |claim: &str, detail: &str| Self { claim: claim.to_owned(), detail: general(scenario, detail) };
        let mut signatures: Vec<Self> = Vec::new();
        if let Some(detail) = report.detail.as_deref().filter(|_| report.outcome != Outcome::Passed) {
            signatures.push(of(report.outcome.word(), detail));
        }
        for violation in &report.violations {
            let signature = of(violation.invariant, &violation.detail);
            if !signatures.contains(&signature) {
                signatures.push(signature);
            }
        }
        for fact in &report.unmet {
            signatures.push(of(Outcome::FactsDiffer.word(), &fact.expected));
        }
        signatures
    }
}

/// Replaces the scenario's names, and every word with a digit, by `_`.
fn general(scenario: &Scenario, text: &str) -> String {
    let named = |word: &str| {
        let stem = word.split(['/', '~', '#']).next().unwrap_or(word);
        let steps = || scenario.steps.iter();
        steps().any(|step| step.client == stem || step.action.names() == Some(stem))
    };
    let mut words: Vec<&str> = Vec::new();
    // Quoted text is a message's content and is replaced as a whole.
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

impl fmt::Display for FailureSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.claim, self.detail)
    }
}
