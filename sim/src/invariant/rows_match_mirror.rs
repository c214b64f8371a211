//! The tables hold what the committed writes add up to. A difference is a mistake in the SQL, or in the mirror.

use super::{Breach, Claim, Invariant, View};
use crate::rows::Tables;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "rows_match_mirror",
    about: "at rest, the session rows are what the committed writes add up to",
    claim: Claim::AtRest(check),
};

fn check(view: &View<'_>, tables: &Tables) -> Vec<Breach> {
    let (expected, found) = (view.rows.rows(), &tables.sessions);
    let longest = expected.len().max(found.len());
    let differing = (0..longest).filter(|place| expected.get(*place) != found.get(*place));
    differing
        .map(|place| Breach {
            subject: format!("s{}", place + 1),
            detail: format!("expected {:?}, found {:?}", expected.get(place), found.get(place)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use gateway::clock::{Millis, Uptime, Wall};
    use gateway::registry::Registry;
    use gateway::store::{EndReason, NewSession, StoredId, Write, Written};

    use super::*;
    use crate::world::mirror::Mirror;
    use crate::world::names::Names;

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
        mirror.apply(&Write::CreateSession { session }, &written);
        let before = Tables { sessions: mirror.rows().to_vec(), messages: Vec::new() };
        mirror.apply(&Write::End { session: id, at: Wall(2), reason: EndReason::TuiClose }, &written);
        let after = Tables { sessions: mirror.rows().to_vec(), messages: Vec::new() };
        let (sessions, names) = (Registry::default(), Names::default());
        let view = View {
            up_since: Uptime::default(),
            grace: Millis::ZERO,
            slack: Millis::ZERO,
            sessions: Some(&sessions),
            known: &[],
            tasks: &[],
            rows: &mirror,
            names: &names,
        };
        assert!(check(&view, &after).is_empty());
        assert_eq!(check(&view, &before).len(), 1);
    }
}
