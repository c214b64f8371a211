//! A resume leads to the newest row of the conversation, whichever of its rows was asked for (A9, B7 and B8 of the
//! catalogue): the conversation continues there and only there.

use gateway_core::record::SessionStage;
use gateway_core::store::StoredId;

use super::{Breach, Claim, Invariant, View};
use crate::world::client_log::{Answer, ClientEvent};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "resumes_reach_the_tip",
    about: "a resume of any row of a conversation reaches its newest row",
    claim: Claim::Received(check),
};

fn check(view: &View<'_>) -> Vec<Breach> {
    let answers = view.clients.events.iter().filter_map(|event| match event {
        ClientEvent::Answer(answer) if answer.request.method == "session.resume" => Some(answer),
        _ => None,
    });
    answers.filter_map(|answer| breach(view, answer)).collect()
}

fn breach(view: &View<'_>, answer: &Answer) -> Option<Breach> {
    let asked = answer.request.session();
    // A row that was deleted or renamed meanwhile has no chain to follow.
    let asked = view.rows.row(&StoredId::new(asked)).or_else(|| view.rows.titled(asked))?.id.clone();
    let session = view.find(answer.result.as_ref().ok()?["session_id"].as_str()?)?;
    let newest = view.rows.newest(&asked);
    let (row, strays) =
        session.read(|record| (record.agent.row.clone(), record.stage == SessionStage::Open && !record.owns(&newest)));
    // A row was deleted on the way to where it led: the answer, which may have been under way then, was right.
    if view.rows.lost_its_child(&newest) && view.rows.first(&row) == view.rows.first(&asked) {
        return None;
    }
    let alias = |row: &StoredId| view.rows.alias(row);
    let session = view.names.label(session.id());
    let detail = format!("a resume of row {} reached {}, not {}", alias(&asked), alias(&row), alias(&newest));
    strays.then_some(Breach { subject: session, detail })
}
