//! Strict replay: the choices of a tape, and an end to the run where they no longer fit.

use super::Strategy;
use crate::tape::{Choice, Tape};

/// Follows a tape to its end; beyond it, the first alternative.
#[derive(Clone, Debug)]
pub struct Replay {
    tape: Tape,
    next: usize,
}

impl Replay {
    /// The choices of `tape`.
    pub fn new(tape: Tape) -> Self {
        Self { tape, next: 0 }
    }
}

/// Where a replayed run differs from its tape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("choice {number} of the tape does not fit: recorded `{recorded}`, found {site} among {}", among.join(" | "))]
pub struct Divergence {
    /// Counts from 1.
    pub number: usize,
    /// What the tape has.
    pub recorded: Choice,
    /// Where the run is.
    pub site: String,
    /// What the run can choose from.
    pub among: Vec<String>,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first choice that differs is named, with its number and both sides.
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
        assert_eq!(replay.pick("ready", &["x", "y"]), Ok(0), "beyond its end a tape goes on with the first");
    }
}
