//! The source of a file with all its mutants in it, each behind a test whether it is the one that is chosen.
//!
//! An expression becomes `(if crate::mutant::is(7) { (mutated) } else { (original) })`. Only one mutant is chosen in a run,
//! so a mutated text has no guards of others in it, and the text grows by each mutant's own expression only.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use miette::{IntoDiagnostic, miette};

use super::super::list::{Genre, Listed};
use super::sites::{self, Kind, Site};

/// A file with its mutants.
#[derive(Debug, Default)]
pub(super) struct Guarded {
    pub(super) text: String,
    /// The bytes of `text` that are a mutated text, with the number of the mutant.
    mutated: Vec<(Range<usize>, u32)>,
    /// The bytes of guarded expressions, inner ones first, with the numbers of their mutants.
    around: Vec<(Range<usize>, Vec<u32>)>,
    /// Mutants that cannot compile.
    pub(super) unviable: Vec<u32>,
    /// Mutants that have no guard.
    pub(super) fixed: Vec<u32>,
}

/// The mutants of one site.
struct Guard {
    range: Range<usize>,
    shape: Shape,
    mutants: Vec<(u32, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    /// The whole `match`, which stays as it is: without an arm that has no test, it may lack a case.
    Match,
    Arm,
    GuardedArm,
    Body,
    Expression,
}

/// Guards the mutants of one file.
pub(super) fn guard(source: &str, mutants: &[&Listed]) -> miette::Result<Guarded> {
    let sites = sites::find(source).into_diagnostic()?;
    let mut guarded = Guarded::default();
    // In the order in which guards open: outer ones first, and of one range first the one of the arm.
    let mut guards: BTreeMap<(usize, Reverse<usize>, Shape), Guard> = BTreeMap::new();
    let mut add = |range: Range<usize>, shape, number, mutated| {
        let end = if range.is_empty() { usize::MAX } else { range.end };
        let place = (range.start, Reverse(end), shape);
        let guard = guards.entry(place).or_insert(Guard { range, shape, mutants: Vec::new() });
        guard.mutants.push((number, mutated));
    };
    for mutant in mutants {
        let span = mutant.bytes(source).ok_or_else(|| miette!("{} is not in its file", mutant.name))?;
        let number = mutant.number;
        match sites.get(&(kind(mutant.genre), span.start)) {
            Some(Site::Unviable) => guarded.unviable.push(number),
            Some(Site::Fixed) | None => guarded.fixed.push(number),
            Some(Site::Expression(range)) => {
                let mutated = format!("({})", replaced(source, range, &span, &mutant.replacement));
                add(range.clone(), Shape::Expression, number, mutated);
            }
            Some(Site::Body(at)) => add(*at..*at, Shape::Body, number, mutant.replacement.clone()),
            Some(Site::Arm { guard, matched }) => {
                let shape = if guard.is_empty() { Shape::Arm } else { Shape::GuardedArm };
                add(matched.clone(), Shape::Match, number, String::new());
                add(guard.clone(), shape, number, String::new());
            }
        }
    }
    guarded.write(source, guards.into_values());
    Ok(guarded)
}

fn kind(genre: Genre) -> Kind {
    match genre {
        Genre::FnValue => Kind::Body,
        Genre::BinaryOperator | Genre::UnaryOperator => Kind::Operator,
        Genre::MatchArm => Kind::Arm,
        Genre::MatchArmGuard => Kind::Guard,
        Genre::StructField => Kind::Field,
    }
}

/// The text of `range` with that of `span` replaced.
fn replaced(source: &str, range: &Range<usize>, span: &Range<usize>, replacement: &str) -> String {
    format!("{}{replacement}{}", &source[range.start..span.start], &source[span.end..range.end])
}

impl Guarded {
    /// Writes the source with the guards around its parts.
    fn write(&mut self, source: &str, guards: impl Iterator<Item = Guard>) {
        let mut written = 0;
        // Guards that are open: where the text of each began, and what is to be closed.
        let mut open: Vec<(usize, Guard)> = Vec::new();
        for guard in guards {
            while let Some(inner) = open.pop_if(|(_, inner)| inner.range.end <= guard.range.start) {
                self.close(source, &mut written, inner);
            }
            self.text.push_str(&source[written..guard.range.start]);
            written = guard.range.start;
            let begun = self.text.len();
            self.open(&guard);
            if guard.range.is_empty() {
                self.around.push((begun..self.text.len(), guard.numbers()));
            } else {
                open.push((begun, guard));
            }
        }
        while let Some(inner) = open.pop() {
            self.close(source, &mut written, inner);
        }
        self.text.push_str(&source[written..]);
    }

