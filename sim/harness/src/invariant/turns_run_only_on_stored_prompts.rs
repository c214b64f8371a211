//! No turn runs whose prompt is stored nowhere (hermes-agent#87049): a prompt that the gateway cannot store is refused.
//!
//! The agents' own log says which prompts were worked on. An old release stores a prompt some time after its turn has begun; the
//! claim is that it does. It looks at runs in which the store has failed; what is lost without that,
//! `acknowledged_messages_are_stored` sees.

use std::collections::BTreeMap;

use gateway_core::store::{Role, StoredId};

use super::{Case, Cases, Claim, Invariant, View};
use crate::rows::RowSet;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "turns_run_only_on_stored_prompts",
    about: "at rest, if a call of the store has failed, every prompt that an agent has worked on was stored in a row of its conversation",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    if view.store.broken_at.is_none() {
        return;
    }
    let turns = view.agents.turns();
    let mut worked: BTreeMap<(StoredId, &str), usize> = BTreeMap::new();
    for session in view.known {
        let row = session.read(|record| record.agent.row.clone());
        // A draft has a row only with its first prompt, and its conversation is its own.
        let first = view.rows.first(&row).clone();
        for turn in turns.get(&view.names.label(session.id())).into_iter().flatten() {
            *worked.entry((first.clone(), turn.prompt.as_str())).or_default() += 1;
        }
    }
    for ((first, prompt), count) in worked {
        let is_it = |role: Role, content: Option<&str>| role == Role::User && content == Some(prompt);
        let said = view.rows.all_messages(&first).iter();
        let stored = said.filter(|message| is_it(message.role, message.content.as_deref())).count();
        let row = view.rows.alias(&first);
        let detail = || {
            format!(
                "{count} turns of the conversation of row {row} worked on {prompt:?}, which was stored {stored} times"
            )
        };
        cases.add(if stored < count { Case::failed(row.clone(), detail()) } else { Case::Held });
    }
}
