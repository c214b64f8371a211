//! `sim audit`: what the rows of a gateway's database say about its defects.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "rows are as old as the machine's clock says")]

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use sim_audit::{Audit, AuditError, Finding, Kind, ListedRow, Options, Read, Sources, Texts};

use super::bounds::Format;
use sim_harness::Outcome;
use sim_report::quoted;

/// How many findings of a kind are shown without `--all`.
const EXAMPLES: usize = 3;

/// The default of `--age`.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Database of a gateway: `state.db` of hermes-agent or of `gateway serve`
    #[arg(value_name = "DB")]
    database: PathBuf,
    /// How long an open row must be unused until it counts as one without an owner
    #[arg(long, default_value = "24h", value_parser = humantime::parse_duration, value_name = "TIME")]
    age: Duration,
    /// Judge only this kind. Repeatable [default: all]
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<Kind>,
    /// Judge open rows of other programs too: messaging platforms, the command line, schedules
    #[arg(long)]
    all_sources: bool,
    /// Print every finding, not only some examples of each kind
    #[arg(long)]
    all: bool,
    /// Show titles and the beginnings of messages
    #[arg(long)]
    text: bool,
    /// Print the SQL that would mend the safe kinds. Nothing of it is run
    #[arg(long, conflicts_with = "format")]
    sql: bool,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Audits the database. Exits with the code of a violation when a claim does not hold.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let options = Options {
        now: now.as_secs_f64(),
        age: arguments.age.as_secs_f64(),
        sources: if arguments.all_sources { Sources::All } else { Sources::Own },
        kinds: arguments.kinds.clone(),
        texts: if arguments.text { Texts::Shown } else { Texts::Withheld },
    };
    let audit = sim_audit::audit(&arguments.database, &options).map_err(diagnostic)?;
    match arguments.format {
        Format::Human if arguments.sql => print_sql(&audit),
        Format::Human => print(&audit, arguments),
        Format::Json => out!("{}", serde_json::to_string_pretty(&audit).expect("a report is plain data")),
    }
    Ok(if audit.findings.is_empty() { 0 } else { Outcome::Violated.exit_code() })
}

fn diagnostic(error: AuditError) -> miette::Report {
    let help = error.help();
    let causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
    let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    miette::miette!(help = help, "{text}")
}

fn print_sql(audit: &Audit) {
    match sim_audit::script(&audit.database, &audit.findings) {
        Some(script) => out!("{}", script.trim_end()),
        None => out!("-- No finding of `{}` is of a kind that SQL mends safely.", plain(&audit.database)),
    }
}

fn print(audit: &Audit, arguments: &Arguments) {
    out!("{}", plain(&audit.database));
    out!("  {} rows, {} messages; {}", audit.rows, audit.messages, schema(audit));
    out!("  read: {}", read(audit.read));
    for line in not_judged(audit, arguments) {
        out!("  not judged: {line}");
    }
    if audit.findings.is_empty() {
        out!("\nno claim is broken");
        return;
    }
    out!("\n{:>7}  {:<31} defects", "found", "kind");
    for count in &audit.summary {
        let releases =
            if count.releases.is_empty() { String::new() } else { format!(" ({})", count.releases.join(", ")) };
        let defects = if count.defects.is_empty() { "-".to_owned() } else { count.defects.join(", ") };
        out!("{:>7}  {:<31} {defects}{releases}", count.count, count.kind.name());
    }
    for findings in audit.findings.chunk_by(|one, next| one.kind == next.kind) {
        print_kind(findings, arguments.all);
    }
    let is_mended = |finding: &Finding| finding.repair.is_some();
    if audit.findings.iter().any(is_mended) {
        out!("\nsafe to mend by SQL after a backup: {}", command(arguments, "--sql"));
    }
    if let Some(place) = audit.findings.iter().position(|finding| !finding.find.is_empty()) {
        let json = command(arguments, "--format json");
        out!("find a schedule for one: {json} > audit.json; sim find --audit audit.json --finding {}", place + 1);
    }
}

fn print_kind(findings: &[Finding], all: bool) {
    let kind = findings[0].kind;
    out!("\n{kind}");
    out!("  claim: {}", kind.claim());
    if !kind.otherwise().is_empty() {
        out!("  may also be: {}", kind.otherwise());
    }
    let shown = if all { findings.len() } else { findings.len().min(EXAMPLES) };
    for finding in &findings[..shown] {
        out!("  * {}", plain(&finding.claim));
        finding.rows.iter().for_each(|row| out!("      {}", listed(row)));
        for quote in &finding.texts {
            out!("      message {} {}: {:?}", quote.id, plain(&quote.role), quote.text);
        }
        if !finding.find.is_empty() {
            out!("      sim find {}", shell(&finding.find));
        }
    }
    if findings.len() > shown {
        out!("  and {} more (--all)", findings.len() - shown);
    }
}

