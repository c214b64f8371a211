//! What the gateway knows of one session: plain data, without links, agents, timers or channels.
//!
//! Decisions ([`lifecycle`](crate::lifecycle)) read a [`Record`], a test builds one with [`Record::new`]. The handles
//! that belong to it, such as the agent of an [`AgentState::Ready`], stand beside it in the session.

mod question;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::clock::{Now, Uptime, Wall};
use crate::ids::ConnectionId;
use crate::store::{InputId, NewMessage, Role, StoredId};

pub use question::{Meant, OpenQuestion, QuestionLog, Resolution, ResolvedQuestion};

/// The state of one session.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The stored id that clients know (`session_key`). Old releases let it lag behind the agent's row during a turn.
    pub key: StoredId,
    /// Where in its life the session is.
    pub stage: SessionStage,
    /// Where its events go.
    pub attachment: Attachment,
    /// The connections that had it before and may still be served, the latest last. They hear its events too if its
    /// audience is all of them.
    pub before: Vec<ConnectionId>,
    /// Which of its connections hear its events.
    pub audience: Audience,
    /// The agent, and the row that it writes.
    pub agent: AgentSlot,
    /// The turn that holds the session, from the claim to the end.
    pub turn: Option<TurnState>,
    /// The history of the conversation, and how much of it is stored.
    pub transcript: Transcript,
    /// The question of the turn that waits for its answer.
    pub question: Option<OpenQuestion>,
    /// The questions before it, and the approvals that connections have not answered.
    pub questions: QuestionLog,
    /// Prompts that wait for the turn to end, oldest first.
    pub queue: Vec<Queued>,
    /// The stored inputs that messages hold which are not stored yet.
    pub taken: Vec<InputId>,
    /// Background jobs that its turns have started and whose outcome it has not received.
    pub jobs: BTreeSet<String>,
    /// The orphan timers that are armed; more than one only in releases that pile them up.
    pub timers: Vec<Timer>,
    /// The idle timer, armed while no client is attached and no turn runs.
    pub idle_timer: Option<Timer>,
    /// What does not change the lifecycle.
    pub details: Details,
}

/// Where in its life a session is. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStage {
    /// Registered, while its row is being reopened or inserted.
    Opening,
    /// In use: clients may attach and prompt.
    Open,
    /// Being ended: no client can attach any more.
    Closing,
    /// Ended and removed from the registry. Final.
    Finalized,
}

/// Where a session's events go.
#[derive(Clone, Debug, PartialEq)]
pub enum Attachment {
    /// Events go to this connection.
    Attached(ConnectionId),
    /// Nowhere: the session has no client.
    Detached {
        /// The uptime since which it has no client.
        since: Uptime,
        /// The connection they went to before; none at the session's beginning.
        from: Option<ConnectionId>,
    },
}

/// Which connections of a session hear its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// The one that asked for it last.
    #[default]
    Latest,
    /// Every one that has asked for it and is still served.
    All,
}

/// The agent of a session, and the row it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSlot {
    /// Whether there is an agent.
    pub state: AgentState,
    /// The row the agent writes (`agent.session_id`).
    pub row: StoredId,
    /// The row that a rotation under way will switch to; the session owns both meanwhile.
    pub next: Option<StoredId>,
}

/// Whether a session has an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentState {
    /// No build has begun.
    Unbuilt,
    /// A build is under way.
    Building,
    /// The session holds the agent.
    Ready,
    /// The build failed with this message.
    Failed(String),
}

/// The turn that holds a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnState {
    /// How far it is.
    pub phase: TurnPhase,
    /// The prompt; empty for work that is no turn, such as `session.compress`.
    pub user: String,
    /// The number of messages that it began with, without its prompt.
    pub began_with: usize,
    /// The answer so far.
    pub assistant: String,
    /// When its agent last reported something; at first when it was claimed.
    pub reported: Uptime,
    /// How many of its tools run.
    pub tools: usize,
    /// Whether it was asked to stop.
    pub interrupted: bool,
    /// Whether the conversation is being compressed.
    pub compressing: bool,
    /// Words to it that it has not read yet, oldest first.
    pub steers: Vec<Queued>,
}

/// How far a turn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnPhase {
    /// It holds the session, and its prompt is being stored.
    Claimed,
    /// It runs, or waits for its agent.
    Begun,
    /// It has ended, and is about to free the session.
    Over,
}

/// A prompt that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The text of the prompt.
    pub text: String,
    /// The connection it came on; none for the outcome of a background job.
    pub link: Option<ConnectionId>,
    /// Whether it outlives the process.
    pub kept: Kept,
    /// How often the store has refused to make it a message.
    pub refusals: u32,
}

