//! Mistakes in scenario files: the message, the position and the remedy.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::nearest::nearest;

/// A mistake in a scenario file.
///
/// `Display` is one line, `scenarios/x.toml:30:6: unknown step`. [`text`](Self::text), [`span`](Self::span) and
/// [`help`](Self::help) let a program show the position in the file.
pub struct ScenarioError(Box<Details>);

struct Details {
    path: PathBuf,
    text: Option<String>,
    place: Option<Place>,
    message: String,
    help: Option<String>,
}

/// Lines and columns count from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
    /// In bytes of the text.
    start: usize,
    length: usize,
}

impl ScenarioError {
    /// The path of the file; it need not exist.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The line, from 1, when the mistake has a place.
    pub fn line(&self) -> Option<usize> {
        self.0.place.map(|place| place.line)
    }

    /// The column, from 1 and in characters, when the mistake has a place.
    pub fn column(&self) -> Option<usize> {
        self.0.place.map(|place| place.column)
    }

    /// What is wrong, without the path and the position.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The correction that the help suggests.
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The text of the file, when the mistake has a place in it. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Option<&str> {
        self.0.text.as_deref()
    }

    /// The place in [`text`](Self::text), in bytes. It never spans lines, and may be empty at the end of a file.
    pub fn span(&self) -> Option<Range<usize>> {
        self.0.place.map(|place| place.start..place.start + place.length)
    }

    /// A mistake in a path rather than in a text.
    pub(super) fn of_path(path: &Path, message: impl Into<String>) -> Self {
        let path = path.to_owned();
        Self(Box::new(Details { path, text: None, place: None, message: message.into(), help: None }))
    }

    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::of_path(path, "no such file or directory"),
            _ => Self::of_path(path, format!("cannot be read: {error}")),
        }
    }

    /// A file whose bytes stop being UTF-8 at `offset`.
    pub(super) fn not_text(path: &Path, bytes: &[u8], offset: usize) -> Self {
        if bytes.starts_with(b"SQLite format 3\0") {
            let help = format!("`sim audit {}` judges the rows of a gateway's database", path.display());
            return Self::of_path(path, "an SQLite database, not a scenario").with_help(help);
        }
        // The text before the offset is the same in the lossy conversion, so the position is right in both.
        let text = String::from_utf8_lossy(bytes);
        let found = bytes[offset];
        Source::new(path, &text)
            .error(offset..offset + 1, format!("not UTF-8: byte 0x{found:02x} at offset {offset}"))
            .with_help("a scenario file is UTF-8 text")
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.path.display())?;
        if let Some(Place { line, column, .. }) = self.0.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.0.message)
    }
}

/// As `Display`, with the help. The text of the file is omitted, because it would flood a failed assertion.
impl fmt::Debug for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        self.help().map_or(Ok(()), |help| write!(f, " (help: {help})"))
    }
}

impl std::error::Error for ScenarioError {}

/// The text of a file; turns byte offsets into lines and columns.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
    /// The offsets of the line ends: a file of many steps is not counted through for each of them.
    line_ends: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(path: &'a Path, text: &'a str) -> Self {
        Self { path, text, line_ends: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// A mistake at a place of the text.
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> ScenarioError {
        let mut error = ScenarioError::of_path(self.path, message);
        error.0.text = Some(self.text.to_owned());
        error.0.place = Some(self.place(span));
        error
    }

    /// A mistake that the TOML reader found. The reader's word `field` is replaced by `key`, the term of this language.
    pub(super) fn toml_error(&self, error: &toml::de::Error) -> ScenarioError {
        let message =
            error.message().replacen("unknown field", "unknown key", 1).replacen("missing field", "missing key", 1);
        let hint = HINTS.iter().find(|(sign, _)| message.contains(sign)).map(|(_, hint)| (*hint).to_owned());
        let hint = hint.or_else(|| meant(&message));
        let positioned = self.error(error.span().unwrap_or(0..0), message);
        match hint {
            Some(hint) => positioned.with_help(hint),
            None => positioned,
        }
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.line_ends.partition_point(|end| *end < offset) + 1
    }

    /// The position of the key whose value is at `value`: the nearest occurrence of `key` before the value.
    pub(super) fn key(&self, key: &str, value: Range<usize>) -> Range<usize> {
        match self.text[..value.start].rfind(key) {
            Some(start) => start..start + key.len(),
            None => value,
        }
    }

    /// The line and the column of a byte, both from 1, the column in characters.
    pub(super) fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let Place { line, column, .. } = self.place(offset..offset);
        (line, column)
    }

    fn place(&self, span: Range<usize>) -> Place {
        // The lossy conversion replaces bytes that are not UTF-8 by a longer character, so an offset may be inside it.
        let start = self.text.floor_char_boundary(span.start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |end| end + 1);
        // For a table, only the first line is marked.
        let line_end = self.text[start..].find(['\r', '\n']).map_or(self.text.len(), |length| start + length);
        let end = self.text.ceil_char_boundary(span.end).clamp(start, line_end);
        Place {
            line: self.line(start),
            column: self.text[line_start..start].chars().count() + 1,
            start,
            length: end - start,
        }
    }
}

/// A suggestion, for messages that quote an unknown word and then the known ones.
fn meant(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let found = quoted.next().filter(|_| message.starts_with("unknown"))?;
    nearest(found, quoted).map(|word| format!("did you mean `{word}`?"))
}

/// Help for messages of the TOML reader and of the gateway's types: a part of the message, and the help.
const HINTS: &[(&str, &str)] = &[
    ("negative time", "times count from the start of the run, which is `0s`"),
    ("invalid type: integer", "text stands in quotes, and a length of time is text with a unit: \"5s\""),
    ("invalid type: map, expected a string", "a key that contains a dot is written in quotes: \"grace.expiry\""),
    ("invalid type: map, expected a sequence", "each step is a table of its own under `[[steps]]`, with two brackets"),
    ("unknown variant `violated`", "a violation is expected by name: violates = \"detached_rows_end\""),
    ("missing key `steps`", "a turn is a list of steps: steps = [{ reply = \"done\" }]"),
    ("expected u64", "a seed is a whole number, 0 or more"),
    ("duplicate key", "each key stands once; each step has a `[[steps]]` line of its own"),
];

/// Names in back quotes, with commas.
pub(super) fn list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}
