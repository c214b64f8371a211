//! The truth of answers: what a request should be answered, computed from the live sessions and the mirror of the rows at the
//! instant of the answer.

use gateway_core::Gateway;
use gateway_core::behavior::Behavior;
use gateway_core::config::Config;
use gateway_core::ids::SessionId;
use gateway_core::lifecycle::queue::Storage;
use gateway_core::record::{AgentState, Record, SessionStage, TurnPhase};
use gateway_core::state::Session;
use gateway_core::store::{NewMessage, Role, SessionRow, StoredId};
use serde_json::{Value, json};

use super::cases::Excuse;
use super::client_log::{Models, SentRequest};
use super::mirror::Mirror;
use super::mirror::misdated::seems_to_continue;
use crate::footprint::Resource;

/// The entries that `session.list` has without a limit of its own (spec §4.5).
const LISTED_MAX: usize = 200;

/// The characters of a preview (spec §4.5).
const PREVIEW: usize = 160;

/// The state at the instant of an answer.
pub(super) struct State<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) rows: &'a Mirror,
    /// Whether no transaction was committed since the request was sent: the rows that it read are those of now.
    pub(super) is_quiet: bool,
    pub(super) settings: &'a Config,
    /// The models that clients asked for.
    pub(super) models: &'a Models,
    pub(super) behavior: &'a Behavior,
}

/// The number of the request that a frame answers.
pub(super) fn number(frame: &str) -> Option<u64> {
    serde_json::from_str::<Value>(frame).ok()?["id"].as_u64()
}

