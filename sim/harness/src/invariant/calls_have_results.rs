//! A tool call whose result will never come has a result that says so (hermes-agent#11351): model providers refuse a
//! conversation with a call that is not answered, so each later prompt of it fails.
//!
//! A kill leaves such a call in the rows. The next resume of the conversation closes it.

use gateway_core::record::SessionStage;
use gateway_core::state::Session;

use super::{Case, Cases, Claim, Excuse, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "calls_have_results",
    about: "while no turn runs in a live session, each tool call in its row has a result",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    for (place, session) in view.changed_live() {
        cases.look(place, case(view, session));
    }
}

fn case(view: &View<'_>, session: &Session) -> Case {
    session.read(|record| {
        let row = &record.agent.row;
        if record.stage != SessionStage::Open || record.is_running() {
            return Case::NotConcerned;
        }
        let Some(talk) = view.rows.talk(row).filter(|talk| talk.has_calls()) else { return Case::NotConcerned };
        let Some(open) = talk.open().first() else { return Case::Held };
        // Results that the store has refused are written with the next flush.
        if view.rows.refused(row).iter().any(|refused| refused.is_last) {
            return Case::Excused(Excuse::WriteRefused);
        }
        let (alias, session) = (view.rows.alias(row), view.names.label(session.id()));
        let detail =
            format!("row {alias} has a call `{open}` without a result, and no turn of its session {session} runs");
        Case::failed(alias, detail)
    })
}
