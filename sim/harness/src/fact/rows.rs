//! Facts about rows.

use std::collections::BTreeMap;

use gateway_core::clock::Millis;
use gateway_core::store::{SessionRow, StoredId};
use sim_scenario::{ExpectedMessage, ExpectedRows, RowColumn, WhichRows};

use crate::rows::RowSet;
use crate::world::names::SessionIds;

/// The most candidates that a message lists.
const NEAREST: usize = 3;

/// How the rows differ from the fact; empty if they do not.
pub(super) fn judge(expected: &ExpectedRows, rows: &RowSet, sessions: &SessionIds) -> Vec<String> {
    let rows = Rows { rows, sessions, facts: rows.facts().into_iter().collect() };
    if !expected.order.is_empty() {
        let wrong = rows.order(&expected.order);
        if !wrong.is_empty() {
            return wrong;
        }
        if *expected == (ExpectedRows { at: expected.at, order: expected.order.clone(), ..ExpectedRows::default() }) {
            return Vec::new();
        }
    }
    let looked_at = match rows.looked_at(&expected.which) {
        Ok(looked_at) => looked_at,
        // No row is what `count = 0` expects.
        Err(_) if expected.count == Some(0) => return Vec::new(),
        Err(why) => return vec![why, rows.listed()],
    };
    let mut compared: Vec<(usize, Vec<String>)> =
        looked_at.into_iter().map(|place| (place, rows.differs(expected, place))).collect();
    let matching: Vec<usize> = compared.iter().filter(|(_, lines)| lines.is_empty()).map(|(place, _)| *place).collect();
    match expected.count {
        None if !matching.is_empty() => Vec::new(),
        Some(count) if matching.len() as u64 == count => Vec::new(),
        _ if expected.which != WhichRows::Any && expected.count != Some(0) => {
            compared.pop().map(|(_, lines)| lines).unwrap_or_default()
        }
        count => {
            let wanted = count.map_or_else(|| "at least 1 row".to_owned(), |count| format!("{count} rows"));
            let mut lines = vec![format!("- {wanted}"), format!("+ {} rows", matching.len())];
            lines.extend(matching.iter().take(NEAREST).map(|place| format!("  matches: {}", rows.described(*place))));
            compared.retain(|(_, lines)| !lines.is_empty());
            compared.sort_by_key(|(_, lines)| lines.len());
            for (place, differing) in compared.into_iter().take(NEAREST) {
                lines.push(format!("  near: {}", rows.described(place)));
                lines.extend(differing.into_iter().map(|line| format!("    {line}")));
            }
            lines
        }
    }
}

struct Rows<'a> {
    rows: &'a RowSet,
    sessions: &'a SessionIds,
    /// The columns as a snapshot prints them, by `s1.end_reason`.
    facts: BTreeMap<String, String>,
}

