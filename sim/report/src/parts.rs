//! What pages share.

/// The style of every page.
pub(crate) const STYLE: &str = include_str!("../assets/page.css");
/// The script of every page: commands that are copied.
pub(crate) const COPY: &str = include_str!("../assets/copy.js");

/// A command that a reader can copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// What it does, in a word or two.
    pub what: String,
    /// The command, as it is typed.
    pub command: String,
}

impl Copied {
    /// A command and what it does.
    pub fn new(what: impl Into<String>, command: impl Into<String>) -> Self {
        Self { what: what.into(), command: command.into() }
    }
}

/// A word for a shell: as it is, or in quotes.
pub fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./+:=,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The counts of a claim.
pub struct ClaimLine {
    /// The name of the invariant.
    pub name: &'static str,
    /// How often it was judged.
    pub judged: u64,
    /// How often it was excused.
    pub excused: u64,
    /// The excused share in tenths of a percent.
    pub share: u64,
    /// The reasons, each with its number.
    pub reasons: String,
    /// Why the campaign hardly judged it; none if it did.
    pub blind: Option<String>,
}

impl ClaimLine {
    /// The excused share, as `12.5`.
    pub(crate) fn percent(&self) -> String {
        format!("{}.{}", self.share / 10, self.share % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is copied means the same to a shell.
    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quoted("scenarios/found/a.toml"), "scenarios/found/a.toml");
        assert_eq!(quoted("s1 end_reason=compression"), "'s1 end_reason=compression'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
