//! A tool's result follows the message that calls the tool, in the same row (openclaw#4739): model providers refuse a
//! conversation with a result whose call is missing, so a resume of it fails at its first prompt.

use gateway_core::store::{NewMessage, Role, StoredId};
use serde_json::Value;

use super::{Case, Cases, Claim, Invariant, View};
use crate::rows::RowSet;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "results_follow_their_call",
    about: "at rest, a tool's result in a row comes after a message with its call, and each call has one result at most",
    claim: Claim::Rest(check),
};

fn check(view: &View<'_>, _: &RowSet, cases: &mut Cases<'_>) {
    for row in view.rows.rows() {
        let messages = view.rows.messages(&row.id);
        if messages.iter().any(|message| message.role == Role::Tool) {
            cases.add(unpaired(messages).map_or(Case::Held, |id| without_call(view, &row.id, id)));
        }
    }
}

fn without_call(view: &View<'_>, row: &StoredId, id: &str) -> Case {
    let alias = view.rows.alias(row);
    let detail = format!("row {alias} has a result of the call `{id}`, and no call before it that has no other result");
    Case::failed(alias, detail)
}

/// The id of the first result that has no call of its own before it.
fn unpaired(messages: &[NewMessage]) -> Option<&str> {
    let mut open: Vec<String> = Vec::new();
    for message in messages {
        if let Some(calls) = &message.tool_calls {
            open.extend(ids(calls));
        }
        if let (Role::Tool, Some(id)) = (message.role, &message.tool_call_id) {
            match open.iter().position(|call| call == id) {
                Some(place) => drop(open.remove(place)),
                None => return Some(id),
            }
        }
    }
    None
}

/// The ids of the calls of a message, from the JSON of its `tool_calls`.
fn ids(calls: &str) -> Vec<String> {
    let calls: Vec<Value> = serde_json::from_str(calls).unwrap_or_default();
    calls.iter().filter_map(|call| Some(call["id"].as_str()?.to_owned())).collect()
}
