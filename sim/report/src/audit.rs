//! The page of an audit: what `sim audit --format json` prints, for reading.

use askama::Template;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::parts::{COPY, Copied, STYLE, quoted};

/// The format of an audit that this page reads.
const FORMAT: u32 = 1;

/// The number of findings of one kind that a page shows.
const SHOWN_MAX: usize = 20;

/// An audit, as its JSON has it. Keys of later versions are passed over.
#[derive(Debug, Deserialize)]
pub struct Audit {
    format: u32,
    database: String,
    rows: u64,
    messages: u64,
    #[serde(default)]
    summary: Vec<Kind>,
    #[serde(default)]
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    kind: String,
    count: u64,
    #[serde(default)]
    defects: Vec<String>,
    #[serde(default)]
    releases: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    kind: String,
    claim: String,
    #[serde(default)]
    rows: Vec<Row>,
    #[serde(default)]
    defects: Vec<String>,
    #[serde(default)]
    releases: Vec<String>,
    /// The arguments of `sim find` that look for a schedule.
    #[serde(default)]
    find: Vec<String>,
}

/// A row of the database. Of times only the text is shown, so a number and a text are both read.
#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    parent: Option<String>,
    source: Option<String>,
    started_at: Option<serde_json::Value>,
    ended_at: Option<serde_json::Value>,
    end_reason: Option<String>,
    message_count: Option<i64>,
}

/// Why a file is no audit.
#[derive(Debug, thiserror::Error)]
pub enum BadAudit {
    /// It is not the JSON of an audit.
    #[error("not the JSON of an audit")]
    Unreadable(#[from] serde_json::Error),
    /// It is the JSON of another version.
    #[error("an audit of format {found}, and this program reads format {FORMAT}")]
    Format {
        /// The format of the file.
        found: u32,
    },
}

impl Audit {
    /// Reads the JSON of an audit.
    ///
    /// # Errors
    /// The text is not JSON, has not the keys of an audit, or is of another format.
    pub fn read(text: &str) -> Result<Self, BadAudit> {
        let audit: Self = serde_json::from_str(text)?;
        if audit.format == FORMAT { Ok(audit) } else { Err(BadAudit::Format { found: audit.format }) }
    }

    /// The page, as HTML.
    ///
    /// # Panics
    /// Never: the template writes to a string.
    pub fn page(&self) -> String {
        let mut shown: Vec<Shown<'_>> = Vec::new();
        for finding in &self.findings {
            if shown.iter().filter(|other| other.finding.kind == finding.kind).count() < SHOWN_MAX {
                shown.push(Shown { finding, commands: finding.commands() });
            }
        }
        let left = self.findings.len() - shown.len();
        Page { audit: self, shown, left, style: STYLE, copy: COPY }.render().expect("a string takes all")
    }
}

impl Finding {
    fn commands(&self) -> Vec<Copied> {
        if self.find.is_empty() {
            return Vec::new();
        }
        let words: Vec<String> = self.find.iter().map(|word| quoted(word)).collect();
        vec![Copied::new("find a schedule", format!("sim find {}", words.join(" ")))]
    }
}

/// A time of the database: seconds since 1970 as a date in UTC, and anything else as it stands in the JSON.
fn date(value: Option<&serde_json::Value>) -> String {
    let seconds = |value: &serde_json::Value| OffsetDateTime::from_unix_timestamp(value.as_f64()? as i64).ok();
    match value {
        None | Some(serde_json::Value::Null) => String::new(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => seconds(other).map_or_else(
            || other.to_string(),
            |at| {
                let (hour, minute, second) = at.to_hms();
                format!("{} {hour:02}:{minute:02}:{second:02}", at.date())
            },
        ),
    }
}

/// A finding with its command.
struct Shown<'a> {
    finding: &'a Finding,
    commands: Vec<Copied>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Page<'a> {
    audit: &'a Audit,
    shown: Vec<Shown<'a>>,
    /// The number of findings that are not shown.
    left: usize,
    style: &'a str,
    copy: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIT: &str = r#"{ "format": 1, "database": "/home/a/<b>.db", "rows": 2, "messages": 9, "new": [],
        "summary": [{"kind": "open_row_without_owner", "count": 1, "defects": ["A3"], "releases": ["0.16.0"]}],
        "findings": [{"kind": "open_row_without_owner", "claim": "s2 is open and nothing owns it",
            "rows": [{"id": "20260101_1", "parent": null, "source": "tui", "started_at": 1767225601.5, "ended_at": null,
                "end_reason": null, "message_count": -1}],
            "defects": ["A3"], "releases": ["0.16.0"],
            "find": ["--release", "0.19.0", "--row", "s1 end_reason=compression"]}] }"#;

    /// The page has the summary, the rows and the command of each finding; text of the database cannot become markup.
    #[test]
    fn a_finding_leads_to_its_command() {
        let page = Audit::read(AUDIT).expect("an audit").page();
        for part in ["open_row_without_owner", "20260101_1", "s2 is open", "2026-01-01 00:00:01", "&#60;b&#62;.db"] {
            assert!(page.contains(part), "no `{part}` in\n{page}");
        }
        assert!(page.contains("sim find --release 0.19.0 --row &#39;s1 end_reason=compression&#39;"), "{page}");
        assert!(!page.contains("<b>"), "{page}");
    }

    /// A database with thousands of open rows gives a page that can still be read: it says how many findings it leaves out.
    #[test]
    fn many_findings_of_one_kind_are_counted() {
        let mut audit: serde_json::Value = serde_json::from_str(AUDIT).expect("JSON");
        let finding = audit["findings"][0].clone();
        audit["findings"] = vec![finding; SHOWN_MAX + 3].into();
        let page = Audit::read(&audit.to_string()).expect("an audit").page();
        assert_eq!(page.matches("s2 is open and nothing owns it").count(), SHOWN_MAX);
        assert!(page.contains("3 more findings"), "{page}");
    }

    /// Another format, and what is no audit at all, are errors that say which.
    #[test]
    fn other_files_are_refused() {
        assert!(matches!(
            Audit::read(&AUDIT.replace(": 1, \"database", ": 2, \"database")),
            Err(BadAudit::Format { found: 2 })
        ));
        assert!(matches!(Audit::read("{}"), Err(BadAudit::Unreadable(_))));
    }
}