impl State<'_> {
    /// What is wrong with the answer: the runtime id of the session that it is about, or nothing, and a sentence. An error says
    /// why the answer cannot be compared; none is returned for an answer that is not about the state.
    pub(super) fn differs(
        &self,
        request: &SentRequest,
        frame: &str,
    ) -> Option<Result<Option<(String, String)>, Excuse>> {
        let mut answer: Value = serde_json::from_str(frame).ok()?;
        let result = answer.get_mut("result")?.take();
        let method = request.method.as_str();
        let reads_rows = match method {
            "session.list" | "session.most_recent" => true,
            "session.title" => request.params["title"].is_null(),
            _ => false,
        };
        if reads_rows && !self.is_quiet {
            return Some(Err(Excuse::ChangedMeanwhile));
        }
        let (id, truth) = match method {
            "session.list" | "session.most_recent" => (String::new(), self.lists(method, &result)),
            "session.active_list" => (String::new(), self.lives(&result)),
            _ => {
                let id = result["session_id"].as_str().unwrap_or(request.session()).to_owned();
                let session = self.gateway.sessions.find(&id)?;
                (id, session.read(|record| self.of_session(request, &session, record))?)
            }
        };
        let short = |value: &Value| value.to_string().chars().take(300).collect::<String>();
        let is_misdated = || self.rows.rows().iter().any(|row| seems_to_continue(self.rows, row));
        let detail = match difference("", &truth, &result) {
            Some(_) if reads_rows && is_misdated() => return Some(Err(Excuse::ClockSetBack)),
            Some((field, expected, found)) => {
                format!("{method} answered {field} {}, which is {}", short(&found), short(&expected))
            }
            None => {
                let Some(field) = unknown("", &truth, &result).filter(|field| !is_judged_elsewhere(method, field))
                else {
                    return Some(Ok(None));
                };
                format!("{method} answered {field}, which nothing compares with the state")
            }
        };
        Some(Ok(Some((id, detail))))
    }

    /// The state that the answer was compared with.
    pub(super) fn compared(&self, request: &SentRequest) -> Vec<Resource> {
        match request.method.as_str() {
            "session.list" | "session.most_recent" => vec![Resource::Rows, Resource::Titles],
            "session.title" => vec![Resource::Rows, Resource::Titles, self.record(request)],
            "session.create" | "session.activate" | "session.history" | "session.status" | "session.usage" => {
                vec![self.record(request)]
            }
            _ => Vec::new(),
        }
    }

    fn record(&self, request: &SentRequest) -> Resource {
        Resource::Record(SessionId::from(request.session()))
    }

    /// The true answer of a request about one session; none for a method that is not compared.
    fn of_session(&self, request: &SentRequest, session: &Session, record: &Record) -> Option<Value> {
        let messages = &record.transcript.messages;
        match request.method.as_str() {
            "session.history" => Some(json!({"count": messages.len(), "messages": shown(messages)})),
            "session.resume" | "session.activate" => Some(self.resumed(session, record)),
            "session.create" => {
                let mut info = self.info(record);
                info["model"] = request.params["model"].as_str().unwrap_or(&self.settings.model).into();
                Some(json!({
                    "session_id": session.id().as_str(),
                    "stored_session_id": record.key.as_str(),
                    "message_count": messages.len(),
                    "messages": shown(messages),
                    "info": info,
                }))
            }
            "session.status" => Some(json!({
                "session_key": record.key.as_str(),
                "model": self.model(record),
                "status": status(record),
                "running": record.turn.is_some(),
                "attached": record.attachment.connection().is_some(),
                "queued": record.queue.len(),
                "message_count": messages.len(),
                "started_at": record.details.started_at.as_seconds(),
                "last_active": record.details.last_active.wall.as_seconds(),
                "session_id": session.id().as_str(),
            })),
            "session.usage" => Some(json!({
                "model": self.model(record),
                "calls": messages.iter().filter(|message| message.role == Role::Assistant).count(),
                "tool_calls": messages.iter().map(calls).sum::<usize>(),
                "messages": messages.len(),
            })),
            "session.branch" => Some(json!({
                "session_id": session.id().as_str(),
                "stored_session_id": record.key.as_str(),
                "parent": self.gateway.sessions.find(request.session())?.read(|parent| parent.key.to_string()),
            })),
            "session.title" if request.params["title"].is_null() => {
                let stored = self.rows.row(&record.key).and_then(|row| row.title.clone());
                let title = stored.or_else(|| record.details.pending_title.clone());
                Some(json!({"title": title.unwrap_or_default(), "session_key": record.key.as_str()}))
            }
            _ => None,
        }
    }

    /// The true answer of a resume. The prompt of the turn that runs is shown beside the messages, not among them.
    fn resumed(&self, session: &Session, record: &Record) -> Value {
        let turn = record.turn.as_ref().filter(|turn| !turn.user.is_empty());
        let messages = &record.transcript.messages;
        let last_prompt = messages.iter().rposition(|message| message.role == Role::User);
        let own = turn.and_then(|turn| {
            let is_own = |place: &usize| messages[*place].content.as_deref() == Some(&turn.user);
            let is_there = |place: &usize| turn.phase != TurnPhase::Claimed || place + 1 == messages.len();
            last_prompt.filter(is_own).filter(is_there)
        });
        let before = &messages[..own.unwrap_or(messages.len())];
        let mut truth = json!({
            "session_id": session.id().as_str(),
            "resumed": record.agent.row.as_str(),
            "session_key": record.key.as_str(),
            "message_count": before.len(),
            "messages": shown(before),
            "info": self.info(record),
            "inflight": turn.map(|turn| json!({"user": turn.user, "assistant": turn.assistant, "streaming": true})),
            "running": record.turn.is_some(),
            "started_at": record.details.started_at.as_seconds(),
            "status": status(record),
        });
        if self.behavior.queue.storage() == Storage::Rows {
            truth["waiting"] = record.queue.iter().map(|queued| queued.text.as_str()).collect();
            truth["unfinished"] = unfinished(before).into();
        }
        truth
    }

    fn info(&self, record: &Record) -> Value {
        json!({
            "model": self.model(record),
            "tools": {},
            "skills": {},
            "branch": "",
            "profile_name": "default",
            "cwd": record.details.cwd.as_deref().unwrap_or_default(),
            "running": record.turn.is_some(),
            "lazy": record.agent.state != AgentState::Ready,
        })
    }

    /// The model of the session's row. A session without a row may have any, and so may one whose model a client has asked to
    /// change: the row has it a little later. One that is being opened learns it with its messages.
    fn model<'b>(&'b self, record: &'b Record) -> &'b str {
        let own = record.details.model.as_deref().unwrap_or(&self.settings.model);
        let row = self.rows.row(&record.agent.row).filter(|_| record.stage != SessionStage::Opening);
        let is_changing = |row: &SessionRow| self.models.is_asked(own) || self.rows.was_asked_model(&row.id);
        row.filter(|row| !is_changing(row)).and_then(|row| row.model.as_deref()).unwrap_or(own)
    }

    /// The true list of live sessions. Their titles are read one after the other, and are not compared.
    fn lives(&self, result: &Value) -> Value {
        let live = self.gateway.sessions.all();
        let shown = live.iter().filter(|session| session.read(|record| record.stage != SessionStage::Finalized));
        let sessions: Vec<Value> = shown.map(|session| session.read(|record| self.live(session, record))).collect();
        let count = result["sessions"].as_array().map_or(0, Vec::len);
        // Fields are compared one by one; an entry more or fewer is a difference of the count.
        if count == sessions.len() { json!({"sessions": sessions}) } else { json!({"sessions": sessions.len()}) }
    }

    fn live(&self, session: &Session, record: &Record) -> Value {
        json!({
            "id": session.id().as_str(),
            "session_key": record.key.as_str(),
            "preview": preview(&record.transcript.messages),
            "model": self.model(record),
            "message_count": record.transcript.messages.len(),
            "started_at": record.details.started_at.as_seconds(),
            "last_active": record.details.last_active.wall.as_seconds(),
            "status": status(record),
        })
    }

    /// The true list of stored sessions, in the order of the answer, which another claim judges.
    fn lists(&self, method: &str, result: &Value) -> Value {
        let roots = self.rows.rows().iter().filter(|row| row.parent.is_none() || row.branched_from.is_some());
        let entries: Vec<Value> = roots.filter(|row| row.source != "tool").map(|root| self.listed(root)).collect();
        if method == "session.most_recent" {
            let first = entries.iter().find(|entry| entry["id"] == result["session_id"]);
            return match (first, entries.is_empty()) {
                (Some(entry), _) => {
                    json!({"session_id": entry["id"], "title": entry["title"], "started_at": entry["started_at"], "source": entry["source"]})
                }
                (None, true) => json!({"session_id": null}),
                (None, false) => json!({"session_id": entries[0]["id"]}),
            };
        }
        let found = result["sessions"].as_array().filter(|found| found.len() == entries.len().min(LISTED_MAX));
        let Some(found) = found else { return json!({"sessions": entries.len()}) };
        let of = |listed: &Value| entries.iter().find(|entry| entry["id"] == listed["id"]).cloned();
        let sessions: Vec<Value> =
            found.iter().map(|listed| of(listed).unwrap_or_else(|| json!({"id": null}))).collect();
        json!({"sessions": sessions})
    }

    /// The true entry of a conversation: the newest row of its chain, with the beginning of its first.
    fn listed(&self, root: &SessionRow) -> Value {
        let newest = match root.end_reason.as_deref() {
            Some("compression") => self.rows.newest(&root.id),
            _ => root.id.clone(),
        };
        let tip = self.rows.row(&newest).unwrap_or(root);
        json!({
            "id": tip.id.as_str(),
            "title": tip.title.as_deref().unwrap_or_default(),
            "preview": preview(self.messages(&tip.id)),
            "started_at": root.started_at.as_seconds(),
            "message_count": tip.message_count,
            "source": root.source,
        })
    }

    fn messages(&self, row: &StoredId) -> &[NewMessage] {
        self.rows.messages(row)
    }
}

