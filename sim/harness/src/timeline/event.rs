//! What a run did, as events with a lane each: the trace and the history, told in order.

use std::collections::BTreeMap;

use gateway_core::clock::Uptime;
use serde_json::Value;

use super::Lane;
use crate::coverage::{Client, Life, State, Timers};
use crate::history::{Change, ChangeKind, RowState};
use crate::report::{Outcome, Report};
use crate::task::AnyTask;
use crate::trace::{Entry, Site};
use sim_scenario::table::{ClientLane, ConnectionEvent};

/// One thing to tell.
pub(super) struct Event {
    pub(super) at: Uptime,
    /// Whom it befell; nobody in particular if left out.
    pub(super) lane: Option<Lane>,
    pub(super) text: String,
    pub(super) effect: Effect,
}

/// What an event leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that a lane shows.
    None,
    /// Its lane goes on as this.
    Goes(char),
    /// The process is gone, and with it all that was in memory.
    Forgets,
    /// So many messages were stored, which may be told in one.
    Stores(u64),
    /// Something is wrong with these.
    Wrong(Vec<Lane>),
}

/// How a lane goes on: here, here without a client, twice, or not at all.
pub(super) const HERE: char = '│';
pub(super) const ALONE: char = '┆';
pub(super) const TWICE: char = '║';
pub(super) const GONE: char = ' ';

/// All events of a run.
pub(super) fn all(report: &Report) -> Vec<Event> {
    let mut teller = Teller::new(report);
    let mut changes = report.history.changes.iter().peekable();
    for (place, entry) in report.trace.entries().iter().enumerate() {
        while let Some(change) = changes.next_if(|change| change.entries <= place) {
            teller.change(change);
        }
        let stored = |change: &&Change| change.entries == place + 1 && matches!(change.what, ChangeKind::Row { .. });
        let told_by_its_row = changes.peek().copied().is_some_and(|change| stored(&change));
        teller.entry(entry, told_by_its_row);
    }
    changes.for_each(|change| teller.change(change));
    teller.end();
    teller.events
}

struct Teller<'a> {
    report: &'a Report,
    /// What ids stand for.
    names: BTreeMap<String, String>,
    /// The methods of requests, by client and number.
    asked: BTreeMap<(String, u64), String>,
    events: Vec<Event>,
}

impl<'a> Teller<'a> {
    fn new(report: &'a Report) -> Self {
        let sessions = report.history.sessions.iter().map(|(id, label)| (id.to_string(), label.clone()));
        let rows = report.history.rows.iter().enumerate().map(|(place, id)| (id.to_string(), row_name(place)));
        Self { report, names: sessions.chain(rows).collect(), asked: BTreeMap::new(), events: Vec::new() }
    }

    fn tell(&mut self, at: Uptime, lane: Option<Lane>, text: String, effect: Effect) {
        if let (Effect::Stores(more), Some(last)) = (&effect, self.events.last_mut())
            && let Effect::Stores(count) = &mut last.effect
            && (last.at, &last.lane) == (at, &lane)
        {
            *count += more;
            return;
        }
        self.events.push(Event { at, lane, text, effect });
    }

    fn entry(&mut self, entry: &Entry, told_by_its_row: bool) {
        let client = |name: &str| Some(Lane::Client(name.to_owned()));
        let owner = of_client(&entry.task);
        let text = entry.text.as_str();
        match entry.site {
            Site::Sent => {
                let said = self.sent(owner, text);
                self.tell(entry.at, client(owner), said, Effect::None);
            }
            Site::Received => {
                let said = self.received(owner, text);
                self.tell(entry.at, client(owner), said, Effect::None);
            }
            Site::Connection => {
                let (name, word) = text.split_once(' ').unwrap_or((text, ""));
                let effect = match ConnectionEvent::lane(word) {
                    ClientLane::Begins => Effect::Goes(HERE),
                    ClientLane::Continues => Effect::None,
                    ClientLane::Ends => Effect::Goes(GONE),
                };
                self.tell(entry.at, client(name), text.to_owned(), effect);
            }
            Site::Script => self.tell(entry.at, client(owner), text.to_owned(), Effect::None),
            Site::Process => {
                let effect = if matches!(text, "is killed" | "ends") { Effect::Forgets } else { Effect::None };
                self.tell(entry.at, None, format!("the gateway {text}"), effect);
            }
            Site::Heal => self.tell(entry.at, None, text.to_owned(), Effect::None),
            Site::Commit if told_by_its_row => {}
            Site::Commit | Site::Lookup => self.call(entry),
        }
    }