impl Rows<'_> {
    /// The places of the rows that the fact looks at, or why there is none.
    fn looked_at(&self, which: &WhichRows) -> Result<Vec<usize>, String> {
        let place = match which {
            WhichRows::Any => return Ok((0..self.rows.sessions.len()).collect()),
            WhichRows::Session(session) => self.place(&self.known(session)?),
            WhichRows::Tip(session) => self.place(&self.tip(self.known(session)?)),
            WhichRows::Row(row) => self.named(row),
        };
        let name = match which {
            WhichRows::Session(name) | WhichRows::Tip(name) => format!("session `{name}` has no row"),
            WhichRows::Row(name) => format!("there is no row `{name}`"),
            WhichRows::Any => String::new(),
        };
        place.map(|place| vec![place]).ok_or_else(|| format!("+ {name}"))
    }

    /// The stored id that clients first learned of a session.
    fn known(&self, session: &str) -> Result<StoredId, String> {
        let ids = self.sessions.get(session).and_then(|ids| ids.first());
        ids.map(|ids| StoredId::new(ids.stored.clone()))
            .ok_or_else(|| format!("+ session `{session}` never came to be"))
    }

    fn tip(&self, mut id: StoredId) -> StoredId {
        // A child is inserted after its parent, so one pass follows the whole chain.
        for row in &self.rows.sessions {
            if row.parent.as_ref() == Some(&id) && row.branched_from.is_none() {
                id = row.id.clone();
            }
        }
        id
    }

    fn place(&self, id: &StoredId) -> Option<usize> {
        self.rows.sessions.iter().position(|row| row.id == *id)
    }

    /// A row by its alias, or by its stored id.
    fn named(&self, row: &str) -> Option<usize> {
        let of_alias = row.strip_prefix('s').and_then(|number| number.parse::<usize>().ok()?.checked_sub(1));
        of_alias.filter(|place| *place < self.rows.sessions.len()).or_else(|| self.place(&StoredId::new(row)))
    }

    fn differs(&self, expected: &ExpectedRows, place: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let row = &self.rows.sessions[place];
        for (column, value) in &expected.columns {
            let (value, found) = (self.as_printed(*column, value), self.column(place, column.key()));
            if value != found {
                lines.extend([format!("- {} = {value}", column.key()), format!("+ {} = {found}", column.key())]);
            }
        }
        if let Some(open) = expected.open.filter(|open| *open != row.ended_at.is_none()) {
            let reason = self.column(place, "end_reason");
            let found = if open { format!("+ open = false: it ended, {reason}") } else { "+ open = true".to_owned() };
            lines.extend([format!("- open = {open}"), found]);
        }
        if let Some(messages) = &expected.messages {
            lines.extend(self.messages(row, messages));
        }
        lines
    }

    /// The expected messages against those of the row, as a diff.
    fn messages(&self, row: &SessionRow, expected: &[ExpectedMessage]) -> Vec<String> {
        let of_row = self.rows.messages.iter().filter(|message| message.session == row.id && message.active);
        let found: Vec<(&str, &str)> =
            of_row.map(|row| (row.message.role.as_str(), row.message.content.as_deref().unwrap_or_default())).collect();
        let is_met = |message: &ExpectedMessage, (role, text): &(&str, &str)| {
            message.role.as_deref().is_none_or(|expected| expected == *role)
                && message.text.as_deref().is_none_or(|expected| expected == *text)
        };
        if found.len() == expected.len() && expected.iter().zip(&found).all(|(message, found)| is_met(message, found)) {
            return Vec::new();
        }
        let mut lines = Vec::new();
        for place in 0..expected.len().max(found.len()) {
            let (wanted, got) = (expected.get(place), found.get(place));
            if let (Some(wanted), Some(got)) = (wanted, got)
                && is_met(wanted, got)
            {
                lines.push(format!("  {} {:?}", got.0, got.1));
                continue;
            }
            lines.extend(wanted.map(|message| {
                let text = message.text.as_ref().map_or_else(|| "…".to_owned(), |text| format!("{text:?}"));
                format!("- {} {text}", message.role.as_deref().unwrap_or("any role"))
            }));
            lines.extend(got.map(|(role, text)| format!("+ {role} {text:?}")));
        }
        lines
    }

    /// The rows of `order` that are missing, or do not come in this order.
    fn order(&self, order: &[String]) -> Vec<String> {
        let place = |name: &String| match self.sessions.contains_key(name) {
            true => self.known(name).ok().and_then(|id| self.place(&id)),
            false => self.named(name),
        };
        let places: Vec<Option<usize>> = order.iter().map(place).collect();
        if places.iter().all(Option::is_some) && places.windows(2).all(|pair| pair[0] < pair[1]) {
            return Vec::new();
        }
        let mut found: Vec<(Option<usize>, &String)> = places.into_iter().zip(order).collect();
        found.sort();
        let text = |(place, name): &(Option<usize>, &String)| match place {
            Some(place) => format!("{name} (s{})", place + 1),
            None => format!("{name} (no row)"),
        };
        vec![
            format!("- order: {}", order.join(", ")),
            format!("+ order: {}", found.iter().map(text).collect::<Vec<_>>().join(", ")),
        ]
    }

    /// The value of a file as a snapshot prints it: a time with its milliseconds, a parent by its alias.
    fn as_printed(&self, column: RowColumn, value: &str) -> String {
        match column {
            RowColumn::StartedAt | RowColumn::EndedAt => {
                Millis::try_from(value.to_owned()).map_or_else(|_| value.to_owned(), |time| time.to_string())
            }
            RowColumn::Parent => {
                let id = self.known(value).unwrap_or_else(|_| StoredId::new(value));
                self.rows.alias(&id)
            }
            _ => value.to_owned(),
        }
    }

    fn column(&self, place: usize, column: &str) -> String {
        if column == RowColumn::Model.key() {
            return self.rows.sessions[place].model.clone().unwrap_or_else(|| "null".to_owned());
        }
        self.facts.get(&format!("s{}.{column}", place + 1)).cloned().unwrap_or_else(|| "absent".to_owned())
    }

    fn described(&self, place: usize) -> String {
        let of = |column| self.column(place, column);
        format!("s{} {}, {}, {} messages", place + 1, of("id"), of("end_reason"), of("message_count"))
    }

    fn listed(&self) -> String {
        let rows: Vec<String> =
            self.rows.sessions.iter().enumerate().map(|(at, row)| format!("s{} {}", at + 1, row.id)).collect();
        if rows.is_empty() { "  there is no row at all".to_owned() } else { format!("  rows are {}", rows.join(", ")) }
    }
}
