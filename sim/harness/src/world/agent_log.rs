//! What the agents did, and when. Claims judge the gateway by it, not by the gateway's own account of a turn.

use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use gateway_core::agent::{Question, TurnEvent};
use gateway_core::clock::{Millis, Uptime};
use gateway_core::store::NewMessage;

use super::mirror::talk;

/// The turns of a run, by the label of their session, oldest first.
#[derive(Default)]
pub(crate) struct AgentLog {
    turns: RefCell<BTreeMap<String, Vec<AgentTurn>>>,
    /// How many conversations agents were given.
    given: Cell<usize>,
    /// How many answers to questions agents have received.
    answers: Cell<usize>,
    /// The agents that were built, by the label of the session for which they were, oldest first.
    builds: RefCell<BTreeMap<String, Vec<Build>>>,
    /// When the agent of a session last began or delivered a summary that is no part of its turn.
    summaries: RefCell<BTreeMap<String, Uptime>>,
    /// How turns were asked to stop that their agents had not begun, by the label of the session, oldest first.
    early_stops: RefCell<BTreeMap<String, Vec<EarlyStop>>>,
    /// The sessions whose turn is asked to stop.
    stopping: RefCell<BTreeSet<String>>,
    /// The sessions whose turns have started a background job, by its name.
    jobs: RefCell<BTreeMap<String, BTreeSet<String>>>,
    /// The sessions whose agent was given a conversation that a model provider refuses, with the reason.
    refused: RefCell<Vec<(String, String)>>,
    /// When each question was over, by its id; none as long as its agent waits for the answer. The ids are those that the
    /// simulator has drawn for the gateway.
    questions: RefCell<BTreeMap<String, Option<Uptime>>>,
    /// The sessions whose agents have done something since the last `take_changed`.
    changed: RefCell<BTreeSet<String>>,
    /// How the process is ending at this instant: a turn that is dropped then was not stopped.
    severed: Cell<Option<Severing>>,
}

/// How the tasks of a process come to their end with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severing {
    /// The process is killed, or crashes.
    Kill,
    /// The process exits after a signal.
    Exit,
}

/// An agent that was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Build {
    /// When its build had succeeded.
    pub(crate) at: Uptime,
    /// Whether the gateway has let go of it since.
    pub(crate) is_dropped: bool,
}

/// The work of an agent on one prompt.
pub(crate) struct AgentTurn {
    /// The prompt that its agent was given.
    pub(crate) prompt: String,
    /// When its agent began to work on it.
    pub(crate) began: Uptime,
    /// When its agent reported last; at first when it began.
    pub(crate) reported: Uptime,
    /// When its agent last reported the result of a tool, with which it reads steers.
    pub(crate) read: Option<Uptime>,
    /// The answers to its questions, in the order of the questions.
    pub(crate) answers: Vec<Answered>,
    /// How it was stopped before its end, if it was.
    pub(crate) stop: Option<Stop>,
    /// How it was asked to stop before its agent began it, if it was.
    stopped_early: Option<Stop>,
    /// When it was seen that it was asked to stop. An agent whose tool cannot be interrupted finds that later.
    asked_to_stop: Option<Uptime>,
    /// Whether its agent compresses the conversation.
    compressing: bool,
    /// Whether it has compressed it, or has begun to.
    pub(crate) has_compressed: bool,
    /// Whether it was asked to stop while its agent compressed the conversation.
    pub(crate) stopped_compressing: bool,
    /// When it ended, or was cut off.
    pub(crate) over: Option<Uptime>,
    /// The question that has no answer.
    asked: Option<Asked>,
    /// How many of its answers are in the results that its agent has reported.
    in_results: usize,
    /// How many of them the gateway has dealt with: it has asked the agent for the next event since.
    dealt_with: usize,
    /// Whether a kill of the process cut it off.
    was_killed: bool,
    /// Its calls that have no result.
    calls: Vec<Call>,
}

/// A call of an agent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Tool,
    Question,
}

/// A question that an agent has asked.
struct Asked {
    question: Question,
    at: Uptime,
    /// The id that the simulator has drawn for it.
    id: Option<String>,
}

