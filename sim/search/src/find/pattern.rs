//! Patterns of final rows: what they say, and how they are read and printed.
//!
//! A row of a pattern is an alias (`s1`) and words (`end_reason=compression`). Aliases are names within the pattern: `s1` may
//! be any row of the database.

use std::fmt;
use std::ops::Range;

use sim_scenario::is_alias;

use super::word::{self, DraftWord, RowWord, excludes};

/// The largest number of rows of a pattern: each may be any row of the database, so the number of assignments grows fast.
pub const ROWS_MAX: usize = 8;

/// A pattern of final rows and memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// The rows, in the order in which they were given.
    pub rows: Vec<RowPattern>,
    /// The number of live sessions at the end; any if there is none.
    pub live: Option<usize>,
    /// Whether the database may hold rows that the pattern does not name.
    pub others: Others,
}

/// Rows that a pattern does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Others {
    /// There may be any number of them.
    #[default]
    Free,
    /// There is none: the pattern names every row.
    None,
}

/// What a pattern says about one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPattern {
    /// Its name within the pattern.
    pub alias: String,
    /// What holds of it.
    pub words: Vec<RowWord>,
}

/// A mistake in a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// What is wrong, as a fragment.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The place of the row among those that were given, from 0.
    pub row: usize,
    /// The part of the row's text, in bytes.
    pub span: Range<usize>,
}

/// A row as it was read: `parent` still names its alias.
struct Draft {
    alias: String,
    words: Vec<(Range<usize>, DraftWord)>,
}

impl Pattern {
    /// Reads the rows of a pattern, each as `ALIAS WORD…`.
    pub fn parse(rows: &[String], live: Option<usize>, others: Others) -> Result<Self, PatternError> {
        if rows.len() > ROWS_MAX {
            let help = Some("leave out rows that do not matter: other rows are free".to_owned());
            let message = format!("a pattern has {ROWS_MAX} rows at most, and this one has {}", rows.len());
            return Err(PatternError { message, help, row: ROWS_MAX, span: 0..rows[ROWS_MAX].len() });
        }
        let drafts = rows.iter().enumerate().map(|(row, text)| draft(row, text)).collect::<Result<Vec<_>, _>>()?;
        for (row, draft) in drafts.iter().enumerate() {
            if drafts[..row].iter().any(|earlier| earlier.alias == draft.alias) {
                let message = format!("alias `{}` is given twice", draft.alias);
                let help = Some("write all words of a row behind one alias".to_owned());
                return Err(PatternError { message, help, row, span: 0..draft.alias.len() });
            }
        }
        let aliases: Vec<String> = drafts.iter().map(|draft| draft.alias.clone()).collect();
        let mut pattern = Self { rows: Vec::new(), live, others };
        for (row, Draft { alias, words }) in drafts.into_iter().enumerate() {
            let mut spans: Vec<Range<usize>> = Vec::new();
            let mut known: Vec<RowWord> = Vec::new();
            for (span, word) in words {
                let word = resolve(word, &aliases, row, &span)?;
                if let Some(message) = contradiction(&known, &word, &aliases) {
                    return Err(PatternError { message, help: None, row, span });
                }
                if !known.contains(&word) {
                    known.push(word);
                    spans.push(span);
                }
            }
            pattern.rows.push(RowPattern { alias, words: known });
            pattern.check_circle(row, &spans)?;
        }
        Ok(pattern)
    }

    /// A row that is its own ancestor is in no database.
    fn check_circle(&self, row: usize, spans: &[Range<usize>]) -> Result<(), PatternError> {
        let mut at = row;
        for _ in 0..=self.rows.len() {
            let Some(parent) = self.rows.get(at).and_then(RowPattern::parent) else { return Ok(()) };
            if parent == row {
                let is_parent = |word: &RowWord| matches!(word, RowWord::Parent(_));
                let place = self.rows[row].words.iter().position(is_parent).unwrap_or_default();
                let message = format!("`{}` is its own ancestor", self.rows[row].alias);
                return Err(PatternError { message, help: None, row, span: spans[place].clone() });
            }
            at = parent;
        }
        Ok(())
    }

