//! The turns of all sessions: which prompt starts one, and which events belong to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::notes::{Kind, Notes};
use super::turn::{End, Turn};
use crate::reduce::shown;
use gateway_core::agent::QuestionKind;

/// The turns so far.
pub(super) struct Turns {
    merges: bool,
    /// In the order of their beginnings.
    pub(super) turns: Vec<Turn>,
    /// By runtime id, the turn that runs.
    running: BTreeMap<String, usize>,
    /// By runtime id, the prompts that no turn has taken, oldest first.
    waiting: BTreeMap<String, Vec<Waiting>>,
    /// The numbers of the events that were seen, by runtime id: several clients may get one.
    numbers: BTreeMap<String, BTreeSet<u64>>,
}

/// A prompt that waits for its turn.
struct Waiting {
    /// The number of its step.
    step: usize,
    text: Value,
    queued: bool,
}

/// Events that end nothing and begin nothing: only their time tells that the agent lives.
const SIGNS: [&str; 5] =
    ["reasoning.available", "reasoning.delta", "session.title", "thinking.delta", "tool.generating"];

/// Events about a session rather than a turn, which the story reads itself.
const OF_SESSION: [&str; 3] = ["gateway.ready", "question.resolved", "session.info"];

impl Turns {
    pub(super) fn new(merges: bool) -> Self {
        Self { merges, turns: Vec::new(), running: BTreeMap::new(), waiting: BTreeMap::new(), numbers: BTreeMap::new() }
    }

    /// A client has submitted a prompt with the step of this number.
    pub(super) fn prompted(&mut self, runtime: &str, step: usize, text: Value) {
        self.waiting.entry(runtime.to_owned()).or_default().push(Waiting { step, text, queued: false });
    }

    /// The gateway has answered a prompt. One that was refused, or given to the running turn, starts none.
    pub(super) fn accepted(&mut self, runtime: &str, step: usize, answer: &Value) {
        let Some(waiting) = self.waiting.get_mut(runtime) else { return };
        let status = answer["result"]["status"].as_str();
        if answer.get("error").is_some() || status == Some("steered") {
            waiting.retain(|prompt| prompt.step != step);
        } else if status == Some("queued") {
            waiting.iter_mut().filter(|prompt| prompt.step == step).for_each(|prompt| prompt.queued = true);
        }
    }

    /// A client has answered the question of a session.
    pub(super) fn answered(&mut self, runtime: &str, at: u64) {
        if let Some(place) = self.running.get(runtime) {
            self.turns[*place].answered(at);
        }
    }

    /// An event of a session.
    pub(super) fn notice(&mut self, at: u64, notice: &Value, notes: &mut Notes) {
        let kind = notice["type"].as_str().unwrap_or_default();
        let Some(runtime) = notice["session_id"].as_str().filter(|_| !OF_SESSION.contains(&kind)) else { return };
        if let Some(number) = notice["seq"].as_u64()
            && !self.numbers.entry(runtime.to_owned()).or_default().insert(number)
        {
            return;
        }
        match kind {
            "message.start" => self.begin(at, runtime, notes),
            _ => self.event(at, runtime, kind, &notice["payload"], notes),
        }
    }

    fn begin(&mut self, at: u64, runtime: &str, notes: &mut Notes) {
        let waiting = self.waiting.entry(runtime.to_owned()).or_default();
        if waiting.is_empty() {
            return notes.count(Kind::OwnTurn, runtime);
        }
        let first = waiting.remove(0);
        if self.merges && first.queued {
            waiting.retain(|prompt| !prompt.queued);
        }
        self.running.insert(runtime.to_owned(), self.turns.len());
        self.turns.push(Turn::new(runtime, first.step, first.text, at));
    }

    fn event(&mut self, at: u64, runtime: &str, kind: &str, payload: &Value, notes: &mut Notes) {
        let running = self.running.get(runtime).copied();
        // A review follows the end of its turn.
        if kind == "review.summary" {
            let last = self.turns.iter_mut().rfind(|turn| turn.runtime == runtime);
            return last.map_or((), |turn| turn.reviewed(at, &payload["text"]));
        }
        let Some(turn) = running.map(|place| &mut self.turns[place]) else {
            let kind_of = if is_known(kind) { Kind::Event } else { Kind::UnknownEvent };
            return notes.count(kind_of, kind);
        };
        turn.sign(at);
        match kind {
            "tool.start" => turn.call(at, &payload["tool_id"], payload["name"].as_str().unwrap_or("tool")),
            "tool.complete" => turn.result(at, &payload["tool_id"]),
            "message.delta" => turn.said(at, &payload["text"]),
            "message.interim" => turn.interim(at, &payload["text"]),
            "status.update" if payload["kind"] == "compressing" => turn.compresses(at),
            "message.complete" => {
                let end = match payload["status"].as_str() {
                    Some("interrupted") => End::Interrupted,
                    Some("error") => End::Failed(shown(&payload["text"])),
                    _ => End::Complete(payload["text"].clone()),
                };
                turn.end(at, end);
                self.running.remove(runtime);
            }
            "error" => {
                turn.end(at, End::Failed(shown(&payload["message"])));
                self.running.remove(runtime);
            }
            _ => match asked(kind) {
                Some(question) => turn.ask(at, question, payload),
                None if SIGNS.contains(&kind) || is_known(kind) => notes.count(Kind::Event, kind),
                None => notes.count(Kind::UnknownEvent, kind),
            },
        }
    }
}

/// The kind of question that an event asks.
fn asked(kind: &str) -> Option<QuestionKind> {
    [QuestionKind::Clarify, QuestionKind::Sudo, QuestionKind::Secret, QuestionKind::Approval]
        .into_iter()
        .find(|question| question.event() == kind)
}

fn is_known(kind: &str) -> bool {
    const KNOWN: [&str; 8] = [
        "error",
        "message.complete",
        "message.delta",
        "message.interim",
        "review.summary",
        "status.update",
        "tool.complete",
        "tool.start",
    ];
    SIGNS.contains(&kind) || KNOWN.contains(&kind) || asked(kind).is_some()
}