    /// A call of the store that no row tells of: that it went well goes without saying where it changed nothing.
    fn call(&mut self, entry: &Entry) {
        let (call, result) = entry.text.split_once(" -> ").unwrap_or((&entry.text, ""));
        let word = call.split([' ', '{', '(']).next().unwrap_or(call);
        let goes_without_saying = match entry.site {
            Site::Lookup => result.starts_with("Ok"),
            _ => result.contains("changed: 0"),
        };
        if goes_without_saying {
            return;
        }
        let id = call.split_once("StoredId(\"").and_then(|(_, rest)| rest.split('"').next());
        let lane = id.and_then(|id| self.report.history.rows.iter().position(|row| row.to_string() == id));
        let of = lane.map_or_else(String::new, |place| format!(" of {}", row_name(place)));
        let text = match result {
            "" => self.named(&entry.text),
            _ if result.starts_with("Ok") => format!("store: {word}{of}"),
            _ => format!("store: {word}{of}: {}", self.named(result)),
        };
        self.tell(entry.at, lane.map(Lane::Row), text, Effect::None);
    }

    /// `→ prompt.submit work "refactor"`
    fn sent(&mut self, client: &str, frame: &str) -> String {
        let Ok(frame) = serde_json::from_str::<Value>(frame) else { return format!("→ {frame}") };
        let method = frame["method"].as_str().unwrap_or_default();
        if let Some(id) = frame["id"].as_u64() {
            self.asked.insert((client.to_owned(), id), method.to_owned());
        }
        let mut said = format!("→ {method}");
        for (_, value) in frame["params"].as_object().into_iter().flatten() {
            match value {
                Value::String(text) => {
                    said += " ";
                    said += &self.names.get(text).cloned().unwrap_or_else(|| format!("\"{text}\""));
                }
                Value::Number(number) => said += &format!(" {number}"),
                _ => {}
            }
        }
        said
    }

    /// `← message.complete work`, `← answer to prompt.submit`
    fn received(&self, client: &str, frame: &str) -> String {
        let Ok(frame) = serde_json::from_str::<Value>(frame) else { return format!("← {frame}") };
        if let Some(id) = frame["id"].as_u64() {
            let method = self.asked.get(&(client.to_owned(), id)).map_or("a request", String::as_str);
            return match frame["error"]["message"].as_str() {
                Some(message) => format!("← {method} refused: {}", self.named(message)),
                None => format!("← answer to {method}"),
            };
        }
        let params = &frame["params"];
        let session = params["session_id"].as_str().and_then(|id| self.names.get(id));
        let session = session.map_or_else(String::new, |name| format!(" {name}"));
        let payload = |key: &str| params["payload"][key].as_str().filter(|text| !text.is_empty());
        let about = ["text", "name", "message"].into_iter().find_map(payload);
        let about = about.map_or_else(String::new, |about| format!(" \"{about}\""));
        format!("← {}{session}{about}", params["type"].as_str().unwrap_or_default())
    }

    fn change(&mut self, change: &Change) {
        match &change.what {
            ChangeKind::Session { place, from, to } => self.session(change, *place, *from, *to),
            ChangeKind::Row { place, from, to } => self.row(change.at, *place, from.as_ref(), to.as_ref()),
            ChangeKind::Violation(place) => {
                let violation = &self.report.violations[*place];
                let wrong = self.subjects(&violation.detail);
                self.tell(change.at, None, violation.invariant.to_owned(), Effect::Wrong(wrong));
            }
        }
    }

    fn session(&mut self, change: &Change, place: usize, from: Option<State>, to: State) {
        let name = self.report.history.sessions.get(place).map_or("session", |(_, label)| label.as_str()).to_owned();
        let lane = match (to.stage, to.client) {
            (Life::Finalized, _) => GONE,
            (_, Client::Attached) => HERE,
            (_, Client::Detached) => ALONE,
        };
        let changed = told(from, to);
        if !changed.is_empty() {
            let text = format!("{name}: {}", changed.join(", "));
            self.tell(change.at, Some(Lane::Session(place)), text, Effect::Goes(lane));
        }
        let fired = change.task.tag.role.is_grace();
        let before = from.map_or(Timers::None, |from| from.timers);
        let (timer, goes) = match (before, to.timers) {
            (Timers::None, Timers::None) => return,
            (Timers::None, Timers::Armed) => ("a grace begins", HERE),
            (_, Timers::None) if fired => ("the grace is over", GONE),
            (_, Timers::None) => ("the grace is called off", GONE),
            (Timers::Armed, Timers::Armed) if changed.is_empty() => ("the grace begins again", HERE),
            (Timers::Piled, Timers::Armed) => ("one of the graces is over", HERE),
            (_, Timers::Piled) if before != Timers::Piled => ("one more grace begins", TWICE),
            _ => return,
        };
        self.tell(change.at, Some(Lane::Grace(place)), format!("{name}: {timer}"), Effect::Goes(goes));
    }