    fn open(&mut self, guard: &Guard) {
        for (place, (number, mutated)) in guard.mutants.iter().enumerate() {
            let test = format!("crate::mutant::is({number})");
            let (before, after) = match guard.shape {
                Shape::Expression if place == 0 => (format!("(if {test} {{ "), " } else "),
                Shape::Expression => (format!("if {test} {{ "), " } else "),
                Shape::Body => (format!("if {test} {{ return "), "; } "),
                Shape::Arm => (format!(" if !{test}"), ""),
                Shape::GuardedArm => (format!("!{test} && ("), ""),
                Shape::Match => continue,
            };
            self.text.push_str(&before);
            let begun = self.text.len();
            self.text.push_str(mutated);
            self.mutated.push((begun..self.text.len(), *number));
            self.text.push_str(after);
        }
        if matches!(guard.shape, Shape::Expression) {
            self.text.push_str("{ (");
        }
    }

    fn close(&mut self, source: &str, written: &mut usize, (begun, guard): (usize, Guard)) {
        self.text.push_str(&source[*written..guard.range.end]);
        *written = guard.range.end;
        self.text.push_str(match guard.shape {
            Shape::Expression => ") })",
            Shape::GuardedArm => ")",
            Shape::Match | Shape::Body | Shape::Arm => "",
        });
        self.around.push((begun..self.text.len(), guard.numbers()));
    }

    /// The mutant whose own text holds an error at these bytes.
    pub(super) fn mutated_at(&self, error: &Range<usize>) -> Option<u32> {
        let holds = |range: &Range<usize>| range.start <= error.start && error.end <= range.end;
        self.mutated.iter().find(|(range, _)| holds(range)).map(|(_, number)| *number)
    }