/// The first field of `truth` that `found` has otherwise: its name, the true value, the value that was found.
fn difference(name: &str, truth: &Value, found: &Value) -> Option<(String, Value, Value)> {
    match (truth, found) {
        (Value::Object(fields), Value::Object(_)) => {
            let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
            fields.iter().find_map(|(key, value)| difference(&below(key), value, &found[key]))
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let below = |place: usize| format!("{name}[{place}]");
            let mut pairs = items.iter().zip(others).enumerate();
            pairs.find_map(|(place, (item, other))| difference(&below(place), item, other))
        }
        _ => (truth != found).then(|| (name.to_owned(), truth.clone(), found.clone())),
    }
}

/// The first field of an answer that has no counterpart in the truth, without the places in lists.
fn unknown(name: &str, truth: &Value, found: &Value) -> Option<String> {
    match (truth, found) {
        (Value::Object(fields), Value::Object(others)) => others.iter().find_map(|(key, value)| {
            let below = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            fields.get(key).map_or(Some(below.clone()), |truth| unknown(&below, truth, value))
        }),
        (Value::Array(items), Value::Array(others)) => {
            items.iter().zip(others).find_map(|(item, other)| unknown(name, item, other))
        }
        _ => None,
    }
}

/// The fields of answers that other claims judge: method, field, claim.
pub(crate) const JUDGED_ELSEWHERE: [(&str, &str, &str); 8] = [
    ("session.resume", "latest_seq", "event_numbers_have_no_gaps"),
    ("session.resume", "missed", "missed_events_are_replayed"),
    ("session.activate", "latest_seq", "event_numbers_have_no_gaps"),
    ("session.resume", "pending", "open_questions_are_shown"),
    ("session.activate", "pending", "open_questions_are_shown"),
    ("session.active_list", "sessions.title", "titles_are_stored"),
    ("session.branch", "title", "titles_are_stored"),
    ("session.list", "sessions.last_active", "lists_are_sorted_by_activity"),
];