    /// A word as it is written.
    pub fn written(&self, word: &RowWord) -> String {
        match word {
            RowWord::Open => "open".to_owned(),
            RowWord::Ended => "ended".to_owned(),
            RowWord::EndReason(reason) => format!("end_reason={reason}"),
            RowWord::Parent(place) => format!("parent={}", self.rows[*place].alias),
            RowWord::NoParent => "parent=none".to_owned(),
            RowWord::Source(source) => format!("source={source}"),
            RowWord::Messages(count) => format!("messages={count}"),
            RowWord::MessagesMin(count) => format!("messages>={count}"),
            RowWord::Title => "title".to_owned(),
            RowWord::NoTitle => "no_title".to_owned(),
            RowWord::CallsWithoutResult => "calls_without_result".to_owned(),
            RowWord::ResultsWithoutCall => "results_without_call".to_owned(),
            RowWord::DuplicateMessages => "duplicate_messages".to_owned(),
            RowWord::CountDiffers => "count_differs".to_owned(),
            RowWord::Elapsed(elapsed) => elapsed.to_string(),
        }
    }

    /// A row as it is written: `s2 parent=s1 open`.
    pub fn row(&self, row: &RowPattern) -> String {
        let words = row.words.iter().map(|word| self.written(word));
        std::iter::once(row.alias.clone()).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// All words with the places of their rows.
    pub fn words(&self) -> impl Iterator<Item = (usize, &RowWord)> {
        self.rows.iter().enumerate().flat_map(|(place, row)| row.words.iter().map(move |word| (place, word)))
    }
}

impl RowPattern {
    /// The place of the row that it continues.
    fn parent(&self) -> Option<usize> {
        self.words.iter().find_map(|word| if let RowWord::Parent(place) = word { Some(*place) } else { None })
    }
}

/// Prints the rows, the number of live sessions, and whether other rows are free.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<String> = self.rows.iter().map(|row| self.row(row)).collect();
        write!(f, "{}", rows.join("; "))?;
        if let Some(live) = self.live {
            write!(f, "; {live} live")?;
        }
        if self.others == Others::None {
            write!(f, "; no other row")?;
        }
        Ok(())
    }
}

/// Reads a row without the rows that it names.
fn draft(row: usize, text: &str) -> Result<Draft, PatternError> {
    let mut parts = parts(text);
    let wrong = |message: String, help: &str, span: Range<usize>| PatternError {
        message,
        help: Some(help.to_owned()),
        row,
        span,
    };
    let Some(span) = parts.next() else {
        let help = "write `ALIAS WORD...`, as `s1 end_reason=compression`";
        return Err(wrong("a row without an alias".to_owned(), help, 0..text.len()));
    };
    let alias = text[span.clone()].to_owned();
    if !is_alias(&alias) {
        let help = "a row begins with its alias, `s1`, `s2` and so on: `s1 end_reason=compression`";
        return Err(wrong(format!("`{alias}` is no alias"), help, span));
    }
    let mut words = Vec::new();
    for span in parts {
        let word = word::read(&text[span.clone()]).map_err(|(message, help)| PatternError {
            message,
            help: Some(help),
            row,
            span: span.clone(),
        })?;
        words.push((span, word));
    }
    Ok(Draft { alias, words })
}

/// The spans of the words of a text.
fn parts(text: &str) -> impl Iterator<Item = Range<usize>> {
    let start = text.as_ptr() as usize;
    text.split_whitespace().map(move |part| {
        let begin = part.as_ptr() as usize - start;
        begin..begin + part.len()
    })
}
fn resolve(word: DraftWord, aliases: &[String], row: usize, span: &Range<usize>) -> Result<RowWord, PatternError> {
    let alias = match word {
        DraftWord::Is(word) => return Ok(word),
        DraftWord::ParentIs(alias) => alias,
    };
    let place = aliases.iter().position(|known| *known == alias);
    place.map(RowWord::Parent).ok_or_else(|| PatternError {
        message: format!("no row of the pattern has the alias `{alias}`"),
        help: Some(format!("its aliases are `{}`; a row without a parent is `parent=none`", aliases.join("`, `"))),
        row,
        span: span.clone(),
    })
}

