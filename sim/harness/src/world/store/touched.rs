//! The rows that a store call touches, for the footprint of the step that executes it.
//!
//! Rows are grouped by conversation, which covers a row and its rotations. Titles are one index for all rows. A query
//! that scans the table reads all rows, and each commit writes them.

use gateway_core::store::{Read, StoredId, Write};

use crate::footprint::{Footprints, Resource};
use crate::world::mirror::Mirror;

/// The footprint of a commit.
pub(super) fn by_commit(footprints: &Footprints, mirror: &Mirror, write: &Write) {
    footprints.write(|| Resource::Rows);
    let change = |row: &StoredId| {
        footprints.write(|| Resource::Lineage(mirror.first(row).clone()));
        footprints.write(|| Resource::Lineage(row.clone()));
    };
    match write {
        Write::CreateSession { session } | Write::StartTurn { session, .. } | Write::NameSession { session, .. } => {
            change(&session.id);
            session.parent.iter().for_each(change);
        }
        Write::Accept { input, keyed } => {
            change(&input.session);
            if keyed.is_some() {
                footprints.write(|| Resource::Keys);
            }
        }
        Write::Append { session, .. }
        | Write::Cancel { session }
        | Write::End { session, .. }
        | Write::EndOrphan { session, .. }
        | Write::Reopen { session }
        | Write::ReopenTip { session }
        | Write::Compact { session, .. }
        | Write::SetTitle { session, .. }
        | Write::SetModel { session, .. }
        | Write::ReplaceMessages { session, .. } => change(session),
        // Any row may have the deleted one as its parent.
        Write::Delete { .. } | Write::DeleteChain { .. } => mirror.rows().iter().for_each(|row| change(&row.id)),
        Write::Rotate { parent, child, .. } => {
            change(parent);
            change(&child.id);
        }
        Write::ContinueTitle { session, parent } => {
            change(session);
            change(parent);
        }
        Write::Branch { child, .. } => {
            change(&child.id);
            child.parent.iter().for_each(change);
        }
    }
    if let Write::StartTurn { keyed: Some(_), .. } = write {
        footprints.write(|| Resource::Keys);
    }
    if names(write) {
        footprints.write(|| Resource::Titles);
    }
}

/// Whether a write may set or clear a title.
fn names(write: &Write) -> bool {
    match write {
        Write::CreateSession { session } | Write::StartTurn { session, .. } => session.title.is_some(),
        Write::Rotate { .. }
        | Write::ContinueTitle { .. }
        | Write::SetTitle { .. }
        | Write::NameSession { .. }
        | Write::Branch { .. }
        | Write::Delete { .. }
        | Write::DeleteChain { .. } => true,
        Write::Append { .. }
        | Write::Accept { .. }
        | Write::Cancel { .. }
        | Write::End { .. }
        | Write::EndOrphan { .. }
        | Write::Reopen { .. }
        | Write::ReopenTip { .. }
        | Write::Compact { .. }
        | Write::SetModel { .. }
        | Write::ReplaceMessages { .. } => false,
    }
}

/// The footprint of a read. A chain may pass through rows of several conversations.
pub(super) fn by_lookup(footprints: &Footprints, mirror: &Mirror, read: &Read) {
    match read {
        Read::Session { id } | Read::Messages { session: id } | Read::Inputs { session: id } => {
            footprints.read(|| Resource::Lineage(mirror.first(id).clone()));
        }
        // It may have been passed on to any row.
        Read::Input { .. } => footprints.read(|| Resource::Rows),
        Read::Keyed { .. } => footprints.read(|| Resource::Keys),
        Read::Titled { .. } => {
            footprints.read(|| Resource::Titles);
            footprints.read(|| Resource::Rows);
        }
        Read::Tip { .. } | Read::Chain { .. } | Read::Open | Read::Left | Read::List { .. } => {
            footprints.read(|| Resource::Rows);
        }
    }
}
