//! The chains of rows: which row continues which, and what a chain must not be. Pure: it reads no database.

use std::collections::{BTreeMap, BTreeSet};

use crate::row::{Mark, Row, is_of_another_program, place};

/// End reasons that the gateway writes itself, and after which nothing may continue a row.
const OF_THE_GATEWAY: [&str; 9] = [
    "tui_close",
    "tui_shutdown",
    "ws_orphan_reap",
    "ws_disconnect",
    "idle_timeout",
    "lru_evict",
    "agent_close",
    "startup_orphan_reap",
    "orphaned_compression",
];

/// Sources whose rows continue no other, though they may have a parent.
const NEVER_CONTINUE: [&str; 4] = ["tool", "subagent", "cron", "api_server"];

/// A rotation of 0.16 to 0.19 takes two transactions: a parent that ended this short a time ago, in seconds, may be between.
const UNDER_WAY: f64 = 10.0;

/// Whether the end of a row was written by a gateway of this family, not by the program that the row belongs to.
pub(crate) fn is_end_of_the_gateway(reason: &str) -> bool {
    OF_THE_GATEWAY.contains(&reason)
}

/// The rows as a graph. Numbers are places in the list of all rows.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    /// The parent that a row continues.
    pub(crate) continues: BTreeMap<usize, usize>,
    /// The rows that continue a row, by time of start.
    pub(crate) continued_by: BTreeMap<usize, Vec<usize>>,
    /// Rows that may be a continuation or a subagent: the database does not say.
    pub(crate) unclear: Vec<usize>,
    /// Rows that have a child of another program: it may continue them.
    pub(crate) may_be_continued: BTreeSet<usize>,
    /// Rows whose parent is missing.
    pub(crate) orphans: Vec<usize>,
    /// Each circle of parents, from its smallest id on.
    pub(crate) circles: Vec<Vec<usize>>,
}

enum Child {
    Continues,
    Beside,
    /// Of another program, and from before the end of its parent.
    Foreign,
    Unclear,
}

impl Lineage {
    pub(crate) fn new(rows: &[Row], marks_subagents: bool) -> Self {
        let mut lineage = Self::default();
        let parents: Vec<Option<usize>> =
            rows.iter().map(|row| row.parent.as_deref().and_then(|parent| place(rows, parent))).collect();
        lineage.circles = circles(&parents);
        let in_a_circle: BTreeSet<usize> = lineage.circles.iter().flatten().copied().collect();
        for (child, row) in rows.iter().enumerate() {
            match parents[child] {
                None if row.parent.is_some() => lineage.orphans.push(child),
                None => {}
                Some(_) if in_a_circle.contains(&child) => {}
                Some(parent) => match kind(&rows[parent], row, marks_subagents) {
                    Child::Continues => {
                        lineage.continues.insert(child, parent);
                        lineage.continued_by.entry(parent).or_default().push(child);
                    }
                    Child::Unclear => lineage.unclear.push(child),
                    Child::Foreign => {
                        lineage.may_be_continued.insert(parent);
                    }
                    Child::Beside => {}
                },
            }
        }
        for children in lineage.continued_by.values_mut() {
            children.sort_by(|one, other| {
                rows[*one].started_at.partial_cmp(&rows[*other].started_at).unwrap_or(std::cmp::Ordering::Equal)
            });
        }
        lineage
    }

    /// The rows that ended with a rotation and that no row continues. `now` is in seconds since 1970.
    pub(crate) fn without_child<'a>(&'a self, rows: &'a [Row], now: f64) -> impl Iterator<Item = usize> + 'a {
        let is_over = move |row: &Row| row.ended_at.is_none_or(|ended| ended < now - UNDER_WAY);
        (0..rows.len()).filter(move |place| {
            let row = &rows[*place];
            let is_continued = self.continued_by.contains_key(place) || self.may_be_continued.contains(place);
            row.is_compressed() && is_over(row) && !is_continued
        })
    }

    /// The open rows of each chain that has several, with the rows between them, from the first to the last.
    pub(crate) fn with_several_open(&self, rows: &[Row]) -> Vec<Vec<usize>> {
        let mut found = Vec::new();
        for root in self.continued_by.keys().filter(|place| !self.continues.contains_key(place)) {
            let mut chain = vec![*root];
            let mut next = 0;
            while let Some(place) = chain.get(next).copied() {
                chain.extend(self.continued_by.get(&place).into_iter().flatten());
                next += 1;
            }
            let open: Vec<usize> = chain.iter().copied().filter(|place| rows[*place].is_open()).collect();
            if open.len() < 2 {
                continue;
            }
            // Each open row with the way to its nearest ancestor among those shown.
            let mut shown: BTreeSet<usize> = open.iter().copied().collect();
            for row in open.iter().skip(1) {
                let mut place = *row;
                while let Some(parent) = self.continues.get(&place) {
                    if !shown.insert(*parent) {
                        break;
                    }
                    place = *parent;
                }
            }
            found.push(chain.into_iter().filter(|place| shown.contains(place)).collect());
        }
        found
    }
}

fn kind(parent: &Row, child: &Row, marks_subagents: bool) -> Child {
    if child.mark != Mark::None || NEVER_CONTINUE.contains(&child.source.as_str()) {
        return Child::Beside;
    }
    let after_its_end = match (parent.ended_at, child.started_at) {
        (Some(ended), Some(started)) => started >= ended,
        _ => false,
    };
    let of_other_programs =
        parent.source != child.source && [parent, child].iter().any(|row| is_of_another_program(&row.source));
    match (parent.is_open(), parent.end_reason.as_deref()) {
        // Releases differ in the source of a continuation, and the clock of another program may be behind.
        (false, Some("compression")) if of_other_programs && !after_its_end => Child::Foreign,
        (false, Some("compression")) => Child::Continues,
        _ if of_other_programs => Child::Beside,
        (false, Some(reason)) if !is_end_of_the_gateway(reason) => Child::Beside,
        (false, None) => Child::Beside,
        _ if marks_subagents || after_its_end || is_next_title(parent, child) => Child::Continues,
        _ => Child::Unclear,
    }
}

/// Whether the title of a row is that which a rotation gives the continuation: the same with a number.
fn is_next_title(parent: &Row, child: &Row) -> bool {
    let base = |title: &str| {
        title.rsplit_once(" #").filter(|(_, number)| number.parse::<u32>().is_ok()).map(|(base, _)| base.to_owned())
    };
    match (&parent.title, &child.title) {
        (Some(parent), Some(child)) => {
            base(child).is_some_and(|of| of == base(parent).unwrap_or_else(|| parent.clone()))
        }
        _ => false,
    }
}

fn circles(parents: &[Option<usize>]) -> Vec<Vec<usize>> {
    // 0: not seen; else the number of the walk that came through.
    let mut seen = vec![0_usize; parents.len()];
    let mut found = Vec::new();
    for start in 0..parents.len() {
        let walk = start + 1;
        let mut place = start;
        while seen[place] == 0 {
            seen[place] = walk;
            match parents[place] {
                Some(parent) => place = parent,
                None => break,
            }
        }
        if seen[place] != walk || parents[place].is_none() {
            continue;
        }
        // The walk has come back to a row of its own: follow the circle once.
        let mut circle = vec![place];
        let mut next = parents[place];
        while let Some(row) = next.filter(|row| *row != place) {
            circle.push(row);
            next = parents[row];
        }
        let first = (0..circle.len()).min_by_key(|at| circle[*at]).unwrap_or(0);
        circle.rotate_left(first);
        found.push(circle);
    }
    found
}
