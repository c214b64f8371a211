//! Patterns in files: a TOML file of its own, and the findings of `sim audit --format json`.

use std::collections::BTreeMap;
use std::ops::Range;

use gateway_core::release::Release;
use serde::Deserialize;
use toml::Spanned;

use super::pattern::{Others, Pattern, PatternError};

/// A pattern as a file gives it, before its words are read.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Each row, as `ALIAS WORD…`.
    pub rows: Vec<String>,
    /// The number of live sessions at the end.
    pub live: Option<usize>,
    /// Whether there may be other rows.
    pub others: Others,
    /// The release, if the file names one.
    pub release: Option<Release>,
    /// For each row, the place in the file of the text behind its alias; empty for a file without places.
    pub places: Vec<Range<usize>>,
}

/// A file that holds no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InputError {
    /// What is wrong, as a fragment.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The part of the file, in bytes; none if the whole file is wrong.
    pub span: Option<Range<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPattern {
    rows: BTreeMap<String, Spanned<String>>,
    live: Option<Spanned<i64>>,
    #[serde(default)]
    exact: bool,
    release: Option<Spanned<String>>,
}

/// The part of an audit's document that leads here; other keys are ignored.
#[derive(Deserialize)]
struct RawAudit {
    findings: Vec<RawFinding>,
}

#[derive(Deserialize)]
struct RawFinding {
    kind: String,
    #[serde(default)]
    find: Vec<String>,
}

impl Given {
    /// Reads a pattern file: a table `[rows]` of `ALIAS = "WORD…"`, and the keys `live`, `exact` and `release`.
    pub fn from_toml(text: &str) -> Result<Self, InputError> {
        let wrong = |error: toml::de::Error| {
            InputError {
            message: error.message().to_owned(),
            help: Some("a pattern file has a table `[rows]`, as `s1 = \"end_reason=compression\"`, and may have `live`, `exact` and `release`".to_owned()),
            span: error.span(),
        }
        };
        let raw: RawPattern = toml::from_str(text).map_err(wrong)?;
        let mut given = Self { others: if raw.exact { Others::None } else { Others::Free }, ..Self::default() };
        let mut rows: Vec<(String, Spanned<String>)> = raw.rows.into_iter().collect();
        rows.sort_by_key(|(_, words)| words.span().start);
        for (alias, words) in rows {
            given.rows.push(format!("{alias} {}", words.get_ref()));
            given.places.push(words.span());
        }
        given.live = raw.live.map(|live| count(live.span(), *live.get_ref())).transpose()?;
        given.release = raw.release.map(|name| release(Some(name.span()), name.get_ref())).transpose()?;
        Ok(given)
    }

    /// Reads the flags that a finding of an audit carries. `finding` counts from 1.
    pub fn from_audit(text: &str, finding: usize) -> Result<Self, InputError> {
        let wrong = |message: String, help: &str| InputError { message, help: Some(help.to_owned()), span: None };
        let audit: RawAudit = serde_json::from_str(text)
            .map_err(|error| wrong(error.to_string(), "give the output of `sim audit DB --format json`"))?;
        let count = audit.findings.len();
        let Some(finding) = finding.checked_sub(1).and_then(|place| audit.findings.get(place)) else {
            return Err(wrong(
                format!("there is no finding {finding}"),
                &format!("the audit has {count} findings, from 1"),
            ));
        };
        if finding.find.is_empty() {
            let message =
                format!("the finding is of kind `{}`, for which rows alone cannot be looked for", finding.kind);
            return Err(wrong(message, "choose another one with `--finding`, or describe the rows with `--row`"));
        }
        Self::from_flags(&finding.find)
    }

    /// Reads flags as `sim find` takes them.
    fn from_flags(flags: &[String]) -> Result<Self, InputError> {
        let wrong = |message: String| InputError { message, help: None, span: None };
        let mut given = Self::default();
        let mut flags = flags.iter().map(String::as_str);
        while let Some(flag) = flags.next() {
            if flag == "--exact" {
                given.others = Others::None;
                continue;
            }
            let value = flags.next().ok_or_else(|| wrong(format!("`{flag}` has no value")))?;
            match flag {
                "--row" => given.rows.push(value.to_owned()),
                "--live" => {
                    let live = value.parse().map_err(|_| wrong(format!("`--live {value}` is no number")))?;
                    given.live = Some(live);
                }
                "--release" => given.release = Some(release(None, value)?),
                _ => return Err(wrong(format!("`{flag}` is no flag of a pattern"))),
            }
        }
        Ok(given)
    }

