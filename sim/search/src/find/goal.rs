//! The goal of a shrink: a run that ends in the rows, by the cause that was found, and its file.

use std::collections::BTreeMap;

use gateway_core::clock::Millis;
use gateway_core::store::MessageRow;
use interleaving::strategy::{Follow, Strategy};
use interleaving::tape::Tape;
use sim_harness::observation::Observation;
use sim_harness::report::Report;
use sim_harness::simulation::Simulator;
use sim_scenario::{
    ExpectedFact, ExpectedMemory, ExpectedMessage, ExpectedRows, FactKind, MemoryCount, RowColumn, Scenario, WhichRows,
};

use super::cause::{Cause, Question, Settings, is_whole};
use super::fit::{Clients, Fit, assign_rows};
use super::pattern::{Others, Pattern};
use super::word::RowWord;
use crate::shrink::{Phase, Target, as_file};

/// The most messages of a row that a file lists.
const MESSAGES_MAX: usize = 40;

/// What a smaller scenario has to show.
pub(super) struct Goal<'a> {
    pub(super) pattern: &'a Pattern,
    pub(super) clients: Clients,
    /// The fields of earlier causes, set as in `current`: the rows must come about without those.
    pub(super) mended: &'a Settings,
    pub(super) cause: &'a Cause,
}

impl Target for Goal<'_> {
    fn phase(
        &self,
        simulator: &mut Simulator,
        scenario: &Scenario,
        report: &Report,
        end: &Observation,
    ) -> Option<Phase> {
        if !is_whole(report) || Fit::of(self.pattern, scenario, end, self.clients).distance.sum() > 0 {
            return None;
        }
        if !self.mended.is_empty() {
            let other = Scenario { behavior: self.mended.clone(), ..scenario.clone() };
            let strategy: Box<dyn Strategy> = Box::new(Follow::new(&report.tape));
            let (report, ends) = simulator.observe(&other, report.release, strategy, &[]);
            let end = ends.last().filter(|_| is_whole(&report))?;
            if Fit::of(self.pattern, scenario, end, self.clients).distance.sum() > 0 {
                return None;
            }
        }
        let (pattern, clients) = (self.pattern, self.clients);
        let question = Question { pattern, clients, scenario, release: report.release, tape: &report.tape };
        question.is_by(simulator, self.cause, self.mended).then_some(Phase::Script)
    }

    fn finished(&self, scenario: Scenario, report: &Report, tape: &Tape) -> Scenario {
        let release = report.release;
        let about = format!("Under {release} these rows are left: {}.", self.pattern);
        let facts = facts(self.pattern, report);
        as_file(Scenario { about, facts, ..scenario }, report, tape)
    }

    fn name(&self) -> String {
        self.pattern.to_string()
    }
}

/// What the file expects: the rows of the pattern, and the memory in which nothing more happens.
fn facts(pattern: &Pattern, report: &Report) -> Vec<ExpectedFact> {
    let rows = assign_rows(pattern, &report.rows);
    let mut kinds: Vec<FactKind> = Vec::new();
    for (alias, place) in rows.iter().enumerate() {
        let Some(place) = place else { continue };
        kinds.push(FactKind::Rows(expected(pattern, alias, *place, &rows, report)));
    }
    if pattern.others == Others::None {
        let count = Some(report.rows.sessions.len() as u64);
        kinds.push(FactKind::Rows(ExpectedRows { count, ..ExpectedRows::default() }));
    }
    let live = report.live;
    let counts = [
        (MemoryCount::Sessions, live.sessions),
        (MemoryCount::Timers, live.timers),
        (MemoryCount::Turns, live.turns),
        (MemoryCount::Connections, live.connections),
    ];
    let counts = counts.into_iter().map(|(kind, count)| (kind, count as u64)).collect();
    kinds.push(FactKind::Memory(ExpectedMemory { at: None, counts }));
    kinds.into_iter().map(|kind| ExpectedFact { releases: Vec::new(), kind, line: 0 }).collect()
}

fn expected(pattern: &Pattern, alias: usize, place: usize, rows: &[Option<usize>], report: &Report) -> ExpectedRows {
    let row = &report.rows.sessions[place];
    let mut fact = ExpectedRows {
        which: WhichRows::Row(format!("s{}", place + 1)),
        columns: BTreeMap::new(),
        ..Default::default()
    };
    let null = || "NULL".to_owned();
    for word in &pattern.rows[alias].words {
        let column = match word {
            RowWord::Open | RowWord::Ended => {
                fact.open = Some(row.ended_at.is_none());
                None
            }
            RowWord::EndReason(reason) => Some((RowColumn::EndReason, reason.clone())),
            RowWord::Parent(parent) => rows[*parent].map(|parent| (RowColumn::Parent, format!("s{}", parent + 1))),
            RowWord::NoParent => Some((RowColumn::Parent, null())),
            RowWord::Source(source) => Some((RowColumn::Source, source.clone())),
            RowWord::Title | RowWord::NoTitle => Some((RowColumn::Title, row.title.clone().unwrap_or_else(null))),
            // The file states the instant; whoever reads it has the script for the time before.
            RowWord::Elapsed(_) => ended_at(place, report).map(|ended_at| (RowColumn::EndedAt, ended_at)),
            RowWord::CountDiffers => {
                fact.messages = Some(messages(row, report));
                Some((RowColumn::MessageCount, row.message_count.to_string()))
            }
            RowWord::Messages(_)
            | RowWord::MessagesMin(_)
            | RowWord::CallsWithoutResult
            | RowWord::ResultsWithoutCall
            | RowWord::DuplicateMessages => {
                fact.messages = Some(messages(row, report));
                None
            }
        };
        fact.columns.extend(column);
    }
    if fact.messages.as_ref().is_some_and(|messages| messages.len() > MESSAGES_MAX) {
        fact.messages = None;
        fact.columns.insert(RowColumn::MessageCount, row.message_count.to_string());
    }
    fact
}

/// The end of a row as a file writes it. One before the start of the script cannot be written.
fn ended_at(place: usize, report: &Report) -> Option<String> {
    let ended_ms = report.rows.listed()[place].ended_ms?;
    u64::try_from(ended_ms).ok().map(|ended_ms| String::from(Millis(ended_ms)))
}

fn messages(row: &gateway_core::store::SessionRow, report: &Report) -> Vec<ExpectedMessage> {
    let of_row = report.rows.messages.iter().filter(|message| message.session == row.id && message.active);
    let expected = |message: &MessageRow| ExpectedMessage {
        role: Some(message.message.role.as_str().to_owned()),
        text: Some(message.message.content.clone().unwrap_or_default()),
    };
    of_row.map(expected).collect()
}
