//! A resume leads to the newest row of the conversation, whichever of its rows was asked for (A9, B7 and B8 of the
//! catalogue): the conversation continues there and only there.

use gateway_core::record::SessionStage;
use gateway_core::store::{SessionRow, StoredId};

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::world::client_log::Answer;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "resumes_reach_the_tip",
    about: "a resume of any row of a conversation reaches its newest row",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.answers_to("session.resume").for_each(|answer| cases.add(case(view, answer)));
}

fn case(view: &View<'_>, answer: &Answer) -> Case {
    let Ok(result) = &answer.result else { return Case::NotConcerned };
    let asked = answer.request.session();
    // A row that was deleted or renamed meanwhile has no chain to follow.
    let Some(asked) = view.rows.row(&StoredId::new(asked)).or_else(|| view.rows.titled(asked)) else {
        return Case::Excused(Excuse::RowDeleted);
    };
    let Some(session) = view.find(result["session_id"].as_str().unwrap_or_default()) else {
        return Case::Excused(Excuse::ChangedMeanwhile);
    };
    let (asked, newest) = (asked.id.clone(), view.rows.newest(&asked.id));
    let (row, strays) =
        session.read(|record| (record.agent.row.clone(), record.stage == SessionStage::Open && !record.owns(&newest)));
    // A row was deleted on the way to where it led: the answer, which may have been under way then, was right.
    if view.rows.lost_its_child(&newest) && view.rows.first(&row) == view.rows.first(&asked) {
        return Case::Excused(Excuse::RowDeleted);
    }
    if !strays {
        return Case::Held;
    }
    if view.rows.row(&row).is_some_and(|row| seems_to_continue(view, row)) {
        return Case::Excused(Excuse::ClockSetBack);
    }
    let alias = |row: &StoredId| view.rows.alias(row);
    let session = view.names.label(session.id());
    let detail = format!("a resume of row {} reached {}, not {}", alias(&asked), alias(&row), alias(&newest));
    Case::failed(session, detail)
}

/// Whether a session that another program had started before the run seems to continue its parent, which was compressed in the
/// run. Only a clock that was set back gives the rows such times.
fn seems_to_continue(view: &View<'_>, row: &SessionRow) -> bool {
    let Some(parent) = row.parent.as_ref().and_then(|parent| view.rows.row(parent)) else { return false };
    let is_foreign = view.rows.is_initial(&row.id) && row.branched_from.is_none() && !view.rows.continues(row);
    let is_compressed = view.rows.row_ends().iter().any(|end| end.row == parent.id && end.is_rotation());
    is_foreign && is_compressed && parent.ended_at.is_some_and(|ended_at| ended_at <= row.started_at)
}