impl Queued {
    /// Whether it has this text, and waits in memory only.
    pub fn is_in_memory(&self, text: &str) -> bool {
        self.kept == Kept::Memory && self.text == text
    }
}

/// How an accepted input is kept until a message holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In memory only: it is lost with the process.
    Memory,
    /// It is being stored, and its request has no answer yet.
    Storing(InputId),
    /// In the rows.
    Stored(InputId),
}

/// How much was cancelled before a turn read it or began with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cancelled {
    /// The number of steering texts.
    pub(crate) steers: usize,
    /// The number of queued prompts.
    pub(crate) prompts: usize,
    /// How many of both are in the rows, or about to be.
    pub(crate) kept: usize,
}

/// A conversation, and how much of it is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// The messages, oldest first.
    pub messages: Vec<NewMessage>,
    /// How many of them, from the first, are stored.
    pub saved: usize,
    /// How many of those are known to be stored only because a resume has read them from the row, or a compression in
    /// place has just written them. Some releases forget that until a turn has begun with them.
    pub loaded: usize,
    /// How many of the messages, from the first, are the history of the next turn. It is set at the end of a turn, by a cut
    /// and by `session.compress`. Some releases take all of the history for stored.
    pub history: usize,
    /// How many messages were stored and then dropped from here, by a failed turn or an undo. Some releases take as many
    /// later messages for stored.
    pub mistaken: usize,
    /// Whether messages were stored since the last compression. Some releases mark them then, and no longer see that a
    /// second compression changes nothing.
    pub is_marked: bool,
    /// How many of the first ones a new session was given and its row does not have yet. They count among the stored.
    pub draft: usize,
    /// The number of changes that were not additions.
    pub version: u64,
}

/// An armed timer of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Unique in the process. A timer that fires must find its id still in the record.
    pub id: u64,
    /// The uptime at which it fires.
    pub deadline: Uptime,
}

/// What a record holds beside the lifecycle of its session.
#[derive(Clone, Debug, PartialEq)]
pub struct Details {
    /// When it was registered.
    pub created_at: Now,
    /// When it was last used: created, prompted, resumed, or a turn's end.
    pub last_active: Now,
    /// When its row began.
    pub started_at: Wall,
    /// Which kind of client its row belongs to.
    pub source: String,
    /// The number of messages in earlier rows of its chain, where a resume has read them; only old releases do.
    pub earlier: usize,
    /// The row that it is a branch of, if a client has made it so before it has a row itself.
    pub branch_of: Option<StoredId>,
    /// The working folder, if one was chosen.
    pub cwd: Option<String>,
    /// The model that a client asked for, or that its row had when it was resumed. None: that of the settings.
    pub model: Option<String>,
    /// Whether a request is giving the session another model. The next one waits, because a failure restores the model of before.
    pub is_changing_model: bool,
    /// A title asked for before the row exists.
    pub pending_title: Option<String>,
    /// Whether it is closed with its connection instead of getting a grace.
    pub close_on_disconnect: bool,
    /// How often the reaper has checked since it interrupted the turn, in some releases (S13).
    pub interrupted: Option<u32>,
    /// Whether an interrupt that came while idle stops the next turn, in some releases (A16).
    pub stale_interrupt: bool,
}

impl Record {
    /// An open session that begins at `now` and writes the row `key`, without a client, an agent or a message.
    pub fn new(key: StoredId, source: &str, now: Now) -> Self {
        Self {
            key: key.clone(),
            stage: SessionStage::Open,
            attachment: Attachment::Detached { since: now.uptime, from: None },
            before: Vec::new(),
            audience: Audience::default(),
            agent: AgentSlot { state: AgentState::Unbuilt, row: key, next: None },
            turn: None,
            transcript: Transcript::default(),
            question: None,
            questions: QuestionLog::default(),
            queue: Vec::new(),
            taken: Vec::new(),
            jobs: BTreeSet::new(),
            timers: Vec::new(),
            idle_timer: None,
            details: Details {
                created_at: now,
                last_active: now,
                started_at: now.wall,
                source: source.to_owned(),
                earlier: 0,
                branch_of: None,
                cwd: None,
                model: None,
                is_changing_model: false,
                pending_title: None,
                close_on_disconnect: false,
                interrupted: None,
                stale_interrupt: false,
            },
        }
    }

    /// Whether a turn holds the session.
    pub fn is_running(&self) -> bool {
        self.turn.is_some()
    }

