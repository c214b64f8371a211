//! Facts that the model of an old release leaves open: a cell is equal if some combination of them gives what was recorded.
//!
//! The combinations are tried in order, each as one play: the first play picks the first alternative everywhere.

use interleaving::Tape;
use interleaving::strategy::{Divergence, Strategy};

use crate::world::REUSED_ADDRESSES;

/// The most combinations that are tried for one cell.
pub(super) const PLAYS_MAX: usize = 256;

/// Picks the given alternatives of open facts, in the order of their choices; otherwise the first alternative.
pub(super) struct Picks {
    left: std::vec::IntoIter<usize>,
}

impl Picks {
    pub(super) fn new(picks: Vec<usize>) -> Self {
        Self { left: picks.into_iter() }
    }
}

impl Strategy for Picks {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        let pick = if site == REUSED_ADDRESSES { self.left.next().unwrap_or(0) } else { 0 };
        Ok(pick.min(among.len() - 1))
    }
}

/// The combination after the one of this play; `None` after the last.
pub(super) fn next(tape: &Tape) -> Option<Vec<usize>> {
    let open: Vec<_> = tape.choices.iter().filter(|choice| choice.site == REUSED_ADDRESSES).collect();
    let last = open.iter().rposition(|choice| choice.pick + 1 < choice.among.len())?;
    let mut picks: Vec<usize> = open[..=last].iter().map(|choice| choice.pick).collect();
    picks[last] += 1;
    Some(picks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use interleaving::tape::Choice;

    fn tape(picks: &[usize]) -> Tape {
        let among = vec!["0".to_owned(), "1".to_owned(), "2".to_owned()];
        let open = |pick: &usize| Choice { site: REUSED_ADDRESSES.to_owned(), among: among.clone(), pick: *pick };
        let other = Choice { site: "ready".to_owned(), among: among.clone(), pick: 0 };
        Tape { choices: picks.iter().map(open).chain([other]).collect() }
    }

    /// Combinations are counted up, the last choice first.
    #[test]
    fn every_combination_comes_once() {
        assert_eq!(next(&tape(&[0, 0])), Some(vec![0, 1]));
        assert_eq!(next(&tape(&[0, 2])), Some(vec![1]));
        assert_eq!(next(&tape(&[2, 2])), None);
        assert_eq!(next(&tape(&[])), None);
    }
}