    fn row(&mut self, at: Uptime, place: usize, from: Option<&RowState>, to: Option<&RowState>) {
        let (name, lane) = (row_name(place), Some(Lane::Row(place)));
        let Some(to) = to else {
            return self.tell(at, lane, format!("{name} is deleted"), Effect::Goes(GONE));
        };
        if from.is_none() {
            let parent = to.parent.as_ref().map(|id| self.named(&id.to_string()));
            let continues = parent.map_or_else(String::new, |parent| format!(", after {parent}"));
            self.tell(at, lane.clone(), format!("{name} is inserted{continues}"), Effect::Goes(HERE));
        }
        let (messages, ended) = from.map_or((0, None), |from| (from.messages, from.ended.as_ref()));
        if to.messages > messages {
            self.tell(at, lane.clone(), name.clone(), Effect::Stores(to.messages - messages));
        } else if to.messages < messages {
            let text = format!("{name} loses {} of {messages} messages", messages - to.messages);
            self.tell(at, lane.clone(), text, Effect::None);
        }
        if from.is_some_and(|from| from.title != to.title) {
            let title = to.title.as_deref().unwrap_or("nothing");
            self.tell(at, lane.clone(), format!("{name} is titled {title}"), Effect::None);
        }
        match (ended, &to.ended) {
            (None, Some(reason)) => self.tell(at, lane, format!("{name} is ended: {reason}"), Effect::Goes(GONE)),
            (Some(_), None) => self.tell(at, lane, format!("{name} is reopened"), Effect::Goes(HERE)),
            (Some(before), Some(reason)) if before != reason => {
                self.tell(at, lane, format!("{name} is ended otherwise: {reason}"), Effect::None);
            }
            _ => {}
        }
    }

    /// A failure that is no violation ends the run.
    fn end(&mut self) {
        let outcome = self.report.outcome;
        if !matches!(outcome, Outcome::Passed | Outcome::Violated | Outcome::RowsDiffer) {
            let wrong = self.subjects(self.report.detail.as_deref().unwrap_or_default());
            self.tell(self.report.uptime, None, outcome.to_string(), Effect::Wrong(wrong));
        }
    }

    /// The sessions and rows that a text speaks of.
    fn subjects(&self, text: &str) -> Vec<Lane> {
        let named = |name: &str| {
            let mut words = text.split(|letter: char| letter.is_whitespace() || ",:`".contains(letter));
            words.any(|word| word == name || word.split('/').next() == Some(name))
        };
        let history = &self.report.history;
        let sessions = history.sessions.iter().enumerate().filter(|(_, (_, label))| named(label));
        let rows = (0..history.rows.len()).filter(|place| named(&row_name(*place)));
        sessions.map(|(place, _)| Lane::Session(place)).chain(rows.map(Lane::Row)).collect()
    }

    /// The text with names in the place of ids.
    fn named(&self, text: &str) -> String {
        let mut text = text.replace("StoredId(", "").replace("\")", "");
        for (id, name) in &self.names {
            text = text.replace(&format!("\"{id}"), name).replace(id.as_str(), name);
        }
        text
    }
}

/// What is different, in words: `attached → detached`.
fn told(from: Option<State>, to: State) -> Vec<String> {
    let Some(from) = from else { return vec![format!("registered, {}", to.client.word())] };
    let pairs = [
        (from.stage.word(), to.stage.word()),
        (from.client.word(), to.client.word()),
        (from.phase.word(), to.phase.word()),
        (from.waiting.word(), to.waiting.word()),
    ];
    let words = pairs.into_iter().filter(|(before, after)| before != after);
    words
        .map(|(before, after)| match (before, after) {
            ("", after) => after.to_owned(),
            (_, "") => "none waits".to_owned(),
            (before, after) => format!("{before} → {after}"),
        })
        .collect()
}

/// What a row is called: `s1` for the first.
pub(super) fn row_name(place: usize) -> String {
    format!("s{}", place + 1)
}

/// The client that a task serves, or the role of a task that has no owner.
fn of_client(task: &AnyTask) -> &str {
    task.tag.owner.as_deref().unwrap_or(task.tag.role.word())
}