    /// A turn holds the session from here on, with the prompt `user`. It begins interrupted if an interrupt was kept for
    /// it.
    pub fn claim(&mut self, user: &str, now: Now) -> &mut TurnState {
        self.details.last_active = now;
        self.turn.insert(TurnState {
            phase: TurnPhase::Claimed,
            user: user.to_owned(),
            began_with: self.transcript.messages.len(),
            assistant: String::new(),
            reported: now.uptime,
            tools: 0,
            compressing: false,
            interrupted: std::mem::take(&mut self.details.stale_interrupt),
            steers: Vec::new(),
        })
    }

    /// Cancels what waits for a turn: steering text for the one that runs, and the queued prompts.
    pub(crate) fn cancel_waiting(&mut self) -> Cancelled {
        let steers = self.turn.as_mut().map(|turn| std::mem::take(&mut turn.steers)).unwrap_or_default();
        let prompts = std::mem::take(&mut self.queue);
        let kept = steers.iter().chain(&prompts).filter(|queued| queued.kept != Kept::Memory).count();
        Cancelled { steers: steers.len(), prompts: prompts.len(), kept }
    }

    /// A compression begins or ends in the turn that holds the session.
    pub(crate) fn note_compressing(&mut self, compressing: bool) {
        if let Some(turn) = &mut self.turn {
            turn.compressing = compressing;
        }
    }

    /// Whether the turn that holds the session compresses the conversation.
    pub fn is_compressing(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.compressing)
    }

    /// Whether a prompt waits that outlives the process. While no turn runs, it is about to begin.
    pub fn has_kept(&self) -> bool {
        self.queue.iter().any(|queued| queued.kept != Kept::Memory)
    }

    /// The outcome of storing the input `id`: on a success it is kept, else it does not wait any more. Returns whether it
    /// was among the prompts.
    pub(crate) fn settle(&mut self, id: &InputId, is_stored: bool) -> bool {
        let is_it = |queued: &Queued| queued.kept == Kept::Storing(id.clone());
        let is_prompt = self.queue.iter().any(is_it);
        for waiting in self.turn.iter_mut().map(|turn| &mut turn.steers).chain([&mut self.queue]) {
            match is_stored {
                true => waiting.iter_mut().filter(|queued| is_it(queued)).for_each(|queued| {
                    queued.kept = Kept::Stored(id.clone());
                }),
                false => waiting.retain(|queued| !is_it(queued)),
            }
        }
        is_prompt
    }

    /// Whether the session writes the row `id`, or is about to.
    pub fn owns(&self, id: &StoredId) -> bool {
        self.owned().any(|row| row == id)
    }

    /// The rows that the session writes, or is about to; one may come twice.
    pub fn owned(&self) -> impl Iterator<Item = &StoredId> {
        [&self.key, &self.agent.row].into_iter().chain(&self.agent.next)
    }

    /// Attaches the session to a connection, which is shown the open question; the one that had it is remembered.
    pub fn attach(&mut self, to: &ConnectionId) {
        let before = std::mem::replace(&mut self.attachment, Attachment::Attached(to.clone()));
        if let Attachment::Attached(before) = before {
            self.before.push(before);
        }
        self.before.retain(|before| before != to);
        self.show_question(to);
    }

    /// The connections that hear the session's events, the one that asked for it last first.
    pub fn hearers(&self) -> impl Iterator<Item = &ConnectionId> {
        let others = match self.audience {
            Audience::Latest => &[][..],
            Audience::All => &self.before[..],
        };
        self.attachment.connection().into_iter().chain(others.iter().rev())
    }

    /// Whether a connection hears the session's events.
    pub fn is_heard_by(&self, connection: &ConnectionId) -> bool {
        self.hearers().any(|hearer| hearer == connection)
    }

    /// A question is open from here on. It is sent to the connections that hear the session, unless it is `kept_back`.
    pub(crate) fn ask(&mut self, question: OpenQuestion, kept_back: bool) {
        self.question = Some(question);
        if !kept_back {
            let hearers: Vec<ConnectionId> = self.hearers().cloned().collect();
            hearers.iter().for_each(|hearer| self.show_question(hearer));
        }
    }

    /// The open question, if there is one, is sent on a connection.
    pub(crate) fn show_question(&mut self, to: &ConnectionId) {
        if let Some(question) = &mut self.question {
            self.questions.show(question, to);
        }
    }

    /// The connections that the session's events go to, may go back to, or that its waiting prompts came on.
    pub(crate) fn connections(&self) -> impl Iterator<Item = &ConnectionId> {
        let steers = self.turn.iter().flat_map(|turn| &turn.steers);
        let waiting = self.queue.iter().chain(steers).filter_map(|queued| queued.link.as_ref());
        self.attachment.connection().into_iter().chain(&self.before).chain(waiting)
    }

    /// The live status that clients see (spec §2).
    pub fn status(&self) -> &'static str {
        if self.question.is_some() { "waiting" } else { self.work_status() }
    }

    /// The live status without its question.
    pub(crate) fn work_status(&self) -> &'static str {
        match (&self.agent.state, &self.turn) {
            (AgentState::Building, _) => "starting",
            (_, Some(_)) => "working",
            (_, None) => "idle",
        }
    }

    /// The prompt of the turn that runs and its answer so far, as clients see them. Work without a prompt is no turn.
    pub(crate) fn inflight(&self) -> Value {
        let turn = self.turn.as_ref().filter(|turn| !turn.user.is_empty());
        let shown = |turn: &TurnState| json!({"user": turn.user, "assistant": turn.assistant, "streaming": true});
        turn.map_or(Value::Null, shown)
    }

    /// The name of its model: its own, or else that of the settings.
    pub(crate) fn model<'a>(&'a self, setting: &'a str) -> &'a str {
        self.details.model.as_deref().unwrap_or(setting)
    }

    /// The payload of `session.info`, and the `info` of results. `setting` is the model of the settings.
    pub(crate) fn info(&self, setting: &str) -> Value {
        json!({
            "model": self.model(setting),
            "tools": {},
            "skills": {},
            "cwd": self.details.cwd.as_deref().unwrap_or(""),
            "branch": "",
            "running": self.is_running(),
            "lazy": self.agent.state != AgentState::Ready,
            "profile_name": "default",
        })
    }
}

