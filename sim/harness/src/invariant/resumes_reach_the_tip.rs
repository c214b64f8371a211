//! A resume leads to the newest row of the conversation, whichever of its rows was asked for (A9, B7 and B8 of the
//! catalogue): the conversation continues there and only there.

use gateway_core::record::SessionStage;
use gateway_core::store::StoredId;

use super::{Case, Cases, Claim, Excuse, Invariant, View};
use crate::world::client_log::Answer;
use crate::world::mirror::misdated::seems_to_continue;

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
    if view.rows.row(&row).is_some_and(|row| seems_to_continue(view.rows, row)) {
        return Case::Excused(Excuse::ClockSetBack);
    }
    let alias = |row: &StoredId| view.rows.alias(row);
    let session = view.names.label(session.id());
    let detail = format!("a resume of row {} reached {}, not {}", alias(&asked), alias(&row), alias(&newest));
    Case::failed(session, detail)
}