    /// Reads the words.
    pub fn pattern(&self) -> Result<Pattern, PatternError> {
        Pattern::parse(&self.rows, self.live, self.others)
    }

    /// The place in the file of a mistake in a row; none for a file without places.
    pub fn place(&self, error: &PatternError) -> Option<Range<usize>> {
        let value = self.places.get(error.row)?;
        let alias = self.rows[error.row].find(' ').map_or(0, |blank| blank + 1);
        // Behind the quotation mark. A mistake in the alias is shown at its value.
        let begin = value.start + 1 + error.span.start.saturating_sub(alias);
        let end = (begin + error.span.len()).min(value.end);
        Some(begin.min(end)..end)
    }
}

fn count(span: Range<usize>, number: i64) -> Result<usize, InputError> {
    usize::try_from(number).map_err(|_| InputError {
        message: format!("`live` is {number}, and no number of sessions"),
        help: None,
        span: Some(span),
    })
}

fn release(span: Option<Range<usize>>, name: &str) -> Result<Release, InputError> {
    name.parse().map_err(|error: gateway_core::release::UnknownRelease| InputError {
        message: error.to_string(),
        help: None,
        span,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file says the same as the flags.
    #[test]
    fn a_file_is_a_pattern() {
        let text = "live = 0\nexact = true\nrelease = \"0.19.0\"\n[rows]\ns1 = \"end_reason=compression\"\ns2 = \"parent=s1 open\"\n";
        let given = Given::from_toml(text).expect("a good file");
        assert_eq!(given.release, Some(Release::V0_19_0));
        let pattern = given.pattern().expect("good words");
        assert_eq!(pattern.to_string(), "s1 end_reason=compression; s2 parent=s1 open; 0 live; no other row");
    }

    /// A mistake is marked in the file.
    #[test]
    fn mistakes_have_a_place() {
        let check = |text: &str, message: &str, marked: &str| {
            let (said, span) = match Given::from_toml(text) {
                Err(error) => (error.message, error.span),
                Ok(given) => {
                    let error = given.pattern().expect_err("a mistake");
                    (error.message.clone(), given.place(&error))
                }
            };
            assert_eq!((said.as_str(), span.map(|span| &text[span])), (message, Some(marked)), "{text}");
        };
        check("[rows]\ns1 = \"open opn\"\n", "unknown word `opn`", "opn");
        check(
            "[rows]\ns1 = \"open\"\ns2 = \"ended since_prompt<20\"\n",
            "not a time: `20`, expected a length such as `0s`, `250ms` or `1m 30s`",
            "since_prompt<20",
        );
        check("[rows]\nx = \"open\"\n", "`x` is no alias", "o");
        check("live = -1\n[rows]\ns1 = \"open\"\n", "`live` is -1, and no number of sessions", "-1");
        check(
            "release = \"0.20\"\n[rows]\n",
            "unknown release `0.20`, expected one of `0.16.0`, `0.17.0`, `0.18.2`, `0.19.0`, `0.19.0+rearm`, `current`",
            "\"0.20\"",
        );
    }

    /// An audit leads to the pattern of its finding.
    #[test]
    fn a_finding_is_a_pattern() {
        let text = r#"{"format": 1, "findings": [{"kind": "cycle", "find": []}, {"kind": "open_child", "rows": [],
            "find": ["--release", "0.19.0", "--row", "s1 end_reason=compression", "--row", "s2 parent=s1 open", "--live", "0"]}]}"#;
        let given = Given::from_audit(text, 2).expect("a good finding");
        assert_eq!((given.rows.len(), given.live, given.release), (2, Some(0), Some(Release::V0_19_0)));
        let message = |text: &str, finding| Given::from_audit(text, finding).expect_err("a mistake").message;
        assert_eq!(message(text, 1), "the finding is of kind `cycle`, for which rows alone cannot be looked for");
        assert_eq!(message(text, 3), "there is no finding 3");
        assert_eq!(message(text, 0), "there is no finding 0");
        assert_eq!(message("SQLite format 3", 1), "expected value at line 1 column 1");
    }
}