impl Attachment {
    /// The connection that the events go to, if there is one.
    pub fn connection(&self) -> Option<&ConnectionId> {
        match self {
            Self::Attached(to) => Some(to),
            Self::Detached { .. } => None,
        }
    }

    /// Whether they go to this connection.
    pub fn is_to(&self, connection: &ConnectionId) -> bool {
        self.connection() == Some(connection)
    }
}

/// The last prompt of a conversation, if no final message of the agent follows it.
pub(crate) fn unfinished(messages: &[NewMessage]) -> Option<&str> {
    let last = messages.last()?;
    let is_final = last.role == Role::Assistant && last.tool_calls.is_none();
    let prompt = messages.iter().rev().find(|message| message.role == Role::User)?;
    prompt.content.as_deref().filter(|_| !is_final)
}

impl Transcript {
    /// A transcript whose messages are all stored.
    pub(crate) fn stored(messages: Vec<NewMessage>) -> Self {
        let saved = messages.len();
        Self { history: saved, messages, saved, ..Self::default() }
    }

    /// A transcript read from its row.
    pub(crate) fn loaded(messages: Vec<NewMessage>) -> Self {
        let loaded = messages.len();
        Self { loaded, ..Self::stored(messages) }
    }

    /// What it was before its last message, the prompt of a turn.
    pub(crate) fn before_last(&self) -> Self {
        let messages = self.messages[..self.messages.len().saturating_sub(1)].to_vec();
        let saved = self.saved.min(messages.len());
        let loaded = self.loaded.min(messages.len());
        let draft = self.draft.min(messages.len());
        let history = self.history.min(messages.len());
        Self {
            messages,
            saved,
            loaded,
            history,
            draft,
            mistaken: self.mistaken,
            is_marked: self.is_marked,
            version: self.version,
        }
    }

    /// The first `count` messages are stored. More may be by now, where an old release lets two turns store at once.
    pub(crate) fn mark_stored(&mut self, count: usize) {
        self.saved = self.saved.max(count).min(self.messages.len());
    }

    /// Messages as clients see them.
    pub(crate) fn shown(&self) -> Vec<Value> {
        shown(&self.messages)
    }

    /// The messages before the turn that runs: its prompt and its answer so far are sent to clients apart.
    pub(crate) fn before(&self, turn: &TurnState) -> &[NewMessage] {
        let is_prompt =
            |message: &NewMessage| message.role == Role::User && message.content.as_deref() == Some(turn.user.as_str());
        let at = match turn.phase {
            // While the prompt is being stored it is the last message, or not there yet.
            TurnPhase::Claimed => self.messages.len().checked_sub(1).filter(|last| is_prompt(&self.messages[*last])),
            // A compression may have replaced it; then all messages are older.
            TurnPhase::Begun | TurnPhase::Over => self.messages.iter().rposition(is_prompt),
        };
        &self.messages[..at.unwrap_or(self.messages.len())]
    }
}

