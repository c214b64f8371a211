//! The pages, and their generated regions.

use std::fs;
use std::path::{Path, PathBuf};

/// A Markdown file of the repository and its text.
#[derive(Clone)]
pub(crate) struct Page {
    /// The path from the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_owned()
}

/// Whether this run writes the generated text instead of comparing it.
#[expect(clippy::disallowed_methods, reason = "a person decides what the test does; no run depends on it")]
pub(crate) fn accepts() -> bool {
    std::env::var("BOOK").is_ok_and(|value| value == "accept")
}

impl Page {
    /// The pages at the top of the repository, then those of the book.
    pub(crate) fn all() -> Vec<Self> {
        let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "scenarios/README.md", "sim/engine/README.md"];
        let mut paths: Vec<String> = top.map(str::to_owned).to_vec();
        below("docs/src", &mut paths);
        let read = |path: String| {
            let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            Self { path, text }
        };
        paths.into_iter().map(read).collect()
    }

    /// Compares the page with the generated text; with `BOOK=accept` writes it.
    pub(crate) fn expect(&self, text: &str) -> Option<String> {
        if self.text == text {
            return None;
        }
        if accepts() {
            fs::write(root().join(&self.path), text).unwrap_or_else(|error| panic!("{}: {error}", self.path));
            return None;
        }
        let (line, (found, expected)) = self
            .text
            .lines()
            .map(Some)
            .chain(std::iter::repeat(None))
            .zip(text.lines().map(Some).chain(std::iter::repeat(None)))
            .enumerate()
            .find(|(_, (found, expected))| found != expected)?;
        let end = "the end of the page";
        Some(format!(
            "{}:{}: not as the code has it\n  page: {}\n  code: {}",
            self.path,
            line + 1,
            found.unwrap_or(end),
            expected.unwrap_or(end)
        ))
    }
}

fn below(folder: &str, paths: &mut Vec<String>) {
    let mut entries: Vec<_> =
        fs::read_dir(root().join(folder)).expect("a folder").map(|entry| entry.expect("an entry")).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().expect("a type").is_dir() {
            below(&path, paths);
        } else if path.ends_with(".md") {
            paths.push(path);
        }
    }
}

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

/// Replaces each region between `<!-- generated: NAME WORDS -->` and `<!-- end -->` by its table.
pub(crate) fn regenerate(text: &str, table: fn(&str, &[&str]) -> String) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        let head_end = begin + rest[begin..].find("-->\n").expect("the head of a region ends its line") + 4;
        let end = head_end + rest[head_end..].find(END).expect("a region has an end");
        let head = rest[begin + BEGIN.len()..head_end - 4].trim();
        let mut words = head.split_whitespace();
        let name = words.next().expect("a region has a name");
        result.push_str(&rest[..head_end]);
        result.push('\n');
        result.push_str(table(name, &words.collect::<Vec<_>>()).trim_end());
        result.push_str("\n\n");
        rest = &rest[end..];
    }
    result + rest
}
