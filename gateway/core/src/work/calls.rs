//! Tool calls of a turn: stored as messages and sent to the client, under ids that are unique in the conversation.

use std::collections::BTreeMap;

use serde_json::json;

use crate::agent::ToolCall;
use crate::entropy::{Purpose, Stream};
use crate::lifecycle::flush::FlushPoint;
use crate::lifecycle::provider::CallIds;
use crate::record::{Kept, Queued, Record};
use crate::state::{Gateway, Session};
use crate::storage::persist;
use crate::store::{NewMessage, Role, StoreError};

/// The calls of one turn that have no result yet: the ids that they are stored under, by the agent's.
#[derive(Default)]
pub(crate) struct RunningCalls {
    ids: BTreeMap<String, String>,
}

impl RunningCalls {
    /// The agent calls tools: stores one message with all calls, and sends an event for each.
    pub(crate) async fn start(
        &mut self,
        gateway: &Gateway,
        session: &Session,
        calls: Vec<ToolCall>,
    ) -> Result<(), StoreError> {
        let calls: Vec<ToolCall> = calls.into_iter().map(|call| self.named(gateway, session, call)).collect();
        push(session, call_message(gateway, &calls));
        session.change(|record| count(record, |running| running + calls.len()));
        for call in &calls {
            session.emit("tool.start", json!({"tool_id": call.id, "name": call.name, "context": ""}));
        }
        persist::flush(gateway, session, FlushPoint::Tool).await
    }

    /// A tool has answered: stores its result, and sends it. The result carries the words that wait for the turn.
    pub(crate) async fn finish(
        &mut self,
        gateway: &Gateway,
        session: &Session,
        call: ToolCall,
        result: String,
    ) -> Result<(), StoreError> {
        let id = self.ids.remove(&call.id).unwrap_or_else(|| call.id.clone());
        let call = ToolCall { id, ..call };
        let result = read_steers(session, result);
        session.change(|record| count(record, |running| running.saturating_sub(1)));
        push(session, result_message(gateway, &call, &result));
        let stored = persist::flush(gateway, session, FlushPoint::Tool).await;
        session
            .emit("tool.complete", json!({"tool_id": call.id, "name": call.name, "args": call.args, "result": result}));
        stored
    }

    /// The call under the id that it is stored with.
    fn named(&mut self, gateway: &Gateway, session: &Session, call: ToolCall) -> ToolCall {
        let id = match gateway.behavior.provider.call_ids() {
            CallIds::Unique => {
                format!("call_{:016x}", gateway.env.draw(Stream::Calls(session.id()), Purpose::CallId))
            }
            CallIds::FromAgent => call.id.clone(),
        };
        self.ids.insert(call.id, id.clone());
        ToolCall { id, ..call }
    }
}

/// Appends the words that wait for the turn to a tool's result, where the agent reads them.
fn read_steers(session: &Session, result: String) -> String {
    let steers = session.change(|record| {
        let Some(turn) = record.turn.as_mut() else { return Vec::new() };
        // Words that are being stored are not accepted yet.
        let is_unanswered = |steer: &Queued| matches!(steer.kept, Kept::Storing(_));
        let (unanswered, read): (Vec<_>, Vec<_>) =
            std::mem::take(&mut turn.steers).into_iter().partition(is_unanswered);
        turn.steers = unanswered;
        record.taken.extend(read.iter().filter_map(|steer| match &steer.kept {
            Kept::Stored(id) => Some(id.clone()),
            Kept::Memory | Kept::Storing(_) => None,
        }));
        read
    });
    steers.into_iter().fold(result, |result, steer| format!("{result}\n\nUser guidance: {}", steer.text))
}

/// Changes the number of the turn's tools that run.
fn count(record: &mut Record, change: impl FnOnce(usize) -> usize) {
    if let Some(turn) = &mut record.turn {
        turn.tools = change(turn.tools);
    }
}

fn push(session: &Session, message: NewMessage) {
    session.change(|record| record.transcript.messages.push(message));
}

fn call_message(gateway: &Gateway, calls: &[ToolCall]) -> NewMessage {
    let function = |call: &ToolCall| json!({"name": call.name, "arguments": call.args});
    let calls = calls.iter().map(|call| json!({"id": call.id, "type": "function", "function": function(call)}));
    let calls = calls.collect::<serde_json::Value>();
    NewMessage { tool_calls: Some(calls.to_string()), ..NewMessage::text(Role::Assistant, "", gateway.env.now().wall) }
}

fn result_message(gateway: &Gateway, call: &ToolCall, result: &str) -> NewMessage {
    NewMessage {
        tool_call_id: Some(call.id.clone()),
        tool_name: Some(call.name.clone()),
        ..NewMessage::text(Role::Tool, result, gateway.env.now().wall)
    }
}
