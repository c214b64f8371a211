//! Makes findings of what the scan and the chains have shown. Pure: it reads no database.

use crate::finding::{Finding, ListedRow};
use crate::keys::Dangling;
use crate::kind::{Defect, Kind};
use crate::lineage::{Lineage, is_end_of_the_gateway};
use crate::repair;
use crate::row::{Mark, Row, is_of_another_program};
use crate::transcript::Ids;

/// What the judgement depends on beside the rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    /// Seconds since 1970.
    pub(crate) now: f64,
    /// After how many seconds without use a row has no owner.
    pub(crate) age: f64,
    /// Whether rows of other programs have to end as well.
    pub(crate) judges_all_sources: bool,
    pub(crate) with_titles: bool,
    /// The release whose schema the database has.
    pub(crate) release: Option<&'a str>,
}

/// Open rows that were not judged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spared {
    /// Used within the age.
    pub(crate) young: u64,
    /// Of other programs, and older.
    pub(crate) of_others: u64,
}

/// The findings so far, over one list of rows.
pub(crate) struct Judge<'a> {
    rows: &'a [Row],
    terms: Terms<'a>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) spared: Spared,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(rows: &'a [Row], terms: Terms<'a>) -> Self {
        Self { rows, terms, findings: Vec::new(), spared: Spared::default() }
    }

    /// Judges each row by itself, and open rows with the row that they continue.
    pub(crate) fn rows(&mut self, lineage: &Lineage) {
        for (place, row) in self.rows.iter().enumerate() {
            self.life(place, row, lineage);
            self.counters(row);
            self.messages(row);
            if row.source == "unknown" {
                self.add(Kind::SourceUnknown, "its source is `unknown`", &[row]);
            }
            if let Some(reason) = row.end_reason.as_deref().filter(|reason| is_end_of_the_gateway(reason))
                && row.is_of_a_platform()
            {
                let claim = format!("a row of `{}` is ended `{reason}`", row.source);
                self.add(Kind::PlatformRowEnded, claim, &[row]);
            }
        }
    }

    /// Judges the chains.
    pub(crate) fn chains(&mut self, lineage: &Lineage) {
        let rows = self.rows;
        let several = lineage.with_several_open(rows);
        for chain in &several {
            let chain: Vec<&Row> = chain.iter().map(|place| &rows[*place]).collect();
            let open = chain.iter().filter(|row| row.is_open()).count();
            self.add(Kind::TwoOpenRowsInChain, format!("{open} rows of one chain are open"), &chain);
        }
        for (parent, children) in &lineage.continued_by {
            let row = &rows[*parent];
            let all: Vec<&Row> = std::iter::once(row).chain(children.iter().map(|child| &rows[*child])).collect();
            if row.is_compressed() {
                if children.len() > 1 {
                    let claim = format!("{} rows continue it", children.len());
                    self.add(Kind::CompressedRowContinuedTwice, claim, &all);
                }
                continue;
            }
            let is_reported = row.is_open() && several.iter().any(|chain| chain.contains(parent));
            if !is_reported {
                let end = match &row.end_reason {
                    _ if row.is_open() => "it is open".to_owned(),
                    Some(reason) => format!("it is ended `{reason}`"),
                    None => "it is ended without a reason".to_owned(),
                };
                let claim = format!("{end}, and {} continues it", all[1].id);
                self.add(Kind::ContinuedRowNotCompressed, claim, &all[..2]);
            }
        }
        for place in lineage.without_child(rows, self.terms.now) {
            self.add(
                Kind::CompressedRowWithoutChild,
                "it is ended `compression`, and nothing continues it",
                &[&rows[place]],
            );
        }
        for place in &lineage.orphans {
            let claim = format!("its parent {} is missing", rows[*place].parent.as_deref().unwrap_or_default());
            self.add(Kind::ParentMissing, claim, &[&rows[*place]]);
        }
        for circle in &lineage.circles {
            let circle: Vec<&Row> = circle.iter().map(|place| &rows[*place]).collect();
            self.add(Kind::ParentCycle, format!("{} rows are their own ancestors", circle.len()), &circle);
        }
    }

    /// Judges what SQL has found: messages without a row, other references, titles and pages.
    pub(crate) fn references(&mut self, without_row: &[(String, u64)], dangling: &[Dangling], complaints: &[String]) {
        for (id, count) in without_row {
            self.add(Kind::MessagesWithoutRow, format!("{} of row {id}, which is missing", messages(*count)), &[]);
        }
        for Dangling { table, column, to, count, values } in dangling {
            let values = values.join(", ");
            let claim = format!("`{table}.{column}` refers to {count} rows of `{to}` that are missing: {values}");
            self.add(Kind::ReferenceMissing, claim, &[]);
        }
        for complaint in complaints {
            self.add(Kind::DamagedPages, complaint.clone(), &[]);
        }
    }

    /// Judges titles. Rows that have none are not compared.
    pub(crate) fn titles(&mut self) {
        let mut titled: Vec<&Row> = self.rows.iter().filter(|row| row.title.is_some()).collect();
        titled.sort_by(|one, other| one.title.cmp(&other.title));
        for equal in titled.chunk_by(|one, other| one.title == other.title).filter(|equal| equal.len() > 1) {
            self.add(Kind::TitleGivenTwice, format!("{} rows have one title", equal.len()), equal);
        }
    }

    fn life(&mut self, place: usize, row: &Row, lineage: &Lineage) {
        let idle = row.last_used().map(|last| self.terms.now - last);
        let is_young = idle.is_none_or(|idle| idle <= self.terms.age);
        if row.is_open() {
            if is_young {
                self.spared.young += 1;
            } else if is_of_another_program(&row.source) && !self.terms.judges_all_sources {
                self.spared.of_others += 1;
            } else {
                let idle = duration(idle.unwrap_or_default());
                let chain: Vec<&Row> =
                    lineage.continues.get(&place).map(|parent| &self.rows[*parent]).into_iter().chain([row]).collect();
                self.add(Kind::OpenRowWithoutOwner, format!("it is open, and was not used for {idle}"), &chain);
            }
        }
        let is_judged = !row.is_open() || !is_young;
        if row.talk.stored() == 0 && is_judged {
            if row.is_compressed() {
                self.add(Kind::CompressedRowWithoutMessages, "it is ended `compression`, and has no message", &[row]);
            } else if row.title.is_none() {
                self.add(Kind::RowWithoutMessages, "it has no message and no title", &[row]);
            }
        }
        if let (Some(started), Some(ended)) = (row.started_at, row.ended_at)
            && ended < started
        {
            let claim = format!("it ended {} before it started", duration(started - ended));
            self.add(Kind::EndedBeforeStarted, claim, &[row]);
        }
    }

    fn counters(&mut self, row: &Row) {
        let talk = &row.talk;
        let (messages, calls) = (row.message_count, row.tool_call_count);
        let counters = [
            (Kind::MessageCountDiffers, "message_count", messages, talk.live, talk.is_message_count(messages)),
            (Kind::ToolCallCountDiffers, "tool_call_count", calls, talk.live_calls, talk.is_call_count(calls)),
        ];
        for (kind, column, counted, live, is_right) in counters {
            if !is_right {
                self.add(kind, format!("{column} is {counted}, and the messages say {live}"), &[row]);
            }
        }
    }

    fn messages(&mut self, row: &Row) {
        let talk = &row.talk;
        let is_young = row.last_used().is_none_or(|last| self.terms.now - last <= self.terms.age);
        let (none, may_be_under_way) = (Ids::default(), row.is_open() && is_young && talk.is_under_way);
        let kinds = [
            (
                Kind::CallWithoutResult,
                if may_be_under_way { &none } else { &talk.unanswered },
                "with a call that no result follows",
            ),
            (Kind::ResultWithoutCall, &talk.unasked, "with a result that follows no open call"),
            (Kind::DuplicateMessages, &talk.repeated, "stored a second time"),
            (Kind::MessageAfterEnd, &talk.after_end, "dated after its end"),
        ];
        for (kind, ids, what) in kinds {
            if let Some(first) = ids.first.first() {
                let claim = format!("{} {what}, the first with id {first}", messages(ids.count));
                self.add(kind, claim, &[row]);
                let finding = self.findings.last_mut().expect("it was just added");
                finding.messages.clone_from(&ids.first);
            }
        }
    }

    fn add(&mut self, kind: Kind, claim: impl Into<String>, rows: &[&Row]) {
        let defects = defects(kind, rows);
        let mut releases: Vec<&'static str> = defects.iter().flat_map(|defect| defect.releases).copied().collect();
        releases.sort_unstable();
        releases.dedup();
        let repair = rows.last().and_then(|row| match kind {
            Kind::OpenRowWithoutOwner => repair::end(row),
            Kind::MessageCountDiffers => repair::count(row, "message_count", row.message_count, row.talk.live),
            Kind::ToolCallCountDiffers => {
                repair::count(row, "tool_call_count", row.tool_call_count, row.talk.live_calls)
            }
            Kind::EndedBeforeStarted => repair::end_after_start(row),
            Kind::ParentMissing => repair::forget_parent(row),
            _ => None,
        });
        self.findings.push(Finding {
            kind,
            claim: claim.into(),
            rows: rows.iter().map(|row| ListedRow::new(row, self.terms.with_titles)).collect(),
            messages: Vec::new(),
            texts: Vec::new(),
            find: crate::pattern::arguments(kind, rows, &defects, self.terms.release),
            defects: defects.iter().map(|defect| defect.id).collect(),
            releases,
            repair,
        });
    }
}

