//! The tables equal the sum of the committed writes. A difference is a bug in the SQL or in the mirror.

use gateway_core::store::{NewMessage, SessionRow};

use super::{Breach, Case, Cases, Claim, Invariant, View};
use crate::rows::RowSet;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "rows_match_mirror",
    about: "at rest, the rows equal the sum of the committed writes",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, tables: &RowSet, cases: &mut Cases<'_>) {
    let (expected, found) = (view.rows.rows(), &tables.sessions);
    let longest = expected.len().max(found.len());
    for (place, (expected, found)) in (0..longest).map(|place| (place, (expected.get(place), found.get(place)))) {
        let detail = || format!("expected {expected:?}, found {found:?}");
        cases.add(if expected == found { Case::Held } else { Case::failed(format!("s{}", place + 1), detail()) });
    }
    tables.sessions.iter().for_each(|row| cases.add(Case::of(messages(view, tables, row))));
    let (expected, found) = (view.rows.inputs(), &tables.inputs);
    let detail = || format!("expected {expected:?}, found {found:?}");
    cases.add(if expected == found { Case::Held } else { Case::failed("inputs".to_owned(), detail()) });
}

fn messages(view: &View<'_>, tables: &RowSet, row: &SessionRow) -> Option<Breach> {
    let expected = view.rows.messages(&row.id);
    let active = tables.messages.iter().filter(|message| message.session == row.id && message.active);
    let found: Vec<&NewMessage> = active.map(|message| &message.message).collect();
    if expected.iter().eq(found.iter().copied()) {
        return None;
    }
    let row = view.rows.alias(&row.id);
    Some(Breach {
        detail: format!("row {row} holds {found:?} instead of {expected:?}"),
        subject: format!("{row}.messages"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use gateway_core::clock::{Uptime, Wall};
    use gateway_core::state::Registry;
    use gateway_core::store::{EndReason, NewSession, StoredId, Write, Written};

    use sim_scenario::Scenario;

    use super::*;
    use crate::claim::bound::Bounds;
    use crate::claim::{Clients, Places, ProcessState, StoreState, Tally};
    use crate::invariant::NAMES;
    use crate::world::agent_log::AgentLog;
    use crate::world::client_log::ClientLog;
    use crate::world::mirror::Mirror;
    use crate::world::names::Names;
    use crate::world::session_events::SessionEvents;

    /// Planted bug: a table that lacks the end which was written. Without it, nothing is found.
    #[test]
    fn a_table_that_lost_a_write_is_caught() {
        let id = StoredId::new("20260101_000000_aaaaaa");
        let session = NewSession {
            id: id.clone(),
            source: "tui".to_owned(),
            model: None,
            parent: None,
            branched_from: None,
            started_at: Wall(1),
            cwd: None,
            title: None,
        };
        let written = Written { changed: 1, session: None };
        let mut mirror = Mirror::default();
        mirror.apply(&Write::CreateSession { session }, &written, Uptime::default());
        let before = RowSet { sessions: mirror.rows().to_vec(), ..RowSet::default() };
        mirror.apply(
            &Write::End { session: id, at: Wall(2), reason: EndReason::TuiClose },
            &written,
            Uptime::default(),
        );
        let after = RowSet { sessions: mirror.rows().to_vec(), ..RowSet::default() };
        let (sessions, names, log) = (Registry::default(), Names::default(), ClientLog::default());
        let text = "about = \"A\"\n[[steps]]\nat = \"0s\"\nclient = \"desktop\"\ndo = \"connect\"\n";
        let scenario = Scenario::parse(Path::new("a.toml"), text, &NAMES).expect("a scenario");
        let view = View {
            now: Uptime::default(),
            scenario: &scenario,
            bounds: &Bounds::of(&scenario),
            process: ProcessState::default(),
            store: &StoreState::new(&scenario),
            clients: Clients { log: &log, events: &[], stalled: &[], reaches: &|_| true },
            sessions: Some(&sessions),
            live: &[],
            known: &[],
            lives: &[],
            live_places: &[],
            places: &Places::default(),
            changed: &BTreeSet::new(),
            changed_rows: &BTreeSet::new(),
            turns: &BTreeMap::new(),
            rows: &mirror,
            events: &SessionEvents::default(),
            agents: &AgentLog::default(),
            names: &names,
        };
        let breaches = |tables| {
            let mut tally = Tally::default();
            let mut cases = Cases::new(&mut tally);
            check(&view, tables, &mut cases);
            cases.into_breaches().len()
        };
        assert_eq!(breaches(&after), 0);
        assert_eq!(breaches(&before), 1);
    }
}
