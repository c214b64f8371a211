//! Smaller and smaller scenarios, one after the other.

use std::collections::BTreeSet;
use std::hash::Hasher;

use proptest::strategy::ValueTree;
use siphasher::sip::SipHasher13;

use super::edit::{AtOnce, Edit, PASSES, apply};
use super::size::Size;
use sim_harness::invariant::NAMES;
use sim_scenario::Scenario;

/// A scenario that fails, and the simpler ones that may fail as well.
///
/// As proptest wants it: [`simplify`](ValueTree::simplify) says that the current scenario fails and asks for a simpler
/// one, [`complicate`](ValueTree::complicate) says that it does not and asks for another. Both return false when there is none; the
/// current scenario is then the simplest that failed. Each candidate is smaller by its [`Size`] than what failed
/// before, reads back as the file it prints as, and is offered once.
pub struct Reducer {
    best: Scenario,
    size: Size,
    candidate: Option<Scenario>,
    /// Candidates that did not fail, by the digest of their text.
    refused: BTreeSet<u64>,
    pass: usize,
    edits: Vec<Edit>,
    /// The next edits to try, and how many at once.
    place: usize,
    at_once: usize,
    /// Whether the passes have found anything since the first of them began.
    found: bool,
}

impl Reducer {
    /// Begins with a scenario that fails.
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

    /// Goes on to the next candidate.
    fn advance(&mut self) -> bool {
        loop {
            if self.place >= self.edits.len() {
                if !self.turn_the_page() {
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

    /// Fewer edits at once, then the next pass, then all passes again, as long as that finds anything.
    fn turn_the_page(&mut self) -> bool {
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

    /// The scenario with these edits, if it is one, smaller and new.
    fn candidate(&self, edits: &[Edit]) -> Option<Scenario> {
        let edited = apply(&self.best, edits).filter(|edited| Size::of(edited) < self.size)?;
        let text = edited.to_toml();
        if self.refused.contains(&digest(&text)) {
            return None;
        }
        // The checks of a file are the last word on what a scenario is.
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
            // What comes next has moved to this place.
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