fn is_judged_elsewhere(method: &str, field: &str) -> bool {
    JUDGED_ELSEWHERE.iter().any(|(of, name, _)| (*of, *name) == (method, field))
}

/// How many tools a message calls.
fn calls(message: &NewMessage) -> usize {
    let calls = message.tool_calls.as_deref().map(serde_json::from_str::<Vec<Value>>);
    calls.map_or(0, |calls| calls.map_or(0, |calls| calls.len()))
}

/// The last prompt, if no final message of the agent ends the conversation.
fn unfinished(messages: &[NewMessage]) -> Option<&str> {
    let last = messages.last()?;
    let is_open = last.role != Role::Assistant || last.tool_calls.is_some();
    let prompt = messages.iter().rfind(|message| message.role == Role::User)?;
    prompt.content.as_deref().filter(|_| is_open)
}

/// Messages as clients see them (spec §4.6): without those that only call tools.
fn shown(messages: &[NewMessage]) -> Vec<Value> {
    let is_seen = |message: &&NewMessage| {
        let is_empty = message.content.as_deref().unwrap_or_default().is_empty();
        !(message.role == Role::Assistant && is_empty && message.tool_calls.is_some())
    };
    let show = |message: &NewMessage| {
        let text = message.content.as_deref().unwrap_or_default();
        match &message.tool_name {
            Some(name) if message.role == Role::Tool => {
                json!({"role": "tool", "name": name, "context": "", "text": text})
            }
            _ => json!({"role": message.role.as_str(), "text": text}),
        }
    };
    messages.iter().filter(is_seen).map(show).collect()
}

/// The beginning of the first prompt.
fn preview(messages: &[NewMessage]) -> String {
    let prompt = messages.iter().find(|message| message.role == Role::User && message.content.is_some());
    prompt.and_then(|message| message.content.as_deref()).unwrap_or_default().chars().take(PREVIEW).collect()
}

/// The live status (spec §2): a question outranks a build, and a build outranks a turn.
fn status(record: &Record) -> &'static str {
    if record.question.is_some() {
        "waiting"
    } else if record.agent.state == AgentState::Building {
        "starting"
    } else if record.turn.is_some() {
        "working"
    } else {
        "idle"
    }
}
