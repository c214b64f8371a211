//! A start that ends the row of an earlier process leaves no tool call in it without a result (hermes-agent#11351): whoever reads the
//! conversation, another program on the database too, finds one that a model provider accepts.

use gateway_core::store::{EndReason, SessionRow};

use super::{Case, Cases, Claim, Invariant, View};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "swept_calls_have_results",
    about: "in a row that a start has ended, each tool call has a result",
    claim: Claim::Each(check),
};

fn check(view: &View<'_>, cases: &mut Cases<'_>) {
    let swept = |row: &&SessionRow| row.end_reason.as_deref() == Some(EndReason::StartupOrphanReap.as_str());
    for row in view.changed_rows().filter(swept).filter(|row| !view.rows.has_initial_end(row)) {
        cases.look(view.rows.place(&row.id), case(view, row));
    }
}

fn case(view: &View<'_>, row: &SessionRow) -> Case {
    let Some(talk) = view.rows.talk(&row.id).filter(|talk| talk.has_calls()) else { return Case::NotConcerned };
    let Some(open) = talk.without_result().next() else { return Case::Held };
    let alias = view.rows.alias(&row.id);
    Case::failed(&*alias, format!("row {alias} was ended at a start, and its call `{open}` has no result"))
}