/// An answer to a question, as the agent received it.
pub(crate) struct Answered {
    pub(crate) question: Question,
    /// When the question was asked.
    pub(crate) asked_at: Uptime,
    /// The id of the question.
    pub(crate) id: Option<String>,
    pub(crate) text: String,
    pub(crate) at: Uptime,
}

/// The stop of a turn that its agent had not begun.
#[derive(Clone, Copy)]
pub(crate) struct EarlyStop {
    pub(crate) stop: Stop,
    /// How many turns of the session had begun before.
    pub(crate) turns: usize,
    /// Whether it has not begun yet.
    is_open: bool,
}

/// The stop of a turn.
#[derive(Clone, Copy)]
pub(crate) struct Stop {
    /// When it was asked to stop, or was dropped.
    pub(crate) at: Uptime,
    /// How long it had reported nothing by then.
    pub(crate) silence: Millis,
    /// Whether a tool was running.
    pub(crate) in_tool: bool,
    /// Whether its agent had begun the turn.
    pub(crate) has_begun: bool,
}

impl AgentLog {
    /// The turns of all sessions, by the label of the session.
    pub(crate) fn turns(&self) -> Ref<'_, BTreeMap<String, Vec<AgentTurn>>> {
        self.turns.borrow()
    }

    /// The sessions whose agent was given a conversation that a model provider refuses, with the reason.
    pub(crate) fn refused(&self) -> Ref<'_, Vec<(String, String)>> {
        self.refused.borrow()
    }

    /// How turns were asked to stop that their agents had not begun, by the label of the session, oldest first.
    pub(crate) fn early_stops(&self) -> Ref<'_, BTreeMap<String, Vec<EarlyStop>>> {
        self.early_stops.borrow()
    }

    /// The agents that were built, by the label of their session, oldest first.
    pub(crate) fn builds(&self) -> Ref<'_, BTreeMap<String, Vec<Build>>> {
        self.builds.borrow()
    }

    /// The sessions whose turns have started a background job, by its name, which is also its outcome.
    pub(crate) fn jobs(&self) -> Ref<'_, BTreeMap<String, BTreeSet<String>>> {
        self.jobs.borrow()
    }

    /// The sessions whose agents have done something since the last call, by their labels.
    pub(crate) fn take_changed(&self) -> BTreeSet<String> {
        self.changed.take()
    }

    fn note_change(&self, session: &str) {
        let mut changed = self.changed.borrow_mut();
        if !changed.contains(session) {
            changed.insert(session.to_owned());
        }
    }

    /// An agent was built for a session. Returns its place among those of the session.
    pub(super) fn built(&self, session: &str, now: Uptime) -> usize {
        self.note_change(session);
        let mut builds = self.builds.borrow_mut();
        let builds = builds.entry(session.to_owned()).or_default();
        builds.push(Build { at: now, is_dropped: false });
        builds.len() - 1
    }

    /// The gateway has let go of an agent.
    pub(super) fn dropped(&self, session: &str, place: usize) {
        self.note_change(session);
        if let Some(build) = self.builds.borrow_mut().get_mut(session).and_then(|builds| builds.get_mut(place)) {
            build.is_dropped = true;
        }
    }

    /// A turn of a session has started a background job.
    pub(super) fn job_started(&self, session: &str, job: &str) {
        self.jobs.borrow_mut().entry(job.to_owned()).or_default().insert(session.to_owned());
    }

    /// How many answers to questions agents have received.
    pub(crate) fn answers(&self) -> usize {
        self.answers.get()
    }

    /// How many conversations agents were given.
    pub(crate) fn given(&self) -> usize {
        self.given.get()
    }

    /// The agent of a session begins a summary that is no part of its turn, or delivers it.
    pub(super) fn summarizes(&self, session: &str, now: Uptime) {
        self.summaries.borrow_mut().insert(session.to_owned(), now);
    }

    /// Whether the turn of any session was asked to stop when the log was told last.
    pub(crate) fn has_stopping(&self) -> bool {
        !self.stopping.borrow().is_empty()
    }

    /// Whether the turn of a session is asked to stop by now. Its agent may not have begun it.
    pub(crate) fn ask_to_stop(&self, session: &str, is_asked: bool, now: Uptime) {
        let mut turns = self.turns.borrow_mut();
        let mut early_stops = self.early_stops.borrow_mut();
        match turns.get_mut(session).and_then(|turns| turns.last_mut()).filter(|turn| turn.over.is_none()) {
            _ if !is_asked => {
                self.stopping.borrow_mut().remove(session);
                if let Some(last) = early_stops.get_mut(session).and_then(|stops| stops.last_mut()) {
                    last.is_open = false;
                }
            }
            Some(running) => {
                self.stopping.borrow_mut().insert(session.to_owned());
                running.stopped_compressing |= running.compressing && running.asked_to_stop.is_none();
                running.asked_to_stop = running.asked_to_stop.or(Some(now));
            }
            None => {
                // It is the same turn as before, and its agent has finished, unless this is new.
                if self.stopping.borrow_mut().insert(session.to_owned()) {
                    let turns = turns.get(session).map_or(&[][..], Vec::as_slice);
                    let stop = self.stop_without_turn(session, turns.last().and_then(|turn| turn.over), now);
                    let stops = early_stops.entry(session.to_owned()).or_default();
                    stops.push(EarlyStop { stop, turns: turns.len(), is_open: true });
                }
            }
        }
    }

    /// The stop of a turn whose agent has not begun it. It was silent since it was built, the turn before was `over`, or it began or
    /// delivered a summary.
    fn stop_without_turn(&self, session: &str, over: Option<Uptime>, at: Uptime) -> Stop {
        let built = self.builds.borrow().get(session).and_then(|builds| builds.last()).map(|build| build.at);
        let summary = self.summaries.borrow().get(session).copied();
        let since = built.max(summary).max(over).unwrap_or_default();
        Stop { at, silence: at - since, in_tool: false, has_begun: false }
    }

    /// Call before the tasks of a process that ends are dropped, and with `None` after: turns that end in between end
    /// with the process.
    pub(crate) fn sever(&self, severed: Option<Severing>) {
        self.severed.set(severed);
    }

    /// How the process is ending at this instant, if it is.
    pub(super) fn severed(&self) -> Option<Severing> {
        self.severed.get()
    }

    /// An agent begins to work on a prompt of a session. Returns the turn's place among those of the session.
    pub(super) fn begin(&self, session: &str, request: &[NewMessage], prompt: &str, now: Uptime) -> usize {
        self.note_change(session);
        self.given.update(|given| given + 1);
        let reason = talk::refused(request).map(|reason| (session.to_owned(), reason));
        self.refused.borrow_mut().extend(reason);
        let mut turns = self.turns.borrow_mut();
        let turns = turns.entry(session.to_owned()).or_default();
        let (read, answers, stop, over, asked, asked_to_stop) = Default::default();
        let prompt = prompt.to_owned();
        let (in_results, dealt_with, was_killed, calls) = Default::default();
        let (compressing, has_compressed, stopped_compressing) = Default::default();
        let mut early_stops = self.early_stops.borrow_mut();
        let early = early_stops.get_mut(session).and_then(|stops| stops.last_mut()).filter(|last| last.is_open);
        let stopped_early = early.map(|early| {
            early.is_open = false;
            early.stop
        });
        turns.push(AgentTurn {
            prompt,
            began: now,
            reported: now,
            read,
            answers,
            stop,
            stopped_early,
            asked_to_stop,
            compressing,
            has_compressed,
            stopped_compressing,
            over,
            asked,
            in_results,
            dealt_with,
            was_killed,
            calls,
        });
        turns.len() - 1
    }

    /// Changes a turn of a session.
    pub(super) fn change(&self, session: &str, place: usize, now: Uptime, change: impl FnOnce(&mut AgentTurn)) {
        self.note_change(session);
        if let Some(turn) = self.turns.borrow_mut().get_mut(session).and_then(|turns| turns.get_mut(place)) {
            let asked = turn.asked.as_ref().and_then(|asked| asked.id.clone());
            let answers = turn.answers.len();
            change(turn);
            self.answers.update(|all| all + turn.answers.len() - answers);
            if turn.asked.is_none() || turn.over.is_some() {
                self.questions.borrow_mut().extend(asked.map(|id| (id, Some(now))));
            }
        }
    }

    /// The simulator has drawn the id of the question that an agent of the session has just asked.
    pub(super) fn name_question(&self, session: &str, id: String) {
        let mut turns = self.turns.borrow_mut();
        let asked = turns.get_mut(session).into_iter().flatten().filter_map(|turn| turn.asked.as_mut());
        if let Some(asked) = asked.rev().find(|asked| asked.id.is_none()) {
            self.questions.borrow_mut().insert(id.clone(), None);
            asked.id = Some(id);
        }
    }

    /// When the question with this id was over. `None`: its agent waits for the answer, or it was not asked.
    pub(crate) fn question_over(&self, id: &str) -> Option<Uptime> {
        self.questions.borrow().get(id).copied().flatten()
    }
}

