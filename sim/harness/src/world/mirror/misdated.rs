//! Rows that seem to continue a compressed one, because the wall clock was set back.

use gateway_core::store::{EndReason, SessionRow};

use super::Mirror;

/// Whether a session of another program seems to continue its parent, whose end is a compression of the run. Only a clock that
/// was set back gives the rows such times, and neither the gateway nor a person can tell from them which row continues it.
pub(crate) fn seems_to_continue(rows: &Mirror, row: &SessionRow) -> bool {
    let Some(parent) = row.parent.as_ref().and_then(|parent| rows.row(parent)) else { return false };
    let is_another = row.branched_from.is_none() && !rows.continues(row);
    // Another program that starts a session ends the parent anew.
    let is_compressed = parent.end_reason.as_deref() == Some(EndReason::Compression.as_str())
        && rows.row_ends().iter().any(|end| end.row == parent.id && end.is_rotation());
    is_another && is_compressed && parent.ended_at.is_some_and(|ended_at| ended_at <= row.started_at)
}
