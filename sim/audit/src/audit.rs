//! One audit: a snapshot of the file is read once, and every kind that its columns allow is judged.

use std::path::Path;

use rusqlite::Connection;
use serde::Serialize;

use crate::error::AuditError;
use crate::finding::{Finding, Quote};
use crate::judge::{Judge, Terms};
use crate::keys;
use crate::kind::Kind;
use crate::lineage::Lineage;
use crate::open::{Opened, Read, of_sqlite};
use crate::row::{Row, read_all, text};
use crate::scan::{self, Scanned};
use crate::schema::{Schema, Writer};

/// How many characters of a message are quoted.
const QUOTE_LENGTH: i64 = 120;

/// Which open rows must have an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// Those of gateways of terminals and desktops. Others are counted.
    Own,
    /// Those of all programs.
    All,
}

/// Whether a report has titles and the beginnings of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// It has neither.
    Withheld,
    /// It has both.
    Shown,
}

/// What is judged, and by which time.
#[derive(Clone, Debug)]
pub struct Options {
    /// The time of the audit, in seconds since 1970.
    pub now: f64,
    /// After how many seconds without use an open row has no owner.
    pub age: f64,
    /// Whose open rows are judged.
    pub sources: Sources,
    /// The kinds that are judged; empty for all.
    pub kinds: Vec<Kind>,
    /// Whether texts are shown.
    pub texts: Texts,
}

/// The findings of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The kind.
    pub kind: Kind,
    /// How many findings it has.
    pub count: usize,
    /// The defects of the catalogue that leave them.
    pub defects: Vec<&'static str>,
    /// The releases that have one of the defects.
    pub releases: Vec<&'static str>,
}

/// A kind that cannot be judged, and the column that it lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotJudged {
    /// The kind.
    pub kind: Kind,
    /// The missing column, as `table.column`.
    pub missing: String,
}

/// Rows that were spared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unclear {
    /// Open rows that were used within the age.
    pub young_open_rows: u64,
    /// Older open rows of other programs, which end them by rules of their own.
    pub open_rows_of_other_programs: u64,
    /// Children of which the database does not say whether they continue their parent or are subagents.
    pub children_of_unknown_kind: usize,
}

/// The report. As JSON it is `format` 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Audit {
    /// The version of this form.
    pub format: u32,
    /// The path as given.
    pub database: String,
    /// What was read.
    pub read: Read,
    /// The program whose schema it is.
    pub writer: Writer,
    /// The number in `schema_version`.
    pub schema_version: Option<i64>,
    /// The release of the catalogue whose schema it is; rows may be older.
    pub release: Option<&'static str>,
    /// The number of sessions.
    pub rows: usize,
    /// The number of messages.
    pub messages: u64,
    /// The kinds that have findings.
    pub summary: Vec<Count>,
    /// What cannot be judged.
    pub not_judged: Vec<NotJudged>,
    /// What was spared.
    pub spared: Unclear,
    /// All findings, in the order of the kinds and then of the ids.
    pub findings: Vec<Finding>,
}

/// Audits the database in the file `path`, as it is at one instant. Nothing is written to the file or beside it.
pub fn audit(path: &Path, options: &Options) -> Result<Audit, AuditError> {
    let opened = Opened::open(path)?;
    let failed = |source| of_sqlite(path, source, None);
    let schema = Schema::read(&opened.connection).map_err(failed)?;
    check_is_ours(path, &schema)?;
    let complaints = match asks(options, Kind::DamagedPages) {
        true => keys::complaints(&opened.connection).map_err(failed)?,
        false => Vec::new(),
    };
    let audit = carry_out(path, options, &opened, &schema, &complaints);
    // A file that was written to meanwhile may look damaged.
    if !opened.is_unchanged() {
        return Err(AuditError::Changed { path: path.to_owned() });
    }
    audit.map_err(|source| of_sqlite(path, source, complaints.first()))
}

