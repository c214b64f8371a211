//! Rotations statement by statement, as old releases carry them out (B1, B2), and the compression of a review that shares
//! the row of its session (S24).

use crate::agent::CompressionMode;
use crate::legacy::windows;
use crate::lifecycle::flush::FlushPoint;
use crate::lifecycle::rotation::{Compression, RotationStep};
use crate::record::{Record, Transcript};
use crate::spawn::Window;
use crate::state::{Gateway, Session};
use crate::storage::compaction::{self, Saved};
use crate::storage::persist;
use crate::store::{EndReason, NewMessage, NewSession, Role, StoreError, StoredId};

/// Carries out the steps of a rotation from `parent` to `child`. An error of any but the last steps ends it half done.
pub(crate) async fn rotate(
    gateway: &Gateway,
    session: &Session,
    parent: StoredId,
    child: NewSession,
    messages: Vec<NewMessage>,
    steps: &[RotationStep],
) -> Result<(), StoreError> {
    let (id, at) = (child.id.clone(), child.started_at);
    let before = session.read(|record| record.transcript.clone());
    for step in steps {
        match step {
            RotationStep::EndParent => {
                gateway.rows.end(parent.clone(), at, EndReason::Compression).await?;
                windows::pass(gateway, Window::ParentEndedChildMissing).await;
            }
            // The next flush writes the compacted messages to the child.
            RotationStep::SwitchId => {
                compaction::switch(gateway, session, &id, messages.clone(), Saved::Nothing);
            }
            RotationStep::InsertChild => {
                if let Err(error) = gateway.rows.create_session(child.clone()).await {
                    session.change(|record| switch_back(gateway, record, &parent, before));
                    // The releases that do this only log errors.
                    let _ = gateway.rows.reopen(parent).await;
                    return Err(error);
                }
            }
            RotationStep::TryInsertChild => drop(gateway.rows.create_session(child.clone()).await),
            RotationStep::WriteMessages => persist::flush(gateway, session, FlushPoint::Child).await?,
            RotationStep::Title => drop(gateway.rows.continue_title(id.clone(), parent.clone()).await),
        }
    }
    Ok(())
}

/// Carries out the compression of a review that shares the session's row: the rows change, the session's record does not
/// (S24). The releases that do this only log errors. Returns the row in which the review continues.
pub(crate) async fn compress_beside(
    gateway: &Gateway,
    session: &Session,
    row: StoredId,
    transcript: &Transcript,
    asked: CompressionMode,
    summary: String,
) -> StoredId {
    let messages =
        compaction::compacted(gateway, transcript, NewMessage::text(Role::Assistant, summary, gateway.env.now().wall));
    match gateway.behavior.rotation.mode(asked, gateway.config.compression.mode()) {
        Compression::InPlace => {
            let _ = gateway.rows.compact(row.clone(), messages).await;
            row
        }
        Compression::Rotate => {
            let child = compaction::child_of(gateway, session, &row);
            let id = child.id.clone();
            let _ = gateway.rows.end(row.clone(), child.started_at, EndReason::Compression).await;
            windows::pass(gateway, Window::ParentEndedChildMissing).await;
            let _ = gateway.rows.create_session(child).await;
            let _ = gateway.rows.continue_title(id.clone(), row).await;
            let _ = gateway.rows.append(id.clone(), messages).await;
            id
        }
    }
}

/// Reverts [`compaction::switch`] after a failed insert.
fn switch_back(gateway: &Gateway, record: &mut Record, parent: &StoredId, before: Transcript) {
    record.agent.row = parent.clone();
    if gateway.behavior.rotation.syncs_key_at_once() {
        record.key = parent.clone();
    }
    record.transcript = before;
}
