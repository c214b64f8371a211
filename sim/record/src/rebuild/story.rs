//! Goes through the entries once, and puts the scenario together.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use gateway_core::Method;
use gateway_core::agent::script::CONTINUE;
use gateway_core::clock::Millis;
use gateway_core::store::Role;
use serde_json::Value;
use sim_scenario::{
    Action, AgentSettings, AnsweredQuestion, InitialEnd, InitialMessage, InitialSession, Naming, OnSkip, Prompt,
    RequestStep, ResumeTarget, Scenario, Step,
};

use super::connections::{Connections, step};
use super::names::Sessions;
use super::notes::{Kind, Notes};
use super::requests;
use super::seen::{Known, Seen};
use super::turn::{Rest, Turn};
use super::turns::Turns;
use super::{Choices, Recorded, expected};
use crate::journal::{EarlierRow, Entry, Event};
use crate::reduce::shown;
use crate::rows::Stored;

/// The scenario so far.
pub(super) struct Story<'a> {
    seen: &'a Seen,
    rows: Option<&'a [Stored]>,
    steps: Vec<Step>,
    sessions: Sessions,
    turns: Turns,
    connections: Connections,
    notes: Notes,
    initial: Vec<InitialSession>,
    /// The requests that wait for an answer, by connection and id.
    asked: BTreeMap<(u64, String), Asked>,
    /// The questions that each connection received, by runtime id, and whether each has an id.
    questions: BTreeMap<(u64, String), Vec<Option<String>>>,
    /// The reads that each client has made.
    reads: BTreeSet<(String, String)>,
    /// Sessions whose agent is being built, with the place of the build and its beginning.
    building: BTreeMap<String, (usize, u64)>,
    builds: Vec<Millis>,
}

/// A request without an answer yet.
struct Asked {
    method: String,
    /// The place of its step.
    step: Option<usize>,
    /// The session that it creates or resumes, or on whose prompt it is.
    session: Option<usize>,
    runtime: Option<String>,
}

/// A build that takes less is none: the gateway's own delays are longer.
const BUILD_MIN: Millis = Millis(250);

