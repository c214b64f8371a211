//! Strict replay: the picks of a tape, and a divergence where the choices of the run differ from the tape.

use super::Strategy;
use crate::tape::{Choice, Tape};

/// Takes the picks of a tape, and the first alternative of each choice after its end.
///
/// The run must have the choices of the tape: the same sites in the same order, with the same alternatives. The first
/// difference is a [`Divergence`], and so is a run that ends before its tape ends.
#[derive(Clone, Debug)]
pub struct Replay {
    tape: Tape,
    next: usize,
}

impl Replay {
    /// A strategy that replays `tape` strictly.
    pub fn new(tape: Tape) -> Self {
        Self { tape, next: 0 }
    }
}

/// The first place at which a replayed run differs from its tape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("choice {number} of the tape does not fit: recorded `{recorded}`, found {}", found(site, among))]
pub struct Divergence {
    /// The place on the tape, counted from 1.
    pub number: usize,
    /// The choice on the tape.
    pub recorded: Choice,
    /// The site of the choice in the run, or the words `the end of the run`.
    pub site: String,
    /// The alternatives in the run; empty at its end.
    pub among: Vec<String>,
}

fn found(site: &str, among: &[String]) -> String {
    if among.is_empty() { site.to_owned() } else { format!("{site} among {}", among.join(" | ")) }
}

impl Strategy for Replay {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        let Some(recorded) = self.tape.choices.get(self.next) else {
            return Ok(0);
        };
        self.next += 1;
        if recorded.site == site && recorded.among == among {
            return Ok(recorded.pick);
        }
        Err(Divergence {
            number: self.next,
            recorded: recorded.clone(),
            site: site.to_owned(),
            among: among.iter().map(|label| (*label).to_owned()).collect(),
        })
    }

    fn left(&self) -> Option<Divergence> {
        let recorded = self.tape.choices.get(self.next)?.clone();
        Some(Divergence { number: self.next + 1, recorded, site: "the end of the run".to_owned(), among: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message names the first choice that differs, with its number and both sides.
    #[test]
    fn a_tape_that_no_longer_fits_says_where() {
        let tape: Tape = "ready: a | *b\nready: *a | c\n".parse().expect("a tape");
        let mut replay = Replay::new(tape);
        assert_eq!(replay.pick("ready", &["a", "b"]), Ok(1));
        let divergence = replay.pick("ready", &["a", "d"]).unwrap_err();
        assert_eq!(
            divergence.to_string(),
            "choice 2 of the tape does not fit: recorded `ready: *a | c`, found ready among a | d"
        );
        assert_eq!(replay.left(), None);
        assert_eq!(replay.pick("ready", &["x", "y"]), Ok(0), "behind the end of the tape the first is picked");
    }

    /// A run that ends before its tape ends is a divergence.
    #[test]
    fn a_run_that_is_too_short_is_named() {
        let mut replay = Replay::new("ready: a | *b\nready: *a | c\n".parse().expect("a tape"));
        assert_eq!(replay.pick("ready", &["a", "b"]), Ok(1));
        assert_eq!(
            replay.left().expect("a choice is left").to_string(),
            "choice 2 of the tape does not fit: recorded `ready: *a | c`, found the end of the run"
        );
    }
}
