//! The reducer: a sequence of ever smaller scenarios.

use std::collections::BTreeSet;
use std::hash::Hasher;

use proptest::strategy::ValueTree;
use siphasher::sip::SipHasher13;

use super::edit::{AtOnce, Edit, PASSES, apply};
use super::size::Size;
use sim_harness::invariant::NAMES;
use sim_scenario::Scenario;

/// A failing scenario, and simpler candidates that may fail as well.
///
/// Implements proptest's `ValueTree`: [`simplify`](ValueTree::simplify) reports that the current scenario fails and asks for
/// a simpler one, [`complicate`](ValueTree::complicate) reports that it passes and asks for another. Both return false when
/// there is none; the current scenario is then the simplest that failed. Each candidate is smaller by its [`Size`] than the
/// last failing one, survives printing and parsing, and is offered once.
pub struct Reducer {
    best: Scenario,
    size: Size,
    candidate: Option<Scenario>,
    /// Candidates that passed, by the digest of their text.
    refused: BTreeSet<u64>,
    pass: usize,
    edits: Vec<Edit>,
    /// The next edits, and the number applied at once.
    place: usize,
    at_once: usize,
    /// Whether any pass of this round has found a smaller scenario.
    found: bool,
}

impl Reducer {
    /// Starts with a failing scenario.
    pub fn new(scenario: Scenario) -> Self {
        let size = Size::of(&scenario);
        let mut reducer = Self {
            best: scenario,
            size,
            candidate: None,
            refused: BTreeSet::new(),
            pass: 0,
            edits: Vec::new(),
            place: 0,
            at_once: 1,
            found: false,
        };
        reducer.begin(0);
        reducer
    }

    fn begin(&mut self, pass: usize) {
        self.pass = pass;
        self.place = 0;
        self.edits = PASSES.get(pass).map(|pass| (pass.edits)(&self.best)).unwrap_or_default();
        self.at_once = match PASSES.get(pass) {
            Some(pass) if pass.at_once == AtOnce::Halving => self.edits.len().max(1),
            _ => 1,
        };
    }

    /// Advances to the next candidate.
    fn advance(&mut self) -> bool {
        loop {
            if self.place >= self.edits.len() {
                if !self.next_round() {
                    return false;
                }
                continue;
            }
            let end = (self.place + self.at_once).min(self.edits.len());
            if let Some(candidate) = self.candidate(&self.edits[self.place..end]) {
                self.candidate = Some(candidate);
                return true;
            }
            self.place = end;
        }
    }

    /// Applies fewer edits at once, then goes on to the next pass, then repeats all passes while a round finds something.
    fn next_round(&mut self) -> bool {
        if self.at_once > 1 {
            self.at_once /= 2;
            self.place = 0;
        } else if self.pass + 1 < PASSES.len() {
            self.begin(self.pass + 1);
        } else if std::mem::take(&mut self.found) {
            self.begin(0);
        } else {
            return false;
        }
        true
    }

    /// The scenario with these edits, if it is valid, smaller and new.
    fn candidate(&self, edits: &[Edit]) -> Option<Scenario> {
        let edited = apply(&self.best, edits).filter(|edited| Size::of(edited) < self.size)?;
        let text = edited.to_toml();
        if self.refused.contains(&digest(&text)) {
            return None;
        }
        // The file's checks decide whether it is valid.
        Scenario::parse(&edited.path, &text, &NAMES).ok()
    }
}

impl ValueTree for Reducer {
    type Value = Scenario;

    fn current(&self) -> Scenario {
        self.candidate.as_ref().unwrap_or(&self.best).clone()
    }

    fn simplify(&mut self) -> bool {
        if let Some(candidate) = self.candidate.take() {
            self.size = Size::of(&candidate);
            self.best = candidate;
            self.found = true;
            // The next edit has moved to this index.
            self.edits = (PASSES[self.pass].edits)(&self.best);
        }
        self.advance()
    }

    fn complicate(&mut self) -> bool {
        if let Some(candidate) = self.candidate.take() {
            self.refused.insert(digest(&candidate.to_toml()));
            self.place = (self.place + self.at_once).min(self.edits.len());
        }
        self.advance()
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}
