//! Requests that name a session by what the database has: its stored id, or its title.

use gateway_core::clock::Millis;
use gateway_core::store::Role;
use serde_json::{Value, json};
use sim_scenario::{InitialEnd, InitialMessage, InitialSession, OnSkip, RequestStep, ResumeTarget};

use super::{Asked, Story};
use crate::journal::EarlierRow;
use crate::rebuild::answers::Answer;
use crate::rebuild::notes::Kind;
use crate::rebuild::requests;
use crate::reduce::shown;

/// How a request names its session.
enum Given<'p> {
    /// By an id, as text that no one has written.
    Id(&'p str),
    /// By a title, reduced.
    Title(String),
}

impl<'a> Story<'a> {
    /// The step of a `session.resume` or `session.delete`; `None` if the session does not exist, which is noted.
    pub(super) fn by_stored(&mut self, params: &Value, asked: &mut Asked<'a>) -> Option<RequestStep> {
        let given = match (params["session_id"].as_str(), params.get("title")) {
            (Some(id), _) => Given::Id(id),
            (None, title) => Given::Title(shown(title?).trim().to_owned()),
        };
        let Some((place, target)) = self.meant(&given, asked.answer) else {
            self.notes.count(Kind::NoSession, asked.method.as_str());
            return None;
        };
        // It was refused because no row had the title, or for another reason: a run may find either.
        if target == ResumeTarget::Title && asked.answer.is_some_and(Answer::refuses) {
            asked.on_skip = OnSkip::Allowed;
        }
        let session = self.sessions.name(place);
        if asked.method == "session.delete" {
            return Some(RequestStep::Delete { session, target });
        }
        asked.session = Some(place);
        let model = params["model"].as_str().map(str::to_owned);
        let last_seen = params["last_seen"].as_u64();
        Some(RequestStep::Resume { session, target, name: None, model, last_seen, mode: requests::mode(params) })
    }

    /// The session that a request means, and how the step names it. A title may have come from elsewhere than the frames; then
    /// the answer says which session has it.
    fn meant(&mut self, given: &Given<'_>, answer: Option<Answer<'_>>) -> Option<(usize, ResumeTarget)> {
        let named = match given {
            Given::Id(id) => self.sessions.of_stored(id),
            Given::Title(text) => self.sessions.of_title(text),
        };
        let reached = answer.and_then(|answer| self.reached(answer));
        match (given, named, reached) {
            (Given::Id(_), Some(named), _) | (Given::Title(_), Some(named), None) => Some(named),
            (Given::Title(_), Some(named), Some(reached)) if self.sessions.are_one(named.0, reached.0) => Some(named),
            (_, _, Some(reached)) => {
                let session = self.sessions.name(reached.0);
                self.notes.say(format!(
                    "A client named `{session}` by a title or an id that no step gives; the step has its {} id.",
                    reached.1.name()
                ));
                Some(reached)
            }
            (_, None, None) => self.unknown(given, answer),
        }
    }

    /// The session that an answer names, by its stored id if that is known, otherwise as the newest row of a live one.
    fn reached(&self, answer: Answer<'_>) -> Option<(usize, ResumeTarget)> {
        let stored = answer.stored().and_then(|id| self.sessions.of_stored(id));
        let live = || answer.runtime().and_then(|runtime| self.sessions.of_runtime(runtime));
        stored.or_else(|| live().map(|place| (place, ResumeTarget::Tip)))
    }

    /// A row from before the recording, about which no database says more than the answer does.
    fn unknown(&mut self, given: &Given<'_>, answer: Option<Answer<'_>>) -> Option<(usize, ResumeTarget)> {
        let (id, title) = match given {
            Given::Id(_) if answer.is_some_and(Answer::finds_nothing) => return None,
            Given::Id(id) => ((*id).to_owned(), None),
            Given::Title(title) => (answer.and_then(Answer::stored)?.to_owned(), Some(title.clone())),
        };
        let place = self.sessions.add();
        self.sessions.bind_stored(place, &id);
        let row = InitialSession { name: Some(self.sessions.name(place)), ..InitialSession::new(id) };
        self.initial.push(InitialSession { title: title.clone(), ..row });
        let Some(title) = title else { return Some((place, ResumeTarget::Stored)) };
        self.sessions.entitle(place, title.clone());
        self.sessions.of_title(&title)
    }

    /// A client gives a session a title, unless the gateway refuses it.
    pub(super) fn entitle(&mut self, place: usize, params: &Value, asked: &Asked<'_>) {
        if let Some(title) = params.get("title")
            && !asked.answer.is_some_and(Answer::refuses)
        {
            self.sessions.entitle(place, shown(title).trim().to_owned());
        }
    }

    /// A row from before the recording.
    pub(super) fn earlier(&mut self, row: &EarlierRow) {
        let place = self.sessions.add();
        self.sessions.bind_stored(place, &row.id);
        let title = row.title.as_ref().map(shown);
        if let Some(title) = title.clone() {
            self.sessions.entitle(place, title);
        }
        let end = row.end_reason.clone().map(|reason| InitialEnd { ago: Millis::ZERO, reason });
        let messages = row.messages.iter().map(|message| {
            let call =
                |id: &String| json!({"id": id, "type": "function", "function": {"name": "tool", "arguments": "{}"}});
            let calls: Vec<Value> = message.calls.iter().map(call).collect();
            InitialMessage {
                role: role(&message.role),
                content: message.content.as_ref().map(shown),
                tool_call_id: message.result_of.clone(),
                tool_calls: (!calls.is_empty()).then(|| Value::Array(calls).to_string()),
                tool_name: message.result_of.as_ref().map(|_| "tool".to_owned()),
                is_active: true,
            }
        });
        let mut initial = InitialSession {
            name: Some(self.sessions.name(place)),
            source: row.source.clone(),
            title,
            end,
            messages: messages.collect(),
            ..InitialSession::new(&row.id)
        };
        let mut before = self.initial.iter_mut();
        if let Some(parent) = before.find(|before| Some(&before.id) == row.parent.as_ref()) {
            self.sessions.continues(&row.id, &parent.id);
            // A row begins when the one that it continues has ended, which is what tells it from a branch.
            initial.parent = Some(parent.id.clone());
            initial.started = Millis(parent.started.0 / 2);
            parent.end.iter_mut().for_each(|end| end.ago = Millis(parent.started.0 / 2));
        }
        self.initial.push(initial);
    }
}

fn role(text: &str) -> Role {
    serde_json::from_value(text.into()).unwrap_or(Role::User)
}
