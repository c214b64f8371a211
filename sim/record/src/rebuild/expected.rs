//! The rows at the end of a recording as facts that the scenario expects.
//!
//! Ids and times are left out: the first are drawn at random, and the second are the machine's.

use std::collections::{BTreeMap, BTreeSet};

use sim_scenario::{ExpectedFact, ExpectedRows, FactKind, RowColumn, WhichRows};

use crate::rows::Stored;

/// Facts of the rows that are in `initial` or were not there before, named as the simulator will name them.
pub(super) fn facts(rows: &[Stored], initial: &[String], earlier: &BTreeSet<String>) -> Vec<ExpectedFact> {
    let row_of = |id: &String| rows.iter().find(|stored| stored.row.id == *id);
    let first = initial.iter().filter_map(row_of);
    let new = rows.iter().filter(|stored| !earlier.contains(&stored.row.id));
    let listed: Vec<&Stored> = first.chain(new).collect();
    let place = |id: &str| listed.iter().position(|stored| stored.row.id == id);
    let alias = |place: usize| format!("s{}", place + 1);
    let mut facts = vec![ExpectedRows { count: Some(listed.len() as u64), ..ExpectedRows::default() }];
    for (number, stored) in listed.iter().enumerate() {
        let row = &stored.row;
        let mut columns = BTreeMap::from([(RowColumn::MessageCount, row.message_count.to_string())]);
        if let Some(parent) = row.parent.as_deref().and_then(place) {
            columns.insert(RowColumn::Parent, alias(parent));
        }
        if let Some(reason) = &row.end_reason {
            columns.insert(RowColumn::EndReason, reason.clone());
        }
        let open = Some(row.ended_at.is_none());
        facts.push(ExpectedRows { which: WhichRows::Row(alias(number)), columns, open, ..ExpectedRows::default() });
    }
    let fact = |rows| ExpectedFact { releases: Vec::new(), kind: FactKind::Rows(rows), line: 0 };
    facts.into_iter().map(fact).collect()
}
