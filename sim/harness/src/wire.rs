//! The protocol as clients of a scenario speak it: the request of each step, and what later steps need of the frames that
//! the client received. Simulated clients and clients on real sockets share it.

use std::collections::BTreeMap;

use gateway_core::store::Role;
use serde_json::{Value, json};

use crate::world::names::Ids;
use sim_scenario::{OnDisconnect, RequestStep, ResumeMode, Start};

/// A request without its number.
pub struct ClientRequest {
    /// The JSON-RPC method, for example `prompt.submit`.
    pub method: String,
    /// The JSON-RPC parameters, an object.
    pub params: Value,
}

/// What a client keeps of the frames that it received.
#[derive(Default)]
pub struct Received {
    /// One entry for each session, by runtime id.
    sessions: BTreeMap<String, SessionState>,
}

#[derive(Default)]
struct SessionState {
    /// The number of the last event.
    latest: u64,
    /// The method that answers the last question, and the parameters that identify the question.
    question: Option<(String, Value)>,
}

/// The request of a step. `ids` are those of the session that the step is about; `stored` is the stored id or title that
/// [`Mentions::stored`](sim_scenario::Mentions::stored) stands for. Fails with the reason if the client cannot send it.
pub fn request(
    step: &RequestStep,
    ids: Option<&Ids>,
    stored: Option<&str>,
    received: &mut Received,
) -> Result<ClientRequest, String> {
    let session = ids.map(|ids| ids.runtime.as_str());
    let of_session = json!({"session_id": session});
    let (method, params) = match step {
        RequestStep::Create { title, on_disconnect, start, .. } => {
            let closes = *on_disconnect == OnDisconnect::Close;
            let mut params = json!({"title": title, "close_on_disconnect": closes});
            start_with(start, stored, &mut params);
            ("session.create", params)
        }
        RequestStep::Prompt { prompt, truncate, .. } => {
            let mut params = json!({"session_id": session, "text": prompt.text()});
            if let Some(ordinal) = truncate {
                params["truncate_before_user_ordinal"] = json!(ordinal);
            }
            ("prompt.submit", params)
        }
        RequestStep::Resume { mode, .. } => {
            let mut params = json!({"session_id": stored});
            match mode {
                ResumeMode::Continue => {}
                ResumeMode::ContinueWithAgent => params["eager_build"] = true.into(),
                ResumeMode::ReadOnly => params["lazy"] = true.into(),
            }
            ("session.resume", params)
        }
        RequestStep::Activate { .. } => ("session.activate", of_session),
        RequestStep::CloseSession { .. } => ("session.close", of_session),
        RequestStep::Interrupt { .. } => ("session.interrupt", of_session),
        RequestStep::Title { title, .. } => {
            let mut params = of_session;
            if let Some(title) = title {
                params["title"] = json!(title);
            }
            ("session.title", params)
        }
        RequestStep::History { .. } => ("session.history", of_session),
        RequestStep::Undo { .. } => ("session.undo", of_session),
        RequestStep::Steer { text, .. } => ("session.steer", json!({"session_id": session, "text": text})),
        RequestStep::Compress { .. } => ("session.compress", of_session),
        RequestStep::Branch { .. } => ("session.branch", of_session),
        RequestStep::Delete { .. } => ("session.delete", json!({"session_id": stored})),
        RequestStep::MostRecent => ("session.most_recent", json!({})),
        RequestStep::ActiveList => ("session.active_list", json!({})),
        RequestStep::List => ("session.list", json!({})),
        RequestStep::Answer { session: name, text } => return received.answer(session.unwrap_or_default(), name, text),
        RequestStep::EventsSince { .. } => {
            let last_seen = received.sessions.get(session.unwrap_or_default()).map_or(0, |received| received.latest);
            ("session.events.since", json!({"session_id": session, "last_seen": last_seen}))
        }
    };
    Ok(ClientRequest { method: method.to_owned(), params })
}

/// Adds the parameters of a new session. `parent` is the stored id of the session that it branches from.
fn start_with(start: &Start, parent: Option<&str>, params: &mut Value) {
    if let Some(source) = &start.source {
        params["source"] = source.as_str().into();
    }
    if let Some(parent) = parent {
        params["parent_session_id"] = parent.into();
    }
    if !start.seed.is_empty() {
        let roles = [Role::User, Role::Assistant].into_iter().cycle();
        let message = |(role, text): (Role, &String)| json!({"role": role, "content": text});
        params["messages"] = roles.zip(&start.seed).map(message).collect();
    }
}

/// The ids in a response that names a session.
pub fn ids(response: &Value) -> Option<Ids> {
    let text = |key: &str| response["result"].get(key).and_then(Value::as_str).map(str::to_owned);
    let stored = text("stored_session_id").or_else(|| text("session_key"));
    text("session_id").zip(stored).map(|(runtime, stored)| Ids { runtime, stored })
}

impl Received {
    /// Call with the parameters of each event notification.
    pub fn event(&mut self, event: &Value) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let Some((session, kind)) = text(&event["session_id"]).zip(text(&event["type"])) else { return };
        let received = self.sessions.entry(session.clone()).or_default();
        received.latest = event["seq"].as_u64().unwrap_or(received.latest);
        if let Some(asked) = kind.strip_suffix(".request") {
            let names = match &event["payload"]["request_id"] {
                Value::Null => json!({"session_id": session}),
                id => json!({"request_id": id}),
            };
            received.question = Some((format!("{asked}.respond"), names));
        }
    }

    /// Call with each response that names a session: it lists the open questions of the session.
    pub fn named(&mut self, response: &Value) {
        for asked in response["result"]["pending"].as_array().into_iter().flatten() {
            let session = &response["result"]["session_id"];
            self.event(&json!({"session_id": session, "type": asked["type"], "payload": asked["payload"]}));
        }
    }

    /// The answer to the last question received from a session. `name` is the session's name in the script. Fails if the
    /// session has no open question.
    fn answer(&mut self, session: &str, name: &str, text: &str) -> Result<ClientRequest, String> {
        let question = self.sessions.get_mut(session).and_then(|received| received.question.take());
        let (method, mut params) = question.ok_or_else(|| format!("`{name}` has asked nothing"))?;
        let key = if method == "approval.respond" { "choice" } else { "answer" };
        params[key] = text.into();
        Ok(ClientRequest { method, params })
    }
}
