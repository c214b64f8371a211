//! Simpler tapes for the same failure: fewer departures from the first alternatives, then earlier alternatives.

use crate::tape::Tape;

/// Offers successively simpler tapes.
///
/// A *departure* is a choice whose pick is not the first alternative. [`next`](Self::next) returns a tape in which some
/// departures of the best tape are undone. Run the program with [`Follow`](crate::strategy::Follow) on it, because undoing a
/// departure may change later choices. Then call [`judge`](Self::judge) with the tape that the run recorded, or
/// `None` if the run did not fail in the same way.
///
/// ```
/// use interleaving::{Departures, Tape};
///
/// // The failure needs only the second departure.
/// let tape: Tape = "ready: a | *b\nready: a | *c\n".parse()?;
/// let mut departures = Departures::new(tape);
/// while let Some(tape) = departures.next() {
///     let fails = tape.choices.get(1).is_some_and(|choice| choice.pick == 1);
///     departures.judge(fails.then_some(tape));
/// }
/// assert_eq!(departures.best().to_string(), "ready: *a | b\nready: a | *c\n");
/// # Ok::<(), interleaving::tape::BadTape>(())
/// ```
pub struct Departures {
    best: Tape,
    /// The number of departures that are undone at once; 0 when single departures are only lowered.
    at_once: usize,
    place: usize,
    form: Form,
}

/// How the remaining departures are offered to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Together with all other choices of the tape, which align the departures with the run.
    Whole,
    /// Without the other choices. If those have changed, they would align the departures wrongly.
    Bare,
}

impl Departures {
    /// Starts with the tape of a failing run.
    pub fn new(tape: Tape) -> Self {
        let at_once = places(&tape).len();
        Self { best: tape, at_once, place: 0, form: Form::Whole }
    }

    /// The number of departures of a tape.
    pub fn count(tape: &Tape) -> usize {
        places(tape).len()
    }

    /// The tape up to its last departure. A replay takes first alternatives after its end, so the run is the same.
    pub fn until_last(tape: &Tape) -> Tape {
        let end = places(tape).last().map_or(0, |place| place + 1);
        Tape { choices: tape.choices[..end].to_vec() }
    }

    /// The simplest tape so far that fails.
    pub fn best(&self) -> &Tape {
        &self.best
    }

    /// The next tape to try; `None` when all have been tried. Each must be [judged](Self::judge) before the next.
    #[expect(clippy::should_implement_trait, reason = "an iterator does not receive the result of each item")]
    pub fn next(&mut self) -> Option<Tape> {
        loop {
            let places = places(&self.best);
            let mut tape = self.best.clone();
            match (self.at_once, self.place) {
                (0, place) if place >= places.len() => return None,
                (0, place) => {
                    // One alternative earlier. The first alternative was tried already.
                    let choice = &mut tape.choices[places[place]];
                    if choice.pick > 1 {
                        choice.pick -= 1;
                        return Some(tape);
                    }
                    self.place += 1;
                }
                (at_once, place) if place >= places.len() => (self.at_once, self.place) = (at_once / 2, 0),
                (at_once, place) => {
                    let end = (place + at_once).min(places.len());
                    places[place..end].iter().for_each(|place| tape.choices[*place].pick = 0);
                    if self.form == Form::Bare {
                        tape.choices.retain(|choice| choice.pick > 0);
                    }
                    return Some(tape);
                }
            }
        }
    }

    /// Takes the tape that the run recorded if it failed in the same way, otherwise `None`. Returns whether that tape
    /// is now the best.
    pub fn judge(&mut self, tape: Option<Tape>) -> bool {
        match tape.filter(|tape| order(tape) < order(&self.best)) {
            Some(tape) => {
                self.best = tape;
                self.form = Form::Whole;
                true
            }
            None if self.form == Form::Whole && self.at_once > 0 => {
                self.form = Form::Bare;
                false
            }
            None => {
                self.form = Form::Whole;
                self.place += self.at_once.max(1);
                false
            }
        }
    }
}

/// The order of tapes: fewer departures, then a shorter tape, then earlier alternatives.
fn order(tape: &Tape) -> (usize, usize, Vec<usize>) {
    let picks = tape.choices.iter().map(|choice| choice.pick).collect();
    (places(tape).len(), tape.choices.len(), picks)
}

fn places(tape: &Tape) -> Vec<usize> {
    let departs = tape.choices.iter().enumerate().filter(|(_, choice)| choice.pick > 0);
    departs.map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shrinks a tape as far as `fails` allows, for a program whose choices do not depend on its picks.
    fn shrink(tape: &str, fails: impl Fn(&Tape) -> bool) -> String {
        let mut departures = Departures::new(tape.parse().expect("a tape"));
        let mut tries = 0;
        while let Some(tape) = departures.next() {
            tries += 1;
            assert!(tries < 1000, "no end");
            departures.judge(fails(&tape).then(|| Departures::until_last(&tape)));
        }
        departures.best.to_string()
    }

    const TAPE: &str = "x: a | *b\nx: a | b | *c\nx: *a | b\nx: a | *b\nx: a | b | *c\nx: a | *b\n";

    /// An unneeded departure is undone; a needed one is kept, with the earliest alternative that fails.
    #[test]
    fn only_what_is_needed_stays() {
        assert_eq!(shrink(TAPE, |_| true), "");
        assert_eq!(
            shrink(TAPE, |tape| tape.choices.len() > 4 && tape.choices[4].pick > 0),
            "x: *a | b\nx: *a | b | c\nx: *a | b\nx: *a | b\nx: a | *b | c\n"
        );
        assert_eq!(shrink(TAPE, |tape| tape.to_string() == TAPE), TAPE);
        let both = |tape: &Tape| tape.choices.len() > 3 && tape.choices[1].pick == 2 && tape.choices[3].pick == 1;
        assert_eq!(shrink(TAPE, both), "x: *a | b\nx: a | b | *c\nx: *a | b\nx: a | *b\n");
    }

    /// Truncating a tape after its last departure removes first alternatives only.
    #[test]
    fn tapes_end_with_a_departure() {
        let tape = "x: a | *b\nx: *a | b\nx: *a | c\n".parse().expect("a tape");
        assert_eq!(Departures::until_last(&tape).to_string(), "x: a | *b\n");
        assert_eq!(Departures::until_last(&Tape::default()), Tape::default());
    }
}
