//! Following a tape through a run that differs from the recorded one, because a step, a task or a delay was removed.

use std::collections::BTreeMap;

use super::{Divergence, Strategy};
use crate::tape::{Choice, Tape};

/// Takes the picks of a tape where they still apply, and the first alternative elsewhere. It never diverges.
///
/// Each site has its own sequence of recorded choices. The run uses some of them, in order. A choice of the run takes the
/// cheapest of the next few recorded ones. Each skipped choice has a cost, and so has each alternative that only one of
/// the two choices has, and each label with another number (`work/turn` for `work/turn#2`). A recorded choice whose pick
/// is not among the alternatives cannot be taken. The run records a tape of its own, and that one replays strictly.
#[derive(Clone, Debug)]
pub struct Follow {
    sites: BTreeMap<String, Recorded>,
}

/// The recorded choices of one site.
#[derive(Clone, Debug, Default)]
struct Recorded {
    choices: Vec<Choice>,
    /// The first recorded choice that is neither used nor skipped.
    next: usize,
}

/// The number of recorded choices that are considered for one choice of the run.
const AHEAD: usize = 32;

/// The cost of an alternative that the recorded choice does not have. Two such alternatives make the choices unrelated.
const NEW: usize = 8;
/// The cost of a recorded alternative that the run does not have: it belonged to a removed part of the program.
const GONE: usize = 1;
/// The cost of an alternative that differs from the recorded one only in its number.
const RENUMBERED: usize = 2;

impl Follow {
    /// A strategy that follows `tape`, from its first choice.
    pub fn new(tape: &Tape) -> Self {
        let mut sites: BTreeMap<String, Recorded> = BTreeMap::new();
        for choice in &tape.choices {
            sites.entry(choice.site.clone()).or_default().choices.push(choice.clone());
        }
        Self { sites }
    }
}

impl Strategy for Follow {
    fn pick(&mut self, site: &str, among: &[&str]) -> Result<usize, Divergence> {
        let Some(recorded) = self.sites.get_mut(site) else { return Ok(0) };
        let ahead = recorded.choices.iter().enumerate().skip(recorded.next).take(AHEAD);
        let fitting = ahead.filter_map(|(place, choice)| {
            let (pick, cost) = fit(choice, among)?;
            Some((cost + place - recorded.next, place, pick))
        });
        let Some((_, place, pick)) = fitting.min() else { return Ok(0) };
        recorded.next = place + 1;
        Ok(pick)
    }
}

/// The index of the recorded pick among the alternatives and the cost of taking it; `None` when it cannot be taken.
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

/// The index of a label, or of a label that differs from it only in its number.
fn position<'a>(mut labels: impl Iterator<Item = &'a str> + Clone, label: &str) -> Option<usize> {
    let stem = |label: &'a str| label.split('#').next();
    let same = labels.clone().position(|other| other == label);
    same.or_else(|| labels.position(|other| stem(other) == label.split('#').next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows `tape` through `run` and compares the labels that are picked.
    #[track_caller]
    fn check(tape: &str, run: &[(&str, &[&str])], expected: &[&str]) {
        let mut follow = Follow::new(&tape.parse().expect("a tape"));
        let mut picked = Vec::new();
        for (site, among) in run {
            picked.push(among[follow.pick(site, among).expect("following never fails")]);
        }
        assert_eq!(picked, expected);
    }

    /// On its own run a tape is followed exactly, and the first alternative is picked after its end.
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

    /// The recorded choices of a removed task are skipped; those of other tasks still apply.
    #[test]
    fn choices_of_a_removed_task_are_skipped() {
        check(
            "ready: a | *phone/script\nready: *a | phone/reader\nready: a | *b | phone/reader\nready: *a | phone/x\nready: a | *c\n",
            &[("ready", &["a", "b"]), ("ready", &["a", "c"])],
            &["b", "c"],
        );
    }

    /// A choice that was not recorded takes the first alternative and uses up no recorded one.
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

    /// When the first of two tasks is removed, the second one gets its label.
    #[test]
    fn numbers_may_change() {
        check("ready: a | *work/turn#2\n", &[("ready", &["a", "work/turn"])], &["work/turn"]);
        check("ready: work/turn | *work/turn#2\n", &[("ready", &["work/turn", "work/turn#2"])], &["work/turn#2"]);
    }

    /// A recorded choice that is far ahead is not taken: the choices in between would be lost.
    #[test]
    fn the_nearest_fit_is_taken() {
        let far = "ready: x | *y\n".repeat(AHEAD) + "ready: a | *b\n";
        check(&far, &[("ready", &["a", "b"])], &["a"]);
        check("ready: a | *b | gone\nready: *a | b\n", &[("ready", &["a", "b"])], &["b"]);
        check("ready: a | *b | gone\nready: c | *a\nready: *a | b\n", &[("ready", &["a", "b"])], &["b"]);
    }
}