/// The defects that leave these very rows, of those that leave the kind.
fn defects(kind: Kind, rows: &[&Row]) -> Vec<Defect> {
    let Some(row) = rows.last() else { return kind.defects().to_vec() };
    let continues_compressed = rows.len() > 1 && rows[0].is_compressed();
    let fits = |defect: &&Defect| match (kind, defect.id) {
        // Of these a turn has stored something.
        (Kind::OpenRowWithoutOwner, "S1" | "S9" | "S19" | "S21" | "S24" | "A35") if row.talk.stored() == 0 => false,
        // A turn that outlives a close goes on in a row whose parent was closed; one that outlives a grace, in any.
        (Kind::OpenRowWithoutOwner, "S9") => rows.len() > 1 && !continues_compressed,
        // A review continues the row of its session a second time.
        (Kind::OpenRowWithoutOwner, "S24") => continues_compressed,
        (Kind::OpenRowWithoutOwner, "S8") => rows.len() == 1,
        (Kind::OpenRowWithoutOwner, "A35") => row.mark == Mark::Branch,
        (Kind::TwoOpenRowsInChain, "S24" | "S25") => !rows[0].is_open(),
        (Kind::TwoOpenRowsInChain, "A10" | "A9") => rows[0].is_open(),
        (Kind::ContinuedRowNotCompressed, "S9" | "A33") => !rows[0].is_open(),
        (Kind::RowWithoutMessages, "A13") => !row.is_open(),
        _ => true,
    };
    let fitting: Vec<Defect> = kind.defects().iter().filter(fits).copied().collect();
    if fitting.is_empty() { kind.defects().to_vec() } else { fitting }
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// A length of time in its largest unit, rounded down.
fn duration(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length);
    match unit {
        Some((length, name)) => format!("{:.0} {name}", (seconds / length).floor()),
        None => format!("{seconds:.3} s"),
    }
}
