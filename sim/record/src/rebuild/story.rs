//! Goes through the entries once, and puts the scenario together.

mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use gateway_core::Method;
use gateway_core::agent::script::CONTINUE;
use gateway_core::clock::Millis;
use serde_json::Value;
use sim_scenario::{
    Action, AgentSettings, AnsweredQuestion, InitialSession, Naming, OnSkip, Prompt, RequestStep, Scenario,
};

use super::answers::Answer;
use super::connections::Connections;
use super::names::Sessions;
use super::notes::{Kind, Notes};
use super::requests;
use super::script::Script;
use super::seen::{Known, Seen};
use super::turn::{Rest, Turn};
use super::turns::Turns;
use super::{Choices, Recorded, expected};
use crate::journal::{Entry, Event};
use crate::reduce::shown;
use crate::rows::Stored;

/// The scenario so far.
pub(super) struct Story<'a> {
    seen: &'a Seen<'a>,
    rows: Option<&'a [Stored]>,
    script: Script,
    sessions: Sessions,
    turns: Turns,
    connections: Connections,
    notes: Notes,
    initial: Vec<InitialSession>,
    /// The requests that wait for an answer, by connection and id.
    asked: BTreeMap<(u64, String), Asked<'a>>,
    /// The questions that each connection received, by runtime id, and whether each has an id.
    questions: BTreeMap<(u64, String), Vec<Option<String>>>,
    /// The reads that each client has made.
    reads: BTreeSet<(String, String)>,
    /// Sessions whose agent is being built, with the place of the build and its beginning.
    building: BTreeMap<String, (usize, u64)>,
    builds: Vec<Millis>,
    /// The runtime ids of which an event has said that their agent is there.
    built: BTreeSet<String>,
}

/// A request without an answer yet.
struct Asked<'a> {
    method: String,
    /// The answer that will come.
    answer: Option<Answer<'a>>,
    /// The number of its step.
    step: Option<usize>,
    /// The session that it creates or resumes, or on whose prompt it is.
    session: Option<usize>,
    runtime: Option<String>,
    /// The place of the build of the agent that it starts.
    build: Option<usize>,
    /// Whether the step may have no effect.
    on_skip: OnSkip,
}

/// A build that takes less is none: the gateway's own delays are longer.
const BUILD_MIN: Millis = Millis(250);

impl<'a> Story<'a> {
    pub(super) fn new(seen: &'a Seen<'a>, rows: Option<&'a [Stored]>) -> Self {
        Self {
            seen,
            rows,
            script: Script::default(),
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
            built: BTreeSet::new(),
        }
    }

