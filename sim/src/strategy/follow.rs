//! Following a tape through a run that is not quite the recorded one, since a step, a client or a time was taken away.

use std::collections::BTreeMap;

use super::{Divergence, Strategy};
use crate::tape::{Choice, Tape};

/// Takes the picks of a tape where they still mean something, and the first alternative elsewhere.
///
/// Each site has its own line of recorded choices, of which the run uses some in their order. At a choice the cheapest of
/// the next few is taken: it costs something that a recorded choice is passed over, that its alternatives are not those
/// of the run, and that its pick has got another number (`work/turn` where it was `work/turn#2`). A recorded choice
/// whose pick is not there cannot be taken. What it made of the tape is on the tape of the run, which replays strictly.
#[derive(Clone, Debug)]
pub struct Follow {
    lines: BTreeMap<String, Line>,
}

/// The recorded choices of one site.
#[derive(Clone, Debug, Default)]
struct Line {
    choices: Vec<Choice>,
    /// The first that is neither used nor passed over.
    next: usize,
}

/// How many recorded choices can be passed over at once: as many as a client has between two of its steps.
const AHEAD: usize = 32;

/// An alternative of the run was none when the choice was recorded: it is likely to be another choice, and with two of
/// them it is.
const NEW: usize = 8;
/// A recorded alternative is none in the run: it belonged to what was taken away.
const GONE: usize = 1;
/// An alternative has the recorded name and another number.
const RENUMBERED: usize = 2;

impl Follow {
    /// Follows `tape`.
    pub fn new(tape: &Tape) -> Self {
        let mut lines: BTreeMap<String, Line> = BTreeMap::new();
        for choice in &tape.choices {
            lines.entry(choice.site.clone()).or_default().choices.push(choice.clone());
        }
        Self { lines }
    }
}

impl Strategy for Follow {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        let Some(line) = self.lines.get_mut(site) else { return Ok(0) };
        let ahead = line.choices.iter().enumerate().skip(line.next).take(AHEAD);
        let fitting = ahead.filter_map(|(place, recorded)| {
            let (pick, cost) = fit(recorded, among)?;
            Some((cost + place - line.next, place, pick))
        });
        let Some((_, place, pick)) = fitting.min() else { return Ok(0) };
        line.next = place + 1;
        Ok(pick)
    }
}

/// Where the recorded pick is among the alternatives, if it is, and how little the two choices have in common.
fn fit(recorded: &Choice, among: &[&str]) -> Option<(usize, usize)> {
    if recorded.among == among {
        return Some((recorded.pick, 0));
    }
    let pick = position(among.iter().copied(), &recorded.among[recorded.pick])?;
    let known = || recorded.among.iter().map(String::as_str);
    let new = among.iter().filter(|label| position(known(), label).is_none()).count();
    let gone = known().filter(|label| position(among.iter().copied(), label).is_none()).count();
    let renumbered = among.iter().filter(|label| !known().any(|known| known == **label)).count() - new;
    if new > 1 {
        return None;
    }
    Some((pick, new * NEW + gone * GONE + renumbered * RENUMBERED))
}

/// The place of a label, or else of one that differs from it in its number only.
fn position<'a>(mut labels: impl Iterator<Item = &'a str> + Clone, label: &str) -> Option<usize> {
    let stem = |label: &'a str| label.split('#').next();
    let same = labels.clone().position(|other| other == label);
    same.or_else(|| labels.position(|other| stem(other) == label.split('#').next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labels that are picked in turn.
    #[track_caller]
    fn check(tape: &str, run: &[(&str, &[&str])], expected: &[&str]) {
        let mut follow = Follow::new(&tape.parse().expect("a tape"));
        let mut picked = Vec::new();
        for (site, among) in run {
            picked.push(among[follow.pick(site, among).expect("following never fails")]);
        }
        assert_eq!(picked, expected);
    }

    /// On its own run a tape is followed to the letter, and beyond its end the first alternative is taken.
    #[test]
    fn its_own_run_is_followed() {
        check(
            "ready: a | *b\nready: a | *c\nnet: 1 | *2\nready: *a | b\n",
            &[
                ("ready", &["a", "b"]),
                ("ready", &["a", "c"]),
                ("net", &["1", "2"]),
                ("ready", &["a", "b"]),
                ("ready", &["x", "y"]),
            ],
            &["b", "c", "2", "a", "x"],
        );
    }

    /// A client that is gone takes its choices with it; those of the others still mean the same.
    #[test]
    fn choices_of_a_client_that_is_gone_are_passed_over() {
        check(
            "ready: a | *phone/script\nready: *a | phone/reader\nready: a | *b | phone/reader\nready: *a | phone/x\nready: a | *c\n",
            &[("ready", &["a", "b"]), ("ready", &["a", "c"])],
            &["b", "c"],
        );
    }

    /// A choice that was not recorded is filled with the first, and uses up nothing.
    #[test]
    fn gaps_are_filled() {
        check(
            "ready: a | *b\nready: c | *d\n",
            &[
                ("ready", &["x", "y"]),
                ("net", &["1", "2"]),
                ("ready", &["a", "b"]),
                ("ready", &["x", "y"]),
                ("ready", &["c", "d"]),
            ],
            &["x", "1", "b", "x", "d"],
        );
    }

    /// The second turn is the first one when the first is taken away.
    #[test]
    fn numbers_may_change() {
        check("ready: a | *work/turn#2\n", &[("ready", &["a", "work/turn"])], &["work/turn"]);
        check("ready: work/turn | *work/turn#2\n", &[("ready", &["work/turn", "work/turn#2"])], &["work/turn#2"]);
    }

    /// What is far ahead is not taken for what is near: the choices in between would be lost.
    #[test]
    fn the_nearest_fit_is_taken() {
        let far = "ready: x | *y\n".repeat(AHEAD) + "ready: a | *b\n";
        check(&far, &[("ready", &["a", "b"])], &["a"]);
        check("ready: a | *b | gone\nready: *a | b\n", &[("ready", &["a", "b"])], &["b"]);
        check("ready: a | *b | gone\nready: c | *a\nready: *a | b\n", &[("ready", &["a", "b"])], &["b"]);
    }
}
