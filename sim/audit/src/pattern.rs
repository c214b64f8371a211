//! The arguments of `sim find` that describe a finding's rows: what it is to look for in the rows at the end of a run.

use crate::kind::{Defect, Kind};
use crate::row::{Mark, Row};

/// The releases from the oldest to the newest.
const RELEASES: [&str; 4] = ["0.16.0", "0.17.0", "0.18.2", "0.19.0"];

/// The end reasons that a run can leave. A row with another is searched for as one that is ended.
pub const SEARCHED_REASONS: [&str; 11] = [
    "tui_close",
    "tui_shutdown",
    "ws_orphan_reap",
    "ws_disconnect",
    "idle_timeout",
    "lru_evict",
    "agent_close",
    "startup_orphan_reap",
    "compression",
    "new_session",
    "cli_close",
];

/// The most rows that a pattern has. A longer chain is searched for by its first rows.
const ROWS_MAX: usize = 4;

/// The arguments for the rows of a finding; empty where no schedule leads there.
///
/// `database` is the release whose schema the database has. Its rows may be older, so a release that has the defect is taken:
/// the newest up to that of the database. This gateway is searched only for what no release leaves.
pub(crate) fn arguments(kind: Kind, rows: &[&Row], defects: &[Defect], database: Option<&str>) -> Vec<String> {
    let patterns = patterns(kind, rows);
    if patterns.is_empty() {
        return Vec::new();
    }
    let mut arguments = Vec::new();
    if let Some(release) = release(defects, database) {
        arguments.extend(["--release".to_owned(), release.to_owned()]);
    }
    if kind == Kind::CompressedRowWithoutChild {
        arguments.push("--exact".to_owned());
    }
    arguments.extend(patterns.into_iter().flat_map(|pattern| ["--row".to_owned(), pattern]));
    arguments
}

fn release<'a>(defects: &[Defect], database: Option<&'a str>) -> Option<&'a str> {
    let place = |release: &str| RELEASES.iter().position(|known| *known == release);
    let newest = database.and_then(place).unwrap_or(RELEASES.len() - 1);
    let has = |release: &str| defects.iter().any(|defect| defect.releases.contains(&release));
    RELEASES[..=newest].iter().rev().chain(&RELEASES).copied().find(|release| has(release)).or(database)
}

fn patterns(kind: Kind, rows: &[&Row]) -> Vec<String> {
    let row = |word: &str| vec![format!("s1 {word}")];
    match kind {
        Kind::OpenRowWithoutOwner => {
            let messages =
                if rows.last().is_some_and(|row| row.talk.live() > 0) { "messages>=1" } else { "messages=0" };
            let mut patterns = chain(rows);
            if let Some(last) = patterns.last_mut() {
                last.push(' ');
                last.push_str(messages);
            }
            patterns
        }
        Kind::TwoOpenRowsInChain
        | Kind::ContinuedRowNotCompressed
        | Kind::CompressedRowWithoutChild
        | Kind::CompressedRowContinuedTwice => chain(rows),
        Kind::CompressedRowWithoutMessages => row("end_reason=compression messages=0"),
        Kind::RowWithoutMessages => match rows.first() {
            Some(first) => row(&format!("{} messages=0", end(first))),
            None => Vec::new(),
        },
        Kind::MessageCountDiffers => row("count_differs"),
        Kind::CallWithoutResult => row("calls_without_result"),
        Kind::ResultWithoutCall => row("results_without_call"),
        Kind::DuplicateMessages => row("duplicate_messages"),
        Kind::PlatformRowEnded => match rows.first().filter(|row| is_word(&row.source)) {
            Some(first) => row(&format!("source={} {}", first.source, end(first))),
            None => Vec::new(),
        },
        Kind::SourceUnknown => row("source=unknown"),
        Kind::ToolCallCountDiffers
        | Kind::MessageAfterEnd
        | Kind::MessagesWithoutRow
        | Kind::ParentMissing
        | Kind::ParentCycle
        | Kind::ReferenceMissing
        | Kind::EndedBeforeStarted
        | Kind::TitleGivenTwice
        | Kind::DamagedPages => Vec::new(),
    }
}

/// Rows of one chain, parents first, each with its end and its parent among them.
fn chain(rows: &[&Row]) -> Vec<String> {
    let alias = |id: &str| rows.iter().position(|row| row.id == id).map(|place| format!("s{}", place + 1));
    let pattern = |(place, row): (usize, &&Row)| {
        let parent = match &row.parent {
            Some(parent) => alias(parent).map(|alias| format!(" parent={alias}")).unwrap_or_default(),
            None => " parent=none".to_owned(),
        };
        let parent = if row.mark == Mark::None { parent } else { String::new() };
        format!("s{}{parent} {}", place + 1, end(row))
    };
    rows.iter().take(ROWS_MAX).enumerate().map(pattern).collect()
}

fn end(row: &Row) -> String {
    match &row.end_reason {
        _ if row.is_open() => "open".to_owned(),
        Some(reason) if SEARCHED_REASONS.contains(&reason.as_str()) => format!("end_reason={reason}"),
        _ => "ended".to_owned(),
    }
}

/// Whether a value of the database can stand in a pattern, and in a shell.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}