/// Messages as clients see them. A tool's result has the tool's name; a message that only calls tools is left out.
pub(crate) fn shown(messages: &[NewMessage]) -> Vec<Value> {
    let shown = messages.iter().filter_map(|message| {
        let text = message.content.as_deref().unwrap_or("");
        match (message.role, &message.tool_name) {
            (Role::Tool, Some(name)) => {
                Some(json!({"role": message.role.as_str(), "name": name, "context": "", "text": text}))
            }
            (Role::Assistant, _) if text.is_empty() && message.tool_calls.is_some() => None,
            _ => Some(json!({"role": message.role.as_str(), "text": text})),
        }
    });
    shown.collect()
}

/// Records for the tests of decisions.
#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// An open session without a client, a turn or an agent, at time zero.
    pub(crate) fn idle() -> Record {
        Record::new(StoredId::new("row"), "tui", Now { uptime: Uptime(0), wall: Wall(0) })
    }

    /// The same with a turn that has begun.
    pub(crate) fn running() -> Record {
        let mut record = idle();
        record.claim("hello", Now { uptime: Uptime(0), wall: Wall(0) }).phase = TurnPhase::Begun;
        record
    }

    /// A copy with one change applied.
    pub(crate) fn with(mut record: Record, change: impl FnOnce(&mut Record)) -> Record {
        change(&mut record);
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::QuestionKind;

    const NOW: Now = Now { uptime: Uptime(1000), wall: Wall(1_767_225_601_000) };

    fn record() -> Record {
        Record::new(StoredId::new("row"), "tui", NOW)
    }

    /// A record is data: a test makes one, changes it and compares it.
    #[test]
    fn a_new_record_is_open_and_idle() {
        let record = record();
        assert_eq!((record.stage, record.is_running(), record.status()), (SessionStage::Open, false, "idle"));
        assert_eq!(record.attachment, Attachment::Detached { since: NOW.uptime, from: None });
        assert_eq!(record, record.clone());
    }

    #[track_caller]
    fn check_status(change: impl FnOnce(&mut Record), expected: &str) {
        let mut record = record();
        change(&mut record);
        assert_eq!(record.status(), expected);
    }

    /// The statuses of spec §2: a question outranks a build, and a build outranks a turn.
    #[test]
    fn statuses_are_as_documented() {
        let ask = |record: &mut Record| {
            let (payload, shown) = (Value::Null, Vec::new());
            record.question = Some(OpenQuestion { id: "1".to_owned(), kind: QuestionKind::Clarify, payload, shown });
        };
        check_status(|record| record.agent.state = AgentState::Ready, "idle");
        check_status(|record| _ = record.claim("hello", NOW), "working");
        check_status(|record| record.agent.state = AgentState::Building, "starting");
        check_status(
            |record| {
                record.claim("hello", NOW);
                record.agent.state = AgentState::Building;
                ask(record);
            },
            "waiting",
        );
    }

    /// A session goes back only to connections that had it before, each once.
    #[test]
    fn earlier_connections_are_remembered() {
        let [desktop, phone] = [(1, "desktop"), (2, "phone")].map(|(number, name)| ConnectionId::new(number, name));
        let mut record = record();
        for to in [&desktop, &phone, &desktop, &desktop] {
            record.attach(to);
        }
        assert_eq!((record.attachment.connection(), &record.before), (Some(&desktop), &vec![phone]));
    }

    /// With an audience of all, each connection that had the session still hears it.
    #[test]
    fn an_audience_of_all_hears_the_session() {
        let [desktop, phone] = [(1, "desktop"), (2, "phone")].map(|(number, name)| ConnectionId::new(number, name));
        let mut record = record();
        record.attach(&desktop);
        record.attach(&phone);
        assert_eq!(Vec::from_iter(record.hearers()), [&phone]);
        record.audience = Audience::All;
        assert_eq!(Vec::from_iter(record.hearers()), [&phone, &desktop]);
    }

    /// While a rotation is under way the session owns the old row and the new one.
    #[test]
    fn a_rotation_owns_both_rows() {
        let mut record = record();
        record.agent.next = Some(StoredId::new("next"));
        assert!(["row", "next"].iter().all(|row| record.owns(&StoredId::new(*row))));
        assert!(!record.owns(&StoredId::new("other")));
    }

    /// An interrupt that is kept stops the turn that comes next, and no other.
    #[test]
    fn a_kept_interrupt_stops_one_turn() {
        let mut record = record();
        record.details.stale_interrupt = true;
        assert!(record.claim("one", NOW).interrupted);
        assert!(!record.claim("two", NOW).interrupted);
    }
}
