//! A resume reports the id of the row that the session writes (S23 of the catalogue): the client finds the session again under
//! this id, and a branch from there has the right parent.

use gateway_core::store::StoredId;

use super::{Case, Cases, Claim, Invariant, View};
use crate::world::client_log::Answer;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "resumes_report_their_row",
    about: "the stored id in the answer to a resume is the id of the row that the session writes",
    claim: Claim::Frames(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    view.clients.answers().for_each(|answer| cases.add(case(view, answer)));
}

fn case(view: &View<'_>, Answer { result, .. }: &Answer) -> Case {
    let Ok(result) = result else { return Case::NotConcerned };
    let (Some(reported), Some(written)) = (result["session_key"].as_str(), result["resumed"].as_str()) else {
        return Case::NotConcerned;
    };
    if reported == written {
        return Case::Held;
    }
    let alias = |row: &str| view.rows.alias(&StoredId::new(row));
    let session = view.label(result["session_id"].as_str().unwrap_or_default());
    let detail = format!("session {session} reports row {}, and writes row {}", alias(reported), alias(written));
    Case::failed(session, detail)
}
