//! The choices of a run, in order. A deterministic program and a tape determine a run.
//!
//! A tape prints to text and parses back: one choice per line, its site, then its alternatives in their order, the picked
//! one marked with `*`. No label contains ` | ` or begins with `*`, and no site contains `: `.
//!
//! ```text
//! ready: desktop/script | *work/grace | work/turn
//! store.before_commit: *0.001s | 0.010s
//! ```

use std::fmt;
use std::str::FromStr;

/// One decision among several alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The site of the choice: [`READY`](crate::READY) for the next task, otherwise a name that the program gives.
    pub site: String,
    /// The labels of the alternatives, at least two, in the order in which they were offered.
    pub among: Vec<String>,
    /// The index of the pick in `among`.
    pub pick: usize,
}

/// The choices of a run. An empty tape stands for the first alternative at each choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// The choices, in the order in which they were made.
    pub choices: Vec<Choice>,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.site)?;
        for (place, label) in self.among.iter().enumerate() {
            let (bar, mark) = (if place > 0 { " | " } else { "" }, if place == self.pick { "*" } else { "" });
            write!(f, "{bar}{mark}{label}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.choices.iter().try_for_each(|choice| writeln!(f, "{choice}"))
    }
}

impl FromStr for Tape {
    type Err = BadTape;

    fn from_str(text: &str) -> Result<Self, BadTape> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let choices =
            lines.map(|(place, line)| choice(line).ok_or_else(|| BadTape { line: place + 1, found: line.to_owned() }));
        Ok(Self { choices: choices.collect::<Result<_, _>>()? })
    }
}

fn choice(line: &str) -> Option<Choice> {
    let (site, alternatives) = line.split_once(": ")?;
    let marked: Vec<&str> = alternatives.split(" | ").collect();
    let mut picks = marked.iter().enumerate().filter(|(_, label)| label.starts_with('*')).map(|(place, _)| place);
    let pick = picks.next()?;
    if picks.next().is_some() || site.is_empty() {
        return None;
    }
    let among = marked.into_iter().map(|label| label.strip_prefix('*').unwrap_or(label).to_owned()).collect();
    Some(Choice { site: site.to_owned(), among, pick })
}

/// A line of text that is not a choice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the tape is no choice: `{found}`, expected `site: label | *picked label | label`")]
pub struct BadTape {
    line: usize,
    found: String,
}

impl BadTape {
    /// The text of the line.
    pub fn found(&self) -> &str {
        &self.found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    fn any_choice() -> impl Strategy<Value = Choice> {
        let label = "[a-z0-9_.-]{1,8}(/[a-z#0-9]{1,8})?";
        ("[a-z_.]{1,10}", prop::collection::vec(label, 1..5), any::<prop::sample::Index>()).prop_map(
            |(site, among, pick)| {
                let pick = pick.index(among.len());
                Choice { site, among, pick }
            },
        )
    }

    proptest! {
        #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

        /// Printing and parsing are inverse.
        #[test]
        fn tapes_read_back(choices in prop::collection::vec(any_choice(), 0..6)) {
            let tape = Tape { choices };
            prop_assert_eq!(tape.to_string().parse::<Tape>(), Ok(tape));
        }
    }

    /// A line without exactly one pick is an error that names its number.
    #[test]
    fn bad_lines_are_named() {
        for text in ["ready: *a | b\nready: a | b", "ready: *a | b\nnonsense", "ready: *a\nready: *a | *b"] {
            let error = text.parse::<Tape>().unwrap_err();
            assert!(error.to_string().starts_with("line 2 of the tape"), "{error}");
        }
    }
}
