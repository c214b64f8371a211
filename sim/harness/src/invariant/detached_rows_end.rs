//! An open row that no client can use is ended (I1 of spec §15; hermes-agent#44045): within a grace after its session is detached
//! and idle, or after its session is gone.

use gateway_core::clock::{Millis, Uptime};
use gateway_core::lifecycle::close::{is_foreign, is_of_another_program};
use gateway_core::record::{Attachment, Record, SessionStage};
use gateway_core::state::{Registry, Session};
use gateway_core::store::SessionRow;

use super::{Claim, Condition, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "detached_rows_end",
    about: "an open row of a detached session is ended within the orphan grace once no turn runs",
    claim: Claim::OfRow { bound: |scenario| scenario.gateway.orphan_grace, begun },
};

fn begun(view: &View<'_>, row: &SessionRow, bound: Millis) -> Option<Condition> {
    // A gateway that is down ends nothing. A grace of zero keeps orphans.
    let sessions = view.sessions.filter(|_| bound > Millis::ZERO)?;
    if row.ended_at.is_some() || is_foreign(&row.source) {
        return None;
    }
    // Old releases can have two records on one row; the row is in use if one of them is.
    let owners: Vec<&Session> = view
        .with_row(&row.id)
        .filter(|session| session.read(|record| record.owned().any(|own| *own == row.id)))
        .collect();
    let is_used = owners.iter().any(|session| session.read(|record| in_use(sessions, record)));
    if is_used || owners.is_empty() && is_left_to_another_program(view, row) {
        return None;
    }
    // A process gives the rows that it finds at its start a grace of their own.
    let left = owners.iter().filter_map(|session| session.read(since)).max();
    Some(Condition {
        subject: view.rows.alias(&row.id),
        era: left.unwrap_or_default().max(view.process.up_since),
        within: bound + view.slack(),
        detail: owners.first().map_or(unowned, |session| session.read(detail)),
    })
}

/// Whether another program may be using a row that this process has not had: only that program ends it.
fn is_left_to_another_program(view: &View<'_>, row: &SessionRow) -> bool {
    let is_found = view.rows.is_initial(&row.id) || view.process.up_since > Uptime::default();
    is_found && is_of_another_program(&row.source)
}

/// Since when it has no client. The grace begins again with each client that leaves.
fn since(record: &Record) -> Option<Uptime> {
    match record.attachment {
        Attachment::Detached { since, .. } => Some(since),
        Attachment::Attached(_) => None,
    }
}

/// Whether a client can still use it, or it is being resumed or ended at this moment.
fn in_use(sessions: &Registry, record: &Record) -> bool {
    let attached = matches!(&record.attachment, Attachment::Attached(connection) if sessions.is_linked(connection));
    attached || record.is_running() || record.stage != SessionStage::Open
}

/// The text for a row, by the state of the session that owns it: each state is another defect.
fn detail(record: &Record) -> fn(&str, Uptime) -> String {
    match record.attachment {
        Attachment::Attached(_) => attached_to_none,
        Attachment::Detached { .. } if record.timers.is_empty() => without_timer,
        Attachment::Detached { .. } => with_timer,
    }
}

fn unowned(row: &str, since: Uptime) -> String {
    format!("row {row} is still open, though since {since} no session owns it")
}

fn without_timer(row: &str, since: Uptime) -> String {
    format!("row {row} is still open, though since {since} it has no client and no turn, and no timer is armed")
}

fn with_timer(row: &str, since: Uptime) -> String {
    format!("row {row} is still open, though since {since} it has no client and no turn")
}

fn attached_to_none(row: &str, since: Uptime) -> String {
    format!("row {row} is still open, though since {since} its session is attached to a connection that is gone")
}
