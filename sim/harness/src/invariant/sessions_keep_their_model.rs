//! A session has the model that its client asked for, also after a restart, a resume, a compression or in a branch
//! (hermes-agent#103498).
//!
//! A session that has another model after a resume costs another price, or gives other answers, and no message says so.

use std::collections::BTreeSet;

use gateway_core::clock::Uptime;
use gateway_core::store::SessionRow;

use super::{Case, Cases, Claim, Invariant, View};
use crate::rows::RowSet;
use crate::world::client_log::ModelRequest;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "sessions_keep_their_model",
    about: "at rest, every row of a session has the model that a client asked for last, and one that continues another row has its model otherwise",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    let models = view.clients.log.models();
    let in_doubt = models.in_doubt();
    for row in view.rows.rows() {
        let first = view.rows.first(&row.id);
        let asked = models.about(|answered| view.rows.first(answered) == first);
        let mut allowed = allowed(view, row, &asked);
        if allowed.is_empty() {
            continue;
        }
        allowed.extend(&in_doubt);
        cases.add(case(view, row, &allowed));
    }
}

/// The models that a row may have. Of the newest row of a conversation it is the last one that a client asked for. None for
/// a row of another program or of before the run, unless a client has asked for its model.
fn allowed<'a>(view: &'a View<'_>, row: &'a SessionRow, asked: &[&'a ModelRequest]) -> BTreeSet<&'a str> {
    let settings = |at: Option<Uptime>| {
        let present = at.map_or(view.process.settings, |at| view.process.settings_at(at));
        present.iter().map(|(_, settings)| settings.model.as_str())
    };
    let models = |request: &&'a ModelRequest| match request.model.as_deref() {
        Some(model) => vec![model],
        None => settings(Some(request.sent_at)).collect(),
    };
    let is_newest = view.rows.newest(view.rows.first(&row.id)) == row.id;
    if is_newest && !asked.is_empty() {
        let last = asked.iter().filter(|request| !request.is_superseded(asked));
        return last.flat_map(models).collect();
    }
    if view.scenario.rows.iter().any(|given| given.name() == row.id.as_str()) {
        return BTreeSet::new();
    }
    let parent = row.parent.as_ref().and_then(|parent| view.rows.row(parent));
    let is_own = view.rows.continues(row) || row.branched_from.is_some();
    let parents = parent.filter(|_| is_own).into_iter().flat_map(|parent| view.rows.models_of(parent));
    let parents = parents.flat_map(|model| model.map_or_else(|| settings(None).collect(), |model| vec![model]));
    asked.iter().flat_map(models).chain(parents).collect()
}

fn case(view: &View<'_>, row: &SessionRow, allowed: &BTreeSet<&str>) -> Case {
    let found = row.model.as_deref().unwrap_or_default();
    if allowed.contains(found) {
        return Case::Held;
    }
    let alias = view.rows.alias(&row.id);
    let expected: Vec<&str> = allowed.iter().copied().collect();
    Case::failed(
        alias.to_string(),
        format!("row {alias} has the model `{found}` instead of `{}`", expected.join("` or `")),
    )
}