    /// The mutants of the innermost guard around these bytes.
    pub(super) fn guarded_at(&self, error: &Range<usize>) -> Option<&[u32]> {
        let holds = |range: &Range<usize>| range.start <= error.start && error.end <= range.end;
        self.around.iter().find(|(range, _)| holds(range)).map(|(_, numbers)| numbers.as_slice())
    }
}

impl Guard {
    fn numbers(&self) -> Vec<u32> {
        self.mutants.iter().map(|(number, _)| *number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::list::Listed;
    use super::{Guarded, guard};

    /// A mutant of the text at `found`: its number, its genre, the text that it replaces, the replacement.
    type Change = (u32, &'static str, &'static str, &'static str);

    fn guarded(source: &str, changes: &[Change]) -> Guarded {
        let listed: Vec<Listed> = changes
            .iter()
            .map(|(number, genre, found, replacement)| Listed::at(source, *number, genre, found, replacement))
            .collect();
        guard(source, &listed.iter().collect::<Vec<_>>()).expect("the source is guarded")
    }

    /// Each genre has its guard, guards nest, and operators that stand together are regrouped as in the mutant's text.
    #[test]
    fn every_genre_is_guarded() {
        let table: &[(&str, &[Change], &str)] = &[
            (
                "fn f() -> bool { a(); b }",
                &[(1, "FnValue", "a(); b", "true"), (2, "FnValue", "a(); b", "false")],
                "fn f() -> bool { if crate::mutant::is(1) { return true; } if crate::mutant::is(2) { return false; } a(); b }",
            ),
            (
                "fn f() { g(a - b * c) }",
                &[(1, "BinaryOperator", "-", "+"), (2, "BinaryOperator", "*", "+")],
                "fn f() { g((if crate::mutant::is(1) { (a + b * c) } else if crate::mutant::is(2) { (a - b + c) } else { (a - b * c) })) }",
            ),
            (
                "fn f() { !(a == b) }",
                &[(1, "UnaryOperator", "!", ""), (2, "BinaryOperator", "==", "!=")],
                "fn f() { (if crate::mutant::is(1) { ((a == b)) } else { (!((if crate::mutant::is(2) { (a != b) } else { (a == b) }))) }) }",
            ),
            (
                "fn f() { if let A = a && b < c {} }",
                &[(1, "BinaryOperator", "&&", "||"), (2, "BinaryOperator", "<", ">")],
                "fn f() { if let A = a && (if crate::mutant::is(2) { (b > c) } else { (b < c) }) {} }",
            ),
            (
                "fn f() { match a { A if b => c, B => d, _ => e } }",
                &[
                    (1, "MatchArm", "A if b => c,", ""),
                    (2, "MatchArmGuard", "b =>", "true"),
                    (3, "MatchArm", "B => d,", ""),
                ],
                "fn f() { match a { A if !crate::mutant::is(1) && ((if crate::mutant::is(2) { (true) } else { (b) })) => c, B if !crate::mutant::is(3) => d, _ => e } }",
            ),
            (
                "fn f() { g(S { a: b, ..c }) }",
                &[(1, "StructField", "a: b,", "")],
                "fn f() { g((if crate::mutant::is(1) { (S {  ..c }) } else { (S { a: b, ..c }) })) }",
            ),
        ];
        for (source, changes, expected) in table {
            let changes: Vec<Change> = changes
                .iter()
                .map(|(number, genre, found, new)| (*number, *genre, found.strip_suffix(" =>").unwrap_or(found), *new))
                .collect();
            assert_eq!(squeezed(&guarded(source, &changes).text), squeezed(expected), "{source}");
        }
    }

    /// A `let` is no operand of `||`, and what is computed by the compiler cannot read which mutant is chosen.
    #[test]
    fn some_mutants_have_no_guard() {
        let found = guarded("fn f() { if let A = a && b {} }", &[(1, "BinaryOperator", "&&", "||")]);
        assert_eq!((found.unviable, found.fixed), (vec![1], vec![]));
        let fixed = [
            ("const fn f() -> u8 { 1 }", (1, "FnValue", "1", "0")),
            ("const A: u8 = 1 + 2;", (1, "BinaryOperator", "+", "-")),
            ("fn f() -> impl Clone { 1 }", (1, "FnValue", "1", "0")),
        ];
        for (source, change) in fixed {
            let found = guarded(source, &[change]);
            assert_eq!((found.text.as_str(), found.fixed), (source, vec![1]), "{source}");
        }
    }

    /// An error in a mutated text is that mutant's; one in the original is put down to the innermost guard.
    #[test]
    fn errors_are_assigned_to_mutants() {
        let found =
            guarded("fn f() { !(a == b) }", &[(1, "UnaryOperator", "!", ""), (2, "BinaryOperator", "==", "!=")]);
        let at = |text: &str| {
            let start = found.text.find(text).expect("the text is there");
            start..start + text.len()
        };
        assert_eq!(found.mutated_at(&at("a != b")), Some(2));
        assert_eq!(found.mutated_at(&at("(a != b)")), Some(2));
        assert_eq!(found.mutated_at(&at("else { (a == b")), None);
        assert_eq!(found.guarded_at(&at("else { (a == b")), Some([2].as_slice()));
        assert_eq!(found.guarded_at(&at("else { (!")), Some([1].as_slice()));
        assert_eq!(found.guarded_at(&at("fn f")), None);
        let found = guarded("fn f() { match a { B => c, _ => d } }", &[(1, "MatchArm", "B => c,", "")]);
        let scrutinee = found.text.find("a {").expect("what is matched");
        assert_eq!(found.guarded_at(&(scrutinee..scrutinee + 1)), Some([1].as_slice()));
    }

    fn squeezed(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