/// Why no row can meet the word besides the earlier ones.
fn contradiction(known: &[RowWord], word: &RowWord, aliases: &[String]) -> Option<String> {
    let names = Pattern {
        rows: aliases.iter().map(|alias| RowPattern { alias: alias.clone(), words: Vec::new() }).collect(),
        ..Pattern::default()
    };
    let other = known.iter().find(|earlier| excludes(earlier, word) || excludes(word, earlier))?;
    Some(format!("no row is both `{}` and `{}`", names.written(other), names.written(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&str]) -> Vec<String> {
        rows.iter().map(|row| (*row).to_owned()).collect()
    }

    #[track_caller]
    fn check(given: &[&str], expected: Result<&str, (&str, &str)>) {
        let rows = rows(given);
        match (Pattern::parse(&rows, None, Others::Free), expected) {
            (Ok(pattern), Ok(printed)) => assert_eq!(pattern.to_string(), printed),
            (Err(error), Err((message, marked))) => {
                assert_eq!((error.message.as_str(), &rows[error.row][error.span]), (message, marked));
            }
            (found, expected) => panic!("{given:?}: {found:?}, expected {expected:?}"),
        }
    }

    /// A pattern prints as it was written, with single blanks; a row may name a later one.
    #[test]
    fn patterns_are_read() {
        check(
            &["s1 end_reason=compression", " s2  parent=s1 open"],
            Ok("s1 end_reason=compression; s2 parent=s1 open"),
        );
        check(&["s2 parent=s7 messages>=3 title", "s7"], Ok("s2 parent=s7 messages>=3 title; s7"));
        check(&["s1 open open source=cli parent=none"], Ok("s1 open source=cli parent=none"));
        for word in ["calls_without_result", "results_without_call", "duplicate_messages", "count_differs", "no_title"]
        {
            let row = format!("s1 {word} messages=2");
            check(&[&row], Ok(&row));
        }
        check(
            &["s1 since_start<1h since_message>90s since_prompt<0s"],
            Ok("s1 since_start<1h since_message>1m30s since_prompt<0s"),
        );
        check(&["s1 since_prompt>1s since_prompt<20s"], Ok("s1 since_prompt>1s since_prompt<20s"));
    }

    /// A mistake is marked in its row, and says what would be right.
    #[test]
    fn mistakes_are_marked() {
        check(&[""], Err(("a row without an alias", "")));
        check(&["open"], Err(("`open` is no alias", "open")));
        check(&["s0 open"], Err(("`s0` is no alias", "s0")));
        check(&["s1 opn"], Err(("unknown word `opn`", "opn")));
        check(&["s1 open", "s2 parent=s3"], Err(("no row of the pattern has the alias `s3`", "parent=s3")));
        check(&["s1 open", "s1 ended"], Err(("alias `s1` is given twice", "s1")));
        check(
            &["s1 end_reason=compresion"],
            Err(("no release writes the end reason `compresion`", "end_reason=compresion")),
        );
        check(&["s1 end_reason="], Err(("`end_reason` has no value", "end_reason=")));
        check(&["s1 messages=two"], Err(("`messages=two` has no number of messages", "messages=two")));
        check(&["s1 messages<2"], Err(("unknown word `messages<2`", "messages<2")));
        check(
            &["s1 open end_reason=compression"],
            Err(("no row is both `open` and `end_reason=compression`", "end_reason=compression")),
        );
        check(&["s1 messages>=3 messages=2"], Err(("no row is both `messages>=3` and `messages=2`", "messages=2")));
        check(
            &["s1 ended since_prompt<20"],
            Err(("not a time: `20`, expected a length such as `0s`, `250ms` or `1m 30s`", "since_prompt<20")),
        );
        check(&["s1 since_prompt < 20s"], Err(("`since_prompt` has no comparison", "since_prompt")));
        check(&["s1 since_start<20s open"], Err(("no row is both `since_start<20s` and `open`", "open")));
        check(
            &["s1 since_start>20s since_start<20s"],
            Err(("no row is both `since_start>20s` and `since_start<20s`", "since_start<20s")),
        );
        check(
            &["s1 messages=0 since_prompt<20s"],
            Err(("no row is both `messages=0` and `since_prompt<20s`", "since_prompt<20s")),
        );
        check(&["s1 parent=s1"], Err(("`s1` is its own ancestor", "parent=s1")));
        check(&["s1 parent=s2", "s2 open parent=s1"], Err(("`s2` is its own ancestor", "parent=s1")));
        check(&["s1"; 9], Err(("a pattern has 8 rows at most, and this one has 9", "s1")));
    }

    /// A misspelt word names the nearest, and another one all of them.
    #[test]
    fn help_names_the_nearest() {
        let help = |row: &str| Pattern::parse(&rows(&[row]), None, Others::Free).expect_err("a mistake").help;
        assert_eq!(help("s1 opn").as_deref(), Some("did you mean `open`?"));
        assert_eq!(help("s1 end_reason=tui_closed").as_deref(), Some("did you mean `tui_close`?"));
        assert_eq!(
            help("s1 since_promt<20s").as_deref(),
            Some("did you mean `since_prompt<TIME` or `since_prompt>TIME`?")
        );
        assert_eq!(
            help("s1 since_prompt<20").as_deref(),
            Some("write `since_prompt<20s` or `since_prompt>1m30s`, without blanks")
        );
        assert!(help("s1 xyzzy").is_some_and(|help| help.contains("`messages>=N`")));
    }
}