impl<'a> Story<'a> {
    pub(super) fn new(seen: &'a Seen, rows: Option<&'a [Stored]>) -> Self {
        Self {
            seen,
            rows,
            steps: Vec::new(),
            sessions: Sessions::new(rows),
            turns: Turns::new(seen.merges()),
            connections: Connections::default(),
            notes: Notes::default(),
            initial: Vec::new(),
            asked: BTreeMap::new(),
            questions: BTreeMap::new(),
            reads: BTreeSet::new(),
            building: BTreeMap::new(),
            builds: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, entry: &Entry) {
        let (at, connection) = (entry.at, entry.connection);
        let client = self.seen.clients.get(&connection);
        match (&entry.event, client) {
            (Event::Connected { .. }, Some(client)) => {
                self.connections.connected(at, connection, client, &mut self.steps, &mut self.notes);
            }
            (Event::Connected { path }, None) => self.notes.count(Kind::OtherConnection, path),
            (Event::Request(request), Some(client)) => self.request(at, connection, client, request),
            (Event::Answer(answer), Some(_)) => self.answer(at, connection, answer),
            (Event::Notice(notice), Some(_)) => self.notice(at, connection, notice),
            (Event::Ended { by, how }, _) => {
                self.connections.ended(at, connection, *by, *how, &mut self.steps);
            }
            (Event::Foreign { kind, .. }, _) => self.notes.count(Kind::Foreign, kind),
            (Event::EarlierRow(row), _) => self.earlier(row),
            (Event::Unreachable, _) => {
                self.notes.say(format!("The gateway could not be reached at {}.", Millis(at)));
            }
            (Event::Request(_) | Event::Answer(_) | Event::Notice(_), None)
            | (Event::Began { .. } | Event::Finished, _) => {}
        }
    }

    fn request(&mut self, at: u64, connection: u64, client: &str, request: &Value) {
        let method = request["method"].as_str().unwrap_or_default();
        let mut asked = Asked { method: method.to_owned(), step: None, session: None, runtime: None };
        if let Some(request_step) = self.request_step(at, connection, client, request, &mut asked) {
            asked.step = Some(self.steps.len());
            if let RequestStep::Prompt { .. } = request_step
                && let Some(runtime) = &asked.runtime
            {
                self.turns.prompted(runtime, self.steps.len(), request["params"]["text"].clone());
            }
            self.steps.push(step(at, client, request_step));
        }
        if let Some(id) = request.get("id") {
            self.asked.insert((connection, id.to_string()), asked);
        }
    }

    /// The step of a request; `None` if there is none, which is noted.
    fn request_step(
        &mut self,
        at: u64,
        connection: u64,
        client: &str,
        request: &Value,
        asked: &mut Asked,
    ) -> Option<RequestStep> {
        let (method, params) = (asked.method.clone(), &request["params"]);
        let runtime = params["session_id"].as_str();
        match method.as_str() {
            "session.create" => {
                let parent = params["parent_session_id"].as_str().and_then(|id| self.sessions.of_stored(id));
                let parent = parent.map(|(place, _)| self.sessions.name(place));
                let session = self.sessions.add();
                asked.session = Some(session);
                return Some(requests::create(self.sessions.name(session), parent, params));
            }
            "session.resume" | "session.delete" => return self.by_stored(&method, runtime, params, asked),
            _ if method.ends_with(".respond") => return self.respond(at, connection, &method, params),
            _ => {}
        }
        if let Some(read) = requests::of_none(&method) {
            return self.unless_repeated(client, &method, read);
        }
        let is_step = requests::of_session(&method, String::new(), params).is_some()
            || ["prompt.submit", "session.branch"].contains(&method.as_str());
        if !is_step {
            let kind = if is_known(&method) { Kind::Interface } else { Kind::UnknownRequest };
            self.notes.count(kind, method);
            return None;
        }
        let Some(place) = runtime.and_then(|runtime| self.sessions.of_runtime(runtime)) else {
            self.notes.count(Kind::UnknownSession, method);
            return None;
        };
        asked.runtime = runtime.map(str::to_owned);
        let session = self.sessions.name(place);
        match method.as_str() {
            "prompt.submit" => Some(prompt(session, params)),
            "session.branch" => {
                let branch = self.sessions.add();
                asked.session = Some(branch);
                Some(RequestStep::Branch { session, name: self.sessions.name(branch) })
            }
            _ => {
                if let Some(title) = params.get("title") {
                    self.sessions.entitle(place, shown(title));
                }
                let step = requests::of_session(&method, session, params)?;
                self.unless_repeated(client, &method, step)
            }
        }
    }

    /// The step, unless the client has read the same before.
    fn unless_repeated(&mut self, client: &str, method: &str, step: RequestStep) -> Option<RequestStep> {
        let first = self.reads.insert((client.to_owned(), format!("{step:?}")));
        if requests::only_reads(&step) && !first {
            self.notes.count(Kind::Repeated, method);
            return None;
        }
        Some(step)
    }

    /// A request that names a session by its stored id or its title.
    fn by_stored(&mut self, method: &str, id: Option<&str>, params: &Value, asked: &mut Asked) -> Option<RequestStep> {
        let id = id.map(str::to_owned).or_else(|| params.get("title").map(shown))?;
        let (place, target) = self.sessions.of_stored(&id).unwrap_or_else(|| {
            // A row from before the recording, about which no database says more.
            let place = self.sessions.add();
            self.sessions.bind_stored(place, &id);
            let row = InitialSession { name: Some(self.sessions.name(place)), ..InitialSession::new(&id) };
            self.initial.push(row);
            (place, ResumeTarget::Stored)
        });
        let session = self.sessions.name(place);
        if method == "session.delete" {
            return Some(RequestStep::Delete { session, target });
        }
        asked.session = Some(place);
        let model = params["model"].as_str().map(str::to_owned);
        let last_seen = params["last_seen"].as_u64();
        Some(RequestStep::Resume { session, target, name: None, model, last_seen, mode: requests::mode(params) })
    }

    /// The answer of a user to a question.
    fn respond(&mut self, at: u64, connection: u64, method: &str, params: &Value) -> Option<RequestStep> {
        let id = params["request_id"].as_str();
        let runtime = params["session_id"].as_str();
        let of_connection = || self.questions.iter().filter(|((of, _), _)| *of == connection);
        let found = match (id, runtime) {
            (Some(id), _) => of_connection().find_map(|((_, runtime), asked)| {
                let place = asked.iter().position(|asked| asked.as_deref() == Some(id))?;
                Some((runtime.clone(), place, asked.len()))
            }),
            (None, Some(runtime)) => {
                let asked = self.questions.get(&(connection, runtime.to_owned()));
                asked.map(|asked| (runtime.to_owned(), asked.len() - 1, asked.len()))
            }
            (None, None) => None,
        };
        let found = found.and_then(|found| Some((self.sessions.of_runtime(&found.0)?, found)));
        let Some((session, (runtime, place, count))) = found else {
            self.notes.count(Kind::UnknownQuestion, method);
            return None;
        };
        let has_id = self.questions[&(connection, runtime.clone())][place].is_some();
        self.turns.answered(&runtime, at);
        let to = match u32::try_from(place + 1).ok().and_then(NonZeroU32::new) {
            Some(number) if place + 1 < count => AnsweredQuestion::Numbered(number),
            _ => AnsweredQuestion::Last,
        };
        let naming = if has_id && id.is_none() { Naming::None } else { Naming::Own };
        let text = params["choice"].as_str().map(str::to_owned);
        let text = text.or_else(|| params.get("answer").or(params.get("text")).map(shown)).unwrap_or_default();
        Some(RequestStep::Answer { session: self.sessions.name(session), text: Some(text), to, naming })
    }

    fn answer(&mut self, at: u64, connection: u64, answer: &Value) {
        let Some(asked) = self.asked.remove(&(connection, answer["id"].to_string())) else { return };
        let result = &answer["result"];
        let runtime = result["session_id"].as_str();
        if let (Some(session), Some(runtime)) = (asked.session, runtime) {
            let keys = ["stored_session_id", "session_key", "resumed"];
            let stored = keys.into_iter().find_map(|key| result[key].as_str());
            self.bound(at, &asked, session, runtime, stored);
            let pending = result["pending"].as_array().into_iter().flatten();
            for question in pending {
                self.question(connection, runtime, question["type"].as_str().unwrap_or_default(), &question["payload"]);
            }
        }
        if let (Some(runtime), Some(step), "prompt.submit") = (&asked.runtime, asked.step, asked.method.as_str()) {
            self.turns.accepted(runtime, step, answer);
        }
        for live in result["sessions"].as_array().into_iter().flatten() {
            if let (Some(runtime), Some(key)) = (live["id"].as_str(), live["session_key"].as_str()) {
                self.sessions.learn(runtime, key);
            }
        }
        let missed = result["missed"]["events"].as_array().or(result["events"].as_array());
        for event in missed.into_iter().flatten() {
            self.notice(at, connection, event);
        }
    }

    /// An answer names the session that its request creates or resumes.
    fn bound(&mut self, at: u64, asked: &Asked, session: usize, runtime: &str, stored: Option<&str>) {
        let known = self.sessions.of_runtime(runtime);
        let delay = match asked.method.as_str() {
            "session.create" => self.seen.config.build_delay.0,
            _ => 0,
        };
        if known.is_none() && asked.method != "session.branch" {
            self.building.insert(runtime.to_owned(), (self.builds.len(), at + delay));
            self.builds.push(Millis::ZERO);
        }
        let before = self.sessions.session(session).runtime.clone();
        if before.is_none() || before.as_deref() == Some(runtime) || known.is_some() {
            return self.sessions.bind(known.unwrap_or(session), runtime, stored);
        }
        // The session has another runtime id from here on; other clients may still use the one before.
        let renamed = self.sessions.add();
        let name = self.sessions.name(renamed);
        let step = asked.step.map(|place| &mut self.steps[place].action);
        if let Some(Action::Request(RequestStep::Resume { name: given, .. })) = step {
            *given = Some(name);
        }
        self.sessions.bind(renamed, runtime, stored);
    }

    fn notice(&mut self, at: u64, connection: u64, notice: &Value) {
        let kind = notice["type"].as_str().unwrap_or_default();
        if let Some(runtime) = notice["session_id"].as_str() {
            if kind == "session.info"
                && notice["payload"]["lazy"] != true
                && let Some((place, began)) = self.building.remove(runtime)
            {
                self.builds[place] = Millis(at.saturating_sub(began));
            }
            self.question(connection, runtime, kind, &notice["payload"]);
        }
        self.turns.notice(at, notice, &mut self.notes);
    }

    /// A client has received a question, or once more one that it has received before.
    fn question(&mut self, connection: u64, runtime: &str, kind: &str, payload: &Value) {
        if !kind.ends_with(".request") {
            return;
        }
        let id = payload["request_id"].as_str().map(str::to_owned);
        let asked = self.questions.entry((connection, runtime.to_owned())).or_default();
        if id.is_none() || !asked.contains(&id) {
            asked.push(id);
        }
    }

    /// A row from before the recording.
    fn earlier(&mut self, row: &EarlierRow) {
        let place = self.sessions.add();
        self.sessions.bind_stored(place, &row.id);
        let end = row.end_reason.clone().map(|reason| InitialEnd { ago: Millis::ZERO, reason });
        let messages = row.messages.iter().map(|message| {
            let calls = message.calls.iter().map(
                |id| serde_json::json!({"id": id, "type": "function", "function": {"name": "tool", "arguments": "{}"}}),
            );
            let calls: Vec<Value> = calls.collect();
            InitialMessage {
                role: role(&message.role),
                content: message.content.as_ref().map(shown),
                tool_call_id: message.result_of.clone(),
                tool_calls: (!calls.is_empty()).then(|| Value::Array(calls).to_string()),
                tool_name: message.result_of.as_ref().map(|_| "tool".to_owned()),
                is_active: true,
            }
        });
        self.initial.push(InitialSession {
            name: Some(self.sessions.name(place)),
            source: row.source.clone(),
            title: row.title.as_ref().map(shown),
            end,
            messages: messages.collect(),
            ..InitialSession::new(&row.id)
        });
    }

    pub(super) fn finish(mut self, choices: &Choices) -> Recorded {
        self.connections.settle(&mut self.steps, &mut self.notes);
        let turns = self.scripts();
        let clients = self.seen.clients.len();
        let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let about = format!("A recorded session of {} and {}.", plural(clients, "client"), plural(turns.len(), "turn"));
        let initial: Vec<String> = self.initial.iter().map(|row| row.id.clone()).collect();
        let facts = self.rows.map(|rows| expected::facts(rows, &initial, &self.seen.earlier)).unwrap_or_default();
        while self.builds.last() == Some(&Millis::ZERO) {
            self.builds.pop();
        }
        let is_slow = self.builds.iter().any(|build| *build >= BUILD_MIN);
        let first_build = if is_slow { self.builds.clone() } else { Vec::new() };
        let scenario = Scenario {
            name: choices.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
            path: choices.path.clone(),
            about,
            issues: Vec::new(),
            releases: vec![self.seen.release],
            seed: 0,
            until: Millis(self.seen.end),
            gateway: self.seen.config.clone(),
            behavior: Vec::new(),
            network: Default::default(),
            store: Default::default(),
            windows: BTreeMap::new(),
            agent: AgentSettings { first_build, ..AgentSettings::default() },
            rows: self.initial.clone(),
            turns,
            steps: self.steps.clone(),
            expect: BTreeMap::new(),
            facts,
            on_skip: OnSkip::Fails,
            tapes: BTreeMap::new(),
        };
        Recorded { scenario, notes: [self.origin(), self.notes.lines()].concat() }
    }

    /// Where the file comes from.
    fn origin(&self) -> Vec<String> {
        let release = self.seen.release;
        let known = match (self.seen.known, &self.seen.other_version) {
            (Known::Given, _) => format!("The release, {release}, was given."),
            (Known::Told, _) => format!("The gateway says that it is {release}."),
            (_, Some(version)) => {
                format!("The gateway says that it is {version}, of which there is no model; {release} is assumed.")
            }
            (Known::Numbered, None) => format!("The events have numbers, so the release is {release}."),
            (Known::Assumed, None) => {
                format!("The gateway does not say its release; {release} is assumed (--release).")
            }
        };
        let mut lines = vec![format!("Recorded from {} by `sim record`.", self.seen.gateway), known];
        if !self.seen.finished {
            lines.push("The recorder ended before its recording; this is what it had seen.".to_owned());
        }
        if self.rows.is_none() {
            lines.push("The database was not read (--db), so no rows are expected.".to_owned());
        }
        lines
    }

    /// The turns by name, which their prompts get.
    fn scripts(&mut self) -> BTreeMap<String, gateway_core::agent::script::TurnScript> {
        let mut scripts = BTreeMap::new();
        for (number, turn) in std::mem::take(&mut self.turns.turns).into_iter().enumerate() {
            let name = name(&turn, number, &scripts);
            if let Action::Request(RequestStep::Prompt { prompt, .. }) = &mut self.steps[turn.step].action {
                *prompt = Prompt::Turn(name.clone());
            }
            let (rotations, last) = self.stored(&turn);
            let rest = match last {
                Some(at) if turn.ended.is_none() && at > turn.last => Rest::AnsweredAt(at),
                _ => Rest::RunsAt(self.seen.end),
            };
            if turn.ended.is_none() {
                let end = match rest {
                    Rest::AnsweredAt(at) => format!("its answer was stored at {}", Millis(at)),
                    Rest::RunsAt(_) => "how long it took is not known".to_owned(),
                };
                self.notes.say(format!("No client has seen the end of `{name}`; {end}."));
            }
            scripts.insert(name, turn.script(&rotations, rest));
        }
        scripts
    }

    /// The times at which rows of the turn's session were rotated, and at which its last answer was stored.
    fn stored(&self, turn: &Turn) -> (Vec<u64>, Option<u64>) {
        let at = |seconds: f64| (seconds * 1000.0) as u64;
        let since = |seconds: f64| at(seconds).checked_sub(self.seen.wall_ms);
        let rows = self.rows.unwrap_or_default().iter();
        let of_session: Vec<&Stored> = rows
            .filter(|stored| self.sessions.runtimes_of_row(&stored.row.id).contains(turn.runtime.as_str()))
            .collect();
        let rotated = of_session.iter().filter(|stored| stored.row.end_reason.as_deref() == Some("compression"));
        let rotations = rotated.filter_map(|stored| since(stored.row.ended_at?)).collect();
        let answers = of_session.iter().filter_map(|stored| stored.last.as_ref()).filter(|last| last.is_answer);
        (rotations, answers.filter_map(|last| since(last.at)).max())
    }
}

/// The name of a turn: the text of its prompt where that is kept and names no other, otherwise a number.
fn name<T>(turn: &Turn, number: usize, scripts: &BTreeMap<String, T>) -> String {
    let kept = turn.text.as_str().filter(|text| !text.trim().is_empty() && *text != CONTINUE);
    let free = kept.filter(|text| !scripts.contains_key(*text));
    free.map_or_else(|| format!("turn_{}", number + 1), str::to_owned)
}

fn prompt(session: String, params: &Value) -> RequestStep {
    RequestStep::Prompt {
        session,
        prompt: Prompt::Text(shown(&params["text"])),
        truncate: params["truncate_before_user_ordinal"].as_i64(),
        key: params["idempotency_key"].as_str().map(str::to_owned),
    }
}

/// Whether this project's gateway has the method.
fn is_known(method: &str) -> bool {
    Method::ALL.iter().any(|known| known.name() == method)
}

fn role(text: &str) -> Role {
    serde_json::from_value(text.into()).unwrap_or(Role::User)
}
