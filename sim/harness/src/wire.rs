//! The protocol as clients of a scenario speak it: the request of each step, and what later steps need of the frames that
//! the client received. Simulated clients and clients on real sockets share it.

use std::collections::BTreeMap;

use gateway_core::store::Role;
use serde_json::{Value, json};

use crate::world::names::Ids;
use sim_scenario::{AnsweredQuestion, Naming, OnDisconnect, RequestStep, ResumeMode, Start};

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
    /// The questions, in the order in which the client received them.
    questions: Vec<Question>,
    /// The place of the last one, unless the client has answered it.
    open: Option<usize>,
    /// The client's last answer.
    answer: Option<(String, Value)>,
}

/// A question as a client received it.
#[derive(PartialEq)]
struct Question {
    /// The method that answers it.
    method: String,
    /// The parameters that name it.
    names: Value,
    /// Whether the parameters have its id. One that has none may be asked again, and is another question then.
    has_id: bool,
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
        RequestStep::Create { title, model, on_disconnect, start, .. } => {
            let closes = *on_disconnect == OnDisconnect::Close;
            let mut params = json!({"title": title, "close_on_disconnect": closes});
            with_model(model.as_deref(), &mut params);
            start_with(start, stored, &mut params);
            ("session.create", params)
        }
        RequestStep::Prompt { prompt, truncate, key, .. } => {
            let mut params = json!({"session_id": session, "text": prompt.text()});
            if let Some(ordinal) = truncate {
                params["truncate_before_user_ordinal"] = json!(ordinal);
            }
            if let Some(key) = key {
                params["idempotency_key"] = json!(key);
            }
            ("prompt.submit", params)
        }
        RequestStep::Resume { model, last_seen, mode, .. } => {
            let mut params = json!({"session_id": stored});
            with_model(model.as_deref(), &mut params);
            if let Some(last_seen) = last_seen {
                (params["last_seen"], params["seen_in"]) = (json!(last_seen), json!(session));
            }
            in_mode(*mode, &mut params);
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
        RequestStep::Status { .. } => ("session.status", of_session),
        RequestStep::Usage { .. } => ("session.usage", of_session),
        RequestStep::Undo { .. } => ("session.undo", of_session),
        RequestStep::Steer { text, .. } => ("session.steer", json!({"session_id": session, "text": text})),
        RequestStep::Compress { .. } => ("session.compress", of_session),
        RequestStep::Branch { .. } => ("session.branch", of_session),
        RequestStep::Delete { .. } => ("session.delete", json!({"session_id": stored})),
        RequestStep::MostRecent => ("session.most_recent", json!({})),
        RequestStep::ActiveList => ("session.active_list", json!({})),
        RequestStep::List => ("session.list", json!({})),
        RequestStep::Answer { session: name, text, to, naming } => {
            let (session, text) = (session.unwrap_or_default(), text.as_deref());
            return received.answer(session, name, text, *to, naming);
        }
        RequestStep::EventsSince { last_seen, .. } => {
            let received = received.sessions.get(session.unwrap_or_default());
            let last_seen = last_seen.unwrap_or_else(|| received.map_or(0, |received| received.latest));
            ("session.events.since", json!({"session_id": session, "last_seen": last_seen}))
        }
    };
    Ok(ClientRequest { method: method.to_owned(), params })
}

/// Adds the model that a session is to have, if the step names one.
fn with_model(model: Option<&str>, params: &mut Value) {
    if let Some(model) = model {
        params["model"] = model.into();
    }
}

/// Adds how the session is to be resumed.
fn in_mode(mode: ResumeMode, params: &mut Value) {
    match mode {
        ResumeMode::Continue => {}
        ResumeMode::ContinueWithAgent => params["eager_build"] = true.into(),
        ResumeMode::ReadOnly => params["lazy"] = true.into(),
    }
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
            let id = &event["payload"]["request_id"];
            let mut names = if id.is_null() { json!({}) } else { json!({"request_id": id}) };
            if id.is_null() || asked == "approval" {
                names["session_id"] = session.into();
            }
            received.ask(Question { method: format!("{asked}.respond"), names, has_id: !id.is_null() });
        }
    }

    /// Call with each response that names a session: it lists the open questions of the session.
    pub fn named(&mut self, response: &Value) {
        for asked in response["result"]["pending"].as_array().into_iter().flatten() {
            let session = &response["result"]["session_id"];
            self.event(&json!({"session_id": session, "type": asked["type"], "payload": asked["payload"]}));
        }
    }

    /// The answer to a question received from a session. `name` is the session's name in the script. Fails if there is no such
    /// question.
    fn answer(
        &mut self,
        session: &str,
        name: &str,
        text: Option<&str>,
        to: AnsweredQuestion,
        naming: &Naming,
    ) -> Result<ClientRequest, String> {
        let received = self.sessions.entry(session.to_owned()).or_default();
        let asked_nothing = || format!("`{name}` has asked nothing");
        let (method, mut params) = match to {
            AnsweredQuestion::Again => {
                received.answer.clone().ok_or_else(|| format!("the client has not answered `{name}` before"))?
            }
            AnsweredQuestion::Last => {
                let place = received.open.take().ok_or_else(asked_nothing)?;
                received.questions[place].named()
            }
            AnsweredQuestion::Numbered(number) => {
                let place = number.get() as usize - 1;
                let question = received
                    .questions
                    .get(place)
                    .ok_or_else(|| format!("`{name}` has asked the client {} questions", received.questions.len()))?;
                received.open.take_if(|open| *open == place);
                question.named()
            }
        };
        match naming {
            Naming::Own => {}
            Naming::None => {
                params.as_object_mut().map(|params| params.remove("request_id"));
            }
            Naming::Id(id) => params["request_id"] = id.as_str().into(),
        }
        if let Some(text) = text {
            let key = if method == "approval.respond" { "choice" } else { "answer" };
            params[key] = text.into();
        }
        received.answer = Some((method.clone(), params.clone()));
        Ok(ClientRequest { method, params })
    }
}

impl SessionState {
    /// The client receives a question, or once more the one that it received before.
    fn ask(&mut self, question: Question) {
        let known = self.questions.iter().position(|known| question.has_id && *known == question);
        self.open = known.or(Some(self.questions.len()));
        if known.is_none() {
            self.questions.push(question);
        }
    }
}

impl Question {
    /// The method that answers it, and the parameters that name it.
    fn named(&self) -> (String, Value) {
        (self.method.clone(), self.names.clone())
    }
}
