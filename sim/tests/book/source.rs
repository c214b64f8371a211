//! Doc comments of fields and variants, read from the source because the compiler does not keep them.

use std::fs;

use super::pages::root;

/// A field or a variant with its doc comment.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) about: String,
}

/// The members of the `struct` or `enum` with this head, such as `pub struct Config`.
pub(crate) fn members(path: &str, head: &str) -> Vec<Member> {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let begin = text.find(&format!("{head} {{\n")).unwrap_or_else(|| panic!("{path} has no `{head}`"));
    let mut members = Vec::new();
    let mut about = Vec::new();
    for line in text[begin..].lines().skip(1).take_while(|line| *line != "}") {
        let Some(line) = line.strip_prefix("    ").filter(|line| !line.starts_with([' ', '}', '#'])) else { continue };
        if let Some(doc) = line.strip_prefix("///") {
            about.push(doc.trim().to_owned());
            continue;
        }
        let line = line.strip_prefix("pub(super) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
        let name: String = line.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        if !name.is_empty() {
            members.push(Member { name, about: about.join(" ") });
        }
        about.clear();
    }
    members
}
