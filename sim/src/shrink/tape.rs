//! Smaller and smaller tapes: fewer departures from the scripted schedule, then earlier alternatives.

use crate::tape::Tape;

/// The departures of a tape from the scripted schedule, and which of them to try without.
///
/// A departure is a choice whose pick is not the first. [`next`](Departures::next) offers a tape in which some of them are
/// undone; it is to be followed, since what comes behind may be other choices then, and [`judge`](Departures::judge) is told what tape
/// came of it.
pub struct Departures {
    best: Tape,
    /// How many departures are undone at once; 0 when single ones are only lowered.
    at_once: usize,
    place: usize,
    form: Form,
}

/// How the departures that stay are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Among all other choices of the tape, which say where they belong.
    Whole,
    /// Alone: where the choices between them have become others, they would be looked for at the wrong place.
    Bare,
}

impl Departures {
    /// Begins with the tape of a failing run.
    pub fn new(tape: Tape) -> Self {
        let at_once = places(&tape).len();
        Self { best: tape, at_once, place: 0, form: Form::Whole }
    }

    /// How many there are.
    pub fn count(tape: &Tape) -> usize {
        places(tape).len()
    }

    /// The tape up to its last departure. Beyond its end a replay takes the first alternatives, so it is the same run.
    pub fn until_last(tape: &Tape) -> Tape {
        let end = places(tape).last().map_or(0, |place| place + 1);
        Tape { choices: tape.choices[..end].to_vec() }
    }

    /// A tape that is nearer to the scripted schedule; none when all have been tried.
    #[expect(clippy::should_implement_trait, reason = "each is judged before the next: no iterator can be")]
    pub fn next(&mut self) -> Option<Tape> {
        loop {
            let places = places(&self.best);
            let mut tape = self.best.clone();
            match (self.at_once, self.place) {
                (0, place) if place >= places.len() => return None,
                (0, place) => {
                    // One alternative earlier, where that is not the first, which was tried already.
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

    /// The run of the tape that was offered showed the failure with this tape, or did not. Whether that is the best now.
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

/// Fewer departures, a shorter tape, earlier alternatives.
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

    /// Shrinks a tape as far as `fails` allows, where each tape is followed to the letter.
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

    /// All departures go when none is needed; those that are needed stay, and become the earliest that do.
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

    /// A tape that ends with departures loses nothing by being cut behind the last.
    #[test]
    fn tapes_end_with_a_departure() {
        let tape = "x: a | *b\nx: *a | b\nx: *a | c\n".parse().expect("a tape");
        assert_eq!(Departures::until_last(&tape).to_string(), "x: a | *b\n");
        assert_eq!(Departures::until_last(&Tape::default()), Tape::default());
    }
}