impl AgentTurn {
    /// The answers whose results a kill of the process may have cut off; none of a turn that was not killed.
    pub(crate) fn cut_off(&self) -> &[Answered] {
        if self.was_killed { &self.answers[self.dealt_with..] } else { &[] }
    }

    /// Whether a kill of the process cut it off at a question. An answer may have been accepted that its agent did not get.
    pub(crate) fn is_cut_off_at_question(&self) -> bool {
        self.was_killed && self.asked.is_some()
    }

    /// Whether a tool of it runs. A question that waits for its user is none.
    pub(crate) fn runs_tool(&self) -> bool {
        self.over.is_none() && self.calls.contains(&Call::Tool)
    }

    /// It ends, or is dropped. `severed` says how the process is ending, if it is.
    pub(super) fn dropped(&mut self, severed: Option<Severing>, now: Uptime) {
        if self.over.is_none() {
            match severed {
                None => self.stopped(now),
                Some(how) => self.was_killed = how == Severing::Kill,
            }
        }
        self.over = self.over.or(Some(now));
    }

    /// Its agent is asked for the next event: the gateway has dealt with those before.
    pub(super) fn goes_on(&mut self) {
        self.dealt_with = self.in_results;
    }

    /// Its agent reports an event. `is_stopped` says whether it was asked to stop before.
    pub(super) fn report(&mut self, event: &TurnEvent, is_stopped: bool, now: Uptime) {
        if is_stopped {
            self.stopped(now);
        }
        self.reported = now;
        match event {
            TurnEvent::ToolsStarted { calls } => self.calls.extend(calls.iter().map(|_| Call::Tool)),
            TurnEvent::ToolFinished { .. } => {
                self.calls.pop();
                self.read = Some(now);
                self.in_results = self.answers.len();
            }
            TurnEvent::Asked { question } => {
                self.asked = Some(Asked { question: question.clone(), at: now, id: None });
                self.calls.pop();
                self.calls.push(Call::Question);
            }
            TurnEvent::Compressing { .. } => (self.compressing, self.has_compressed) = (true, true),
            TurnEvent::Compressed { .. } => self.compressing = false,
            TurnEvent::Finished { .. } | TurnEvent::Failed { .. } | TurnEvent::Interrupted => self.over = Some(now),
            _ => {}
        }
    }

    /// Its agent receives the answer to its question.
    pub(super) fn answered(&mut self, text: &str, at: Uptime) {
        if let Some(Asked { question, at: asked_at, id }) = self.asked.take() {
            self.answers.push(Answered { question, asked_at, id, text: text.to_owned(), at });
        }
    }

    fn stopped(&mut self, now: Uptime) {
        let at = self.asked_to_stop.unwrap_or(now).max(self.reported);
        let stop = Stop { at, silence: at - self.reported, in_tool: self.runs_tool(), has_begun: true };
        self.stop = self.stop.or(self.stopped_early).or(Some(stop));
    }
}
