//! Which rows belong to one conversation: a parent that a compression has ended, and the row that continues it.

use std::collections::BTreeSet;

use gateway_core::clock::Wall;
use gateway_core::store::{SessionRow, StoredId};

use super::Mirror;

impl Mirror {
    /// The rows that compressions have linked with a row, before and after it, in the order of insertion.
    pub(super) fn chain(&self, id: &StoredId) -> Vec<StoredId> {
        let links: Vec<(&StoredId, &StoredId)> = self.rows.iter().filter_map(|row| self.link(row)).collect();
        let chain = linked(self.row(id).map(|row| &row.id), &links);
        self.rows.iter().map(|row| &row.id).filter(|row| chain.contains(row)).cloned().collect()
    }

    /// The row that a row continues after a compression, and itself. A session that another program has started before the
    /// compression continues nothing.
    pub(super) fn link<'a>(&'a self, row: &'a SessionRow) -> Option<(&'a StoredId, &'a StoredId)> {
        let parent = self.row(row.parent.as_ref().filter(|_| row.branched_from.is_none())?)?;
        let ended_at = parent.ended_at.filter(|_| parent.end_reason.as_deref() == Some("compression"))?;
        let is_elsewhere = row.started_at < ended_at && row.source != parent.source;
        (!is_elsewhere).then_some((&parent.id, &row.id))
    }

    /// The newest row of the chain that starts with `id`, as a client finds it in the tables.
    pub(crate) fn newest(&self, id: &StoredId) -> StoredId {
        let mut newest = id.clone();
        // A child is inserted after its parent, so a search from there on follows the whole chain.
        let mut rows = &self.rows[..];
        while let Some(place) = rows.iter().position(|row| row.parent.as_ref() == Some(&newest) && self.continues(row))
        {
            rows = &rows[place..];
            let children = rows.iter().filter(|row| row.parent.as_ref() == Some(&newest) && self.continues(row));
            newest = children.max_by_key(|row| self.rank(row)).map_or(newest, |row| row.id.clone());
        }
        newest
    }

    /// How likely a row is the one that goes on, among several that continue one parent (spec §10): one that was compressed
    /// itself, then an open one, then the one with the latest activity.
    fn rank<'a>(&'a self, row: &'a SessionRow) -> (u8, Wall, Wall, &'a StoredId) {
        let class = match row.end_reason.as_deref().filter(|_| row.ended_at.is_some()) {
            Some("compression") => 2,
            None => 1,
            Some(_) => 0,
        };
        let said = self.messages(&row.id).iter().map(|message| message.timestamp).max();
        (class, said.unwrap_or(row.started_at), row.started_at, &row.id)
    }
}

/// A row, and those that `links` lead to, each from a parent to its child: first the earlier ones, then the later ones of all.
fn linked<'a>(row: Option<&'a StoredId>, links: &[(&'a StoredId, &'a StoredId)]) -> BTreeSet<&'a StoredId> {
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