    /// Takes the entry at this place.
    pub(super) fn take(&mut self, place: usize, entry: &Entry) {
        let (at, connection) = (entry.at, entry.connection);
        let client = self.seen.clients.get(&connection);
        match (&entry.event, client) {
            (Event::Connected { .. }, Some(client)) => {
                self.connections.connected(at, connection, client, &mut self.script, &mut self.notes);
            }
            (Event::Connected { path }, None) => self.notes.count(Kind::OtherConnection, path),
            (Event::Request(request), Some(client)) => self.request(place, entry, client, request),
            (Event::Answer(answer), Some(_)) => self.answer(at, connection, answer),
            (Event::Notice(notice), Some(_)) => self.notice(at, connection, notice),
            (Event::Ended { by, how }, _) => {
                self.connections.ended(at, connection, *by, *how, &mut self.script);
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

    fn request(&mut self, place: usize, entry: &Entry, client: &str, request: &Value) {
        let (at, connection) = (entry.at, entry.connection);
        let method = request["method"].as_str().unwrap_or_default();
        let mut asked = Asked {
            method: method.to_owned(),
            answer: self.seen.answers.to(place),
            step: None,
            session: None,
            runtime: None,
            build: None,
            on_skip: OnSkip::Fails,
        };
        if let Some(mut request_step) = self.request_step(at, connection, client, request, &mut asked) {
            self.announce(&mut asked, &mut request_step);
            let prompts = matches!(request_step, RequestStep::Prompt { .. });
            let number = self.script.push(at, client, request_step);
            if let Some(step) = self.script.step(number) {
                step.on_skip = asked.on_skip;
            }
            if let Some(runtime) = asked.runtime.as_ref().filter(|_| prompts) {
                self.turns.prompted(runtime, number, request["params"]["text"].clone());
            }
            asked.step = Some(number);
        }
        if let Some(id) = request.get("id") {
            self.asked.insert((connection, id.to_string()), asked);
        }
    }

    /// Gives the session that a request leads to its name in the script, which steps before the answer may use already.
    fn announce(&mut self, asked: &mut Asked<'a>, step: &mut RequestStep) {
        let (Some(session), Some(runtime)) = (asked.session, asked.answer.and_then(Answer::runtime)) else { return };
        let known = self.sessions.of_runtime(runtime);
        if known.is_none() && asked.method != "session.branch" {
            asked.build = Some(self.builds.len());
            self.builds.push(Millis::ZERO);
        }
        let place = match known {
            Some(known) => known,
            None if !self.sessions.has_runtime(session) => session,
            // The session has another runtime id from here on; other clients may still use the one before.
            None => {
                let renamed = self.sessions.add();
                if let RequestStep::Resume { name, .. } = step {
                    *name = Some(self.sessions.name(renamed));
                }
                renamed
            }
        };
        self.sessions.announce(place, runtime);
        asked.session = Some(place);
    }

    /// The step of a request; `None` if there is none, which is noted.
    fn request_step(
        &mut self,
        at: u64,
        connection: u64,
        client: &str,
        request: &Value,
        asked: &mut Asked<'a>,
    ) -> Option<RequestStep> {
        let (method, params) = (asked.method.clone(), &request["params"]);
        let runtime = params["session_id"].as_str();
        match method.as_str() {
            "session.create" => {
                let parent = params["parent_session_id"].as_str().and_then(|id| self.sessions.of_stored(id));
                let parent = parent.map(|(place, _)| self.sessions.name(place));
                let session = self.sessions.add();
                asked.session = Some(session);
                self.entitle(session, params, asked);
                return Some(requests::create(self.sessions.name(session), parent, params));
            }
            "session.resume" | "session.delete" => return self.by_stored(params, asked),
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
                self.entitle(place, params, asked);
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
        if let (Some(session), Some(named)) = (asked.session, asked.answer)
            && let Some(runtime) = named.runtime()
        {
            self.sessions.bind(session, runtime, named.stored());
            if let Some(build) = asked.build.filter(|_| !self.built.contains(runtime)) {
                let delay = if asked.method == "session.create" { self.seen.config.build_delay.0 } else { 0 };
                self.building.insert(runtime.to_owned(), (build, at + delay));
            }
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

    fn notice(&mut self, at: u64, connection: u64, notice: &Value) {
        let kind = notice["type"].as_str().unwrap_or_default();
        if let Some(runtime) = notice["session_id"].as_str() {
            if kind == "session.info" && notice["payload"]["lazy"] != true {
                self.built.insert(runtime.to_owned());
                if let Some((place, began)) = self.building.remove(runtime) {
                    self.builds[place] = Millis(at.saturating_sub(began));
                }
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

    pub(super) fn finish(mut self, choices: &Choices) -> Recorded {
        self.connections.settle(&mut self.script, &mut self.notes);
        let turns = self.scripts();
        let steps = std::mem::take(&mut self.script).finish();
        let last = steps.last().map_or(Millis::ZERO, |step| step.at);
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
            until: last.max(Millis(self.seen.end)),
            gateway: self.seen.config.clone(),
            behavior: Vec::new(),
            network: Default::default(),
            store: Default::default(),
            windows: BTreeMap::new(),
            agent: AgentSettings { first_build, ..AgentSettings::default() },
            rows: self.initial.clone(),
            turns,
            steps,
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
            let step = self.script.step(turn.step).map(|step| &mut step.action);
            if let Some(Action::Request(RequestStep::Prompt { prompt, .. })) = step {
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