fn carry_out(
    path: &Path,
    options: &Options,
    opened: &Opened,
    schema: &Schema,
    complaints: &[String],
) -> rusqlite::Result<Audit> {
    let connection = &opened.connection;
    let mut rows = read_all(connection, schema)?;
    let scanned = scan::messages(connection, schema, &mut rows)?;
    let dangling = match asks(options, Kind::ReferenceMissing) {
        true => keys::dangling(connection, schema)?,
        false => Vec::new(),
    };
    let lineage = Lineage::new(&rows, schema.marks_subagents());
    let terms = Terms {
        now: options.now,
        age: options.age,
        judges_all_sources: options.sources == Sources::All,
        with_titles: options.texts == Texts::Shown,
        release: schema.release(),
    };
    let mut judge = Judge::new(&rows, terms);
    judge.rows(&lineage);
    judge.chains(&lineage);
    judge.references(&scanned.without_row, &dangling, complaints);
    judge.titles();
    let spared = Unclear {
        young_open_rows: judge.spared.young,
        open_rows_of_other_programs: judge.spared.of_others,
        children_of_unknown_kind: lineage.unclear.len(),
    };
    let not_judged = not_judged(schema);
    let mut findings = judge.findings;
    findings.retain(|finding| {
        asks(options, finding.kind) && not_judged.iter().all(|not_judged| not_judged.kind != finding.kind)
    });
    findings.sort_by_key(|finding| finding.kind);
    if options.texts == Texts::Shown {
        quote(connection, schema, &mut findings)?;
    }
    Ok(report(path, opened.read, schema, &rows, &scanned, spared, not_judged, findings))
}

#[expect(clippy::too_many_arguments, reason = "each is a part of the report")]
fn report(
    path: &Path,
    read: Read,
    schema: &Schema,
    rows: &[Row],
    scanned: &Scanned,
    spared: Unclear,
    not_judged: Vec<NotJudged>,
    findings: Vec<Finding>,
) -> Audit {
    Audit {
        format: 1,
        database: path.display().to_string(),
        read,
        writer: schema.writer,
        schema_version: schema.version,
        release: schema.release(),
        rows: rows.len(),
        messages: scanned.messages,
        summary: findings.chunk_by(|one, next| one.kind == next.kind).map(count).collect(),
        not_judged,
        spared,
        findings,
    }
}

/// A file without these has nothing to judge.
fn check_is_ours(path: &Path, schema: &Schema) -> Result<(), AuditError> {
    let needed = [("sessions", "id"), ("messages", "session_id")];
    let Some((table, column)) = needed.into_iter().find(|(table, column)| !schema.has(table, column)) else {
        return Ok(());
    };
    let missing = match schema.has_table(table) {
        true => format!("column `{table}.{column}`"),
        false => format!("table `{table}`"),
    };
    let tables: Vec<String> = schema.tables().map(|table| format!("`{table}`")).collect();
    let tables = if tables.is_empty() { "of none".to_owned() } else { tables.join(", ") };
    Err(AuditError::NotOurs { path: path.to_owned(), missing, tables })
}

fn asks(options: &Options, kind: Kind) -> bool {
    options.kinds.is_empty() || options.kinds.contains(&kind)
}

fn not_judged(schema: &Schema) -> Vec<NotJudged> {
    let missing = |kind: Kind| {
        let column = kind.needs().iter().find(|(table, column)| !schema.has(table, column));
        column.map(|(table, column)| NotJudged { kind, missing: format!("{table}.{column}") })
    };
    Kind::ALL.into_iter().filter_map(missing).collect()
}

fn count(findings: &[Finding]) -> Count {
    // In the order of the catalogue of the kind, which is that of likelihood.
    let kind = findings[0].kind;
    let named = |id: &&'static str| findings.iter().any(|finding| finding.defects.contains(id));
    let mut releases: Vec<&'static str> =
        findings.iter().flat_map(|finding| finding.releases.iter().copied()).collect();
    releases.sort_unstable();
    releases.dedup();
    let defects = kind.defects().iter().map(|defect| defect.id).filter(named).collect();
    Count { kind, count: findings.len(), defects, releases }
}

/// Adds the beginnings of the messages that findings name.
fn quote(connection: &Connection, schema: &Schema, findings: &mut [Finding]) -> rusqlite::Result<()> {
    let column = |name| schema.column("messages", name, "''");
    let sql = format!(
        "SELECT {}, substr({}, 1, {QUOTE_LENGTH}) FROM messages WHERE rowid = ?1",
        column("role"),
        column("content")
    );
    let mut statement = connection.prepare(&sql)?;
    for finding in findings {
        for id in &finding.messages {
            let found = statement.query_row([id], |row| Ok((text(row.get_ref(0)?), text(row.get_ref(1)?))))?;
            let (role, text) = (found.0.unwrap_or_default(), found.1.unwrap_or_default());
            finding.texts.push(Quote { id: *id, role, text });
        }
    }
    Ok(())
}
