//! Session rows: how one begins, and which ones compressions have linked.

use std::collections::BTreeSet;

use gateway_core::store::{NewSession, SessionRow, StoredId};

/// The row of a session that is inserted, without messages.
pub(super) fn begun(session: &NewSession, parent: Option<StoredId>, title: Option<String>) -> SessionRow {
    SessionRow {
        id: session.id.clone(),
        source: session.source.clone(),
        parent,
        started_at: session.started_at,
        ended_at: None,
        end_reason: None,
        message_count: 0,
        tool_call_count: 0,
        title,
        cwd: session.cwd.clone(),
        model: session.model.clone(),
        branched_from: session.branched_from.clone(),
    }
}

/// A row, and those that `links` lead to, each from a parent to its child: first the earlier ones, then the later ones of all.
pub(super) fn linked<'a>(row: Option<&'a StoredId>, links: &[(&'a StoredId, &'a StoredId)]) -> BTreeSet<&'a StoredId> {
    let mut chain: BTreeSet<&StoredId> = row.into_iter().collect();
    for forward in [false, true] {
        loop {
            let known = chain.len();
            for (parent, child) in links {
                let (from, to) = if forward { (parent, child) } else { (child, parent) };
                if chain.contains(*from) {
                    chain.insert(to);
                }
            }
            if chain.len() == known {
                break;
            }
        }
    }
    chain
}
