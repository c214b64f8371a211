//! The mutants that there are: what `cargo mutants --list --json` says.

use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;

use miette::{Context, IntoDiagnostic, miette};
use serde::Deserialize;

use super::shard::Shard;

/// One mutant: a place of a file, and the text that it has there instead.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Listed {
    /// Its place in the list, from 1.
    #[serde(skip)]
    pub(super) number: u32,
    /// `file:line:column: change`.
    pub(super) name: String,
    /// Below the root of the workspace.
    pub(super) file: PathBuf,
    pub(super) genre: Genre,
    pub(super) replacement: String,
    span: Span,
}

/// What is replaced or deleted.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum Genre {
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArm,
    MatchArmGuard,
    StructField,
}

/// From a character up to, and without, another.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

/// A line and a column, in characters, each counted from 1.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

/// Every mutant that `.cargo/mutants.toml` selects.
pub(super) fn list() -> miette::Result<Vec<Listed>> {
    let listed = cargo_mutants().args(["--list", "--json"]).output().into_diagnostic()?;
    if !listed.status.success() {
        let said = String::from_utf8_lossy(&listed.stderr).trim().to_owned();
        return Err(miette!(
            help = "install it with `cargo install cargo-mutants --locked`",
            "`cargo mutants --list` failed: {said}"
        ));
    }
    let mut mutants: Vec<Listed> = serde_json::from_slice(&listed.stdout)
        .into_diagnostic()
        .wrap_err("the list of `cargo mutants` has another form than that of version 27")?;
    for (number, mutant) in (1..).zip(&mut mutants) {
        mutant.number = number;
    }
    Ok(mutants)
}

pub(super) fn cargo_mutants() -> Command {
    let mut command = Command::new("cargo");
    command.args(["mutants", "--package", "gateway-core", "--colors", "never"]);
    command
}

/// Every `of`-th mutant, as `--sharding round-robin` of `cargo mutants` chooses them.
pub(super) fn part(mutants: &[Listed], shard: Shard) -> impl Iterator<Item = &Listed> {
    let (part, of) = (usize::try_from(shard.part), usize::try_from(shard.of));
    mutants.iter().skip(part.unwrap_or(usize::MAX)).step_by(of.unwrap_or(usize::MAX))
}

impl Listed {
    /// The bytes of its span in the text of its file.
    pub(super) fn bytes(&self, source: &str) -> Option<Range<usize>> {
        Some(self.span.start.byte(source)?..self.span.end.byte(source)?)
    }

    /// A mutant of the first text `found` in `source`.
    #[cfg(test)]
    pub(super) fn at(source: &str, number: u32, genre: &str, found: &str, replacement: &str) -> Self {
        let start = source.find(found).expect("the text is in the source");
        let place = |byte: usize| serde_json::json!({"line": 1, "column": byte + 1});
        let listed = serde_json::json!({
            "name": format!("mutant {number}"), "file": "a.rs", "genre": genre, "replacement": replacement,
            "span": {"start": place(start), "end": place(start + found.len())},
        });
        Self { number, ..serde_json::from_value(listed).expect("a mutant") }
    }
}

impl Place {
    fn byte(self, source: &str) -> Option<usize> {
        let line = source.split_inclusive('\n').nth(self.line.checked_sub(1)?)?;
        let before: usize = source.split_inclusive('\n').take(self.line - 1).map(str::len).sum();
        let column: usize = line.chars().take(self.column.checked_sub(1)?).map(char::len_utf8).sum();
        Some(before + column)
    }
}

#[cfg(test)]
mod tests {
    use super::{Listed, Place, part};
    use crate::mutants::shard::Shard;

    /// A line and a column count characters, not bytes.
    #[test]
    fn places_are_characters() {
        let source = "one\n»two« three\n";
        let byte = |line, column| Place { line, column }.byte(source);
        assert_eq!((byte(1, 1), byte(2, 2), byte(2, 7)), (Some(0), Some(6), Some(12)));
        assert_eq!((byte(9, 1), byte(0, 1), byte(1, 0)), (None, None, None));
    }

    /// The parts together are the list, without overlap.
    #[test]
    fn parts_share_the_list() {
        let listed: Vec<Listed> = (1..8).map(|number| Listed::at("a", number, "FnValue", "a", "b")).collect();
        let numbers = |at| part(&listed, Shard { part: at, of: 3 }).map(|mutant| mutant.number).collect::<Vec<_>>();
        assert_eq!([numbers(0), numbers(1), numbers(2)], [vec![1, 4, 7], vec![2, 5], vec![3, 6]]);
    }
}
