//! A resume reports the id of the row that the session writes (S23 of the catalogue): the client finds the session again under
//! this id, and a branch from there has the right parent.

use gateway_core::store::StoredId;

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::{Answer, ClientEvent};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "resumes_report_their_row",
    about: "the stored id in the answer to a resume is the id of the row that the session writes",
    claim: Claim::Received(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let answers = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::Answer(answer) => Some(answer),
        _ => None,
    });
    answers.filter_map(|answer| breach(view, answer)).collect()
}

fn breach(view: &View<'_>, Answer { result, .. }: &Answer) -> Option<Breach> {
    let result = result.as_ref().ok()?;
    let (reported, written) = (result["session_key"].as_str()?, result["resumed"].as_str()?);
    let alias = |row: &str| view.rows.alias(&StoredId::new(row));
    let session = view.label(result["session_id"].as_str()?);
    let detail = format!("session {session} reports row {}, and writes row {}", alias(reported), alias(written));
    (reported != written).then_some(Breach { subject: session, detail })
}