fn schema(audit: &Audit) -> String {
    let version = audit.schema_version.map_or_else(|| "without a version".to_owned(), |version| version.to_string());
    match (audit.writer, audit.release) {
        (sim_audit::Writer::Gateway, _) => format!("schema {version} of this gateway"),
        (_, Some(release)) => format!("schema {version}, as hermes-agent {release} has it; rows may be older"),
        (_, None) if audit.schema_version.is_none() => "no schema version: judged by its columns".to_owned(),
        (_, None) => format!("schema {version}, which is newer than any known one: judged by its columns"),
    }
}

fn read(read: Read) -> &'static str {
    match read {
        Read::WithWal => "the file and its WAL, as committed at one instant",
        Read::WithoutWal => {
            "the file without its WAL: there is none beside it. If this is a copy, the last rows may be missing"
        }
        Read::PrivateCopy => "a private copy of the file and its log, deleted by now",
        Read::File => "the file, at one instant; it has no WAL",
    }
}

/// What was spared, and the flags that include it.
fn not_judged(audit: &Audit, arguments: &Arguments) -> Vec<String> {
    let spared = audit.spared;
    let rows = |count: u64| if count == 1 { "1 open row".to_owned() } else { format!("{count} open rows") };
    let mut lines: Vec<String> = audit
        .not_judged
        .iter()
        .map(|not_judged| format!("{}, the database has no column `{}`", not_judged.kind, not_judged.missing))
        .collect();
    if spared.young_open_rows > 0 {
        let age = humantime::format_duration(arguments.age);
        let all = command(arguments, "--age 0s");
        lines.push(format!("{} used in the last {age}; if no gateway runs: {all}", rows(spared.young_open_rows)));
    }
    if spared.open_rows_of_other_programs > 0 {
        let all = command(arguments, "--all-sources");
        lines.push(format!("{} of other programs: {all}", rows(spared.open_rows_of_other_programs)));
    }
    if spared.children_of_unknown_kind > 0 {
        let count = spared.children_of_unknown_kind;
        lines.push(format!("{count} children that may be continuations or subagents: before schema 16 no row says"));
    }
    lines
}

/// This command, with the flags that choose what is judged, and another one. The last of two ages counts.
fn command(arguments: &Arguments, flag: &str) -> String {
    let mut words = vec!["sim audit".to_owned(), quoted(&plain(&arguments.database.display().to_string()))];
    if arguments.age != DAY && !flag.starts_with("--age") {
        words.push(quoted(&format!("--age={}", humantime::format_duration(arguments.age))));
    }
    words.extend(arguments.kinds.iter().map(|kind| format!("--kind {kind}")));
    if arguments.all_sources {
        words.push("--all-sources".to_owned());
    }
    words.push(flag.to_owned());
    words.join(" ")
}

fn listed(row: &ListedRow) -> String {
    let parent = row.parent.as_ref().map_or(String::new(), |parent| format!(", parent {}", plain(parent)));
    let end = match (row.ended_at, &row.end_reason) {
        (None, _) => "open".to_owned(),
        (Some(ended), reason) => {
            format!("ended {} {}", time(ended), plain(reason.as_deref().unwrap_or("without a reason")))
        }
    };
    let started = row.started_at.map_or_else(|| "at an unknown time".to_owned(), time);
    let title = row.title.as_ref().map_or(String::new(), |title| format!(", title {title:?}"));
    let (id, source, count) = (plain(&row.id), plain(&row.source), row.message_count);
    format!("{id}{parent}, {source}, started {started}, {end}, message_count {count}{title}")
}

/// Seconds since 1970 as UTC.
fn time(seconds: f64) -> String {
    let since = Duration::try_from_secs_f64(seconds).ok();
    match since.filter(|since| since.as_secs() < 253_402_300_800) {
        Some(since) => humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since).to_string(),
        None => seconds.to_string(),
    }
}

/// Text of the database without control characters, which could command the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter }).collect()
}

fn shell(arguments: &[String]) -> String {
    arguments.iter().map(|argument| quoted(&plain(argument))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use gateway_core::lifecycle::close::is_of_another_program;
    use gateway_core::store::EndReason;

    /// `sim find` takes what the audit prints: the reasons that a run can leave are those of the gateway.
    #[test]
    fn reasons_are_those_of_the_gateway() {
        let mut searched = sim_audit::SEARCHED_REASONS;
        let mut known = EndReason::ALL.map(EndReason::as_str);
        searched.sort_unstable();
        known.sort_unstable();
        assert_eq!(searched, known);
    }

    /// The audit has a list of its own, because it depends on no gateway. `unknown` is the one difference: the gateway leaves
    /// such a row alone, and only a token count of its own agents writes the word.
    #[test]
    fn sources_are_those_of_the_gateway() {
        let sources =
            ["", "tui", "cli", "webui", "desktop", "cron", "subagent", "test", "local", "acp", "webhook", "telegram"];
        for source in sources {
            assert_eq!(sim_audit::is_of_another_program(source), is_of_another_program(source), "{source}");
        }
        assert!(!sim_audit::is_of_another_program("unknown") && is_of_another_program("unknown"));
    }
}
