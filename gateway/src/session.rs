//! A live session: its record, and the handle through which everyone reads and changes it.

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::{Notify, oneshot};

use crate::agent::{Agent, Interrupt};
use crate::clock::{Now, Uptime, Wall};
use crate::event_log::EventLog;
use crate::lifecycle::close::Actor;
use crate::link::Link;
use crate::question::OpenQuestion;
use crate::registry::{Place, Places};
use crate::rpc;
use crate::store::{EndReason, NewMessage, Role, StoredId};
use crate::watch::{Shared as Touched, Watch};

/// The runtime id of a live record: eight hex digits, what clients pass as `session_id` (spec §1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Arc<str>);

/// A handle on a live record. Clones share the record; tasks keep one and look again after every await.
#[derive(Clone)]
pub struct Session(Rc<Shared>);

struct Shared {
    /// Which one it is, in the order of registration.
    number: u64,
    id: SessionId,
    record: RefCell<Record>,
    /// Its last events, if the release keeps them. Not in the record: an event is no change of the lifecycle.
    events: RefCell<Option<EventLog>>,
    /// Told whenever the stage, the agent or the turn changes.
    changed: Notify,
    /// Whether it is registered. Events find their way by the registry, so those of a record that has left go nowhere.
    listed: Cell<bool>,
    /// Where others look it up while it is registered.
    places: Rc<Places>,
    watch: Watch,
}

/// Everything that is known of a live session.
pub struct Record {
    /// The stored id that clients know (`session_key`). Old releases let it lag behind the agent's row in a turn.
    pub key: StoredId,
    /// Where in its life it is.
    pub stage: Stage,
    /// Who ends or has ended it.
    pub ended_by: Option<Ended>,
    /// Where its events go.
    pub attachment: Attachment,
    /// The connections that had it before and may still be there, the latest last.
    pub before: Vec<Link>,
    /// The agent and the row it writes.
    pub agent: AgentSlot,
    /// The turn that holds it, from the claim to the end.
    pub turn: Option<TurnState>,
    /// What has been said.
    pub transcript: Transcript,
    /// The question of the turn that waits for its answer.
    pub question: Option<OpenQuestion>,
    /// Prompts that wait for the turn to end, oldest first.
    pub queue: Vec<Queued>,
    /// Background jobs of its turns, until it is told what came of them.
    pub jobs: BTreeSet<String>,
    /// The orphan timers that are armed; more than one only in releases that pile them up.
    pub timers: Vec<Timer>,
    /// The idle timer, armed while nobody is attached and no turn runs.
    pub idle_timer: Option<Timer>,
    /// What does not change the lifecycle.
    pub facts: Facts,
}

/// Where in its life a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Registered, its row is being brought back.
    Opening,
    /// In use.
    Open,
    /// Somebody is ending it; nobody may attach any more.
    Closing,
    /// Ended. Never comes back.
    Finalized,
}

/// Who ends a session, and what its row will say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who.
    pub actor: Actor,
    /// Under which reason.
    pub reason: EndReason,
    /// When they began.
    pub at: Uptime,
    /// Whether a turn was at work then.
    pub found_turn: bool,
}

/// Where a session's events go.
#[derive(Clone)]
pub enum Attachment {
    /// To this connection.
    Live(Link),
    /// Nowhere: its client is gone.
    Detached {
        /// Since when.
        since: Uptime,
        /// The connection they went to before; none at the session's beginning.
        from: Option<Link>,
    },
}

/// The agent of a record and the row it writes under.
pub struct AgentSlot {
    /// How far it is.
    pub state: AgentState,
    /// The row the agent writes (`agent.session_id`).
    pub row: StoredId,
    /// The row a rotation under way will switch to; the record owns both meanwhile.
    pub next: Option<StoredId>,
    /// Whether it was closed with its session. What a release leaves running goes on with it all the same.
    pub closed: bool,
}

/// How far the agent is.
pub enum AgentState {
    /// Not begun.
    Unbuilt,
    /// Under way.
    Building,
    /// There.
    Ready(Rc<dyn Agent>),
    /// It could not be built.
    Failed(String),
}

/// The turn that holds a record.
pub struct TurnState {
    /// How to stop it.
    pub interrupt: Rc<Interrupt>,
    /// Whether its work has begun.
    pub phase: Phase,
    /// The prompt.
    pub user: String,
    /// The session whose background job said the prompt, if it came from one.
    pub job_of: Option<SessionId>,
    /// The answer so far.
    pub assistant: String,
    /// When its agent last reported something; at first when it was claimed.
    pub reported: Uptime,
    /// Words to it that it has not read yet, oldest first.
    pub steers: Vec<Queued>,
}

/// How far a turn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It holds the session, and its prompt is being stored.
    Claimed,
    /// It is at work, or waits for its agent.
    Begun,
    /// It has come to its end, and gives the session away.
    Over,
}

/// A prompt that waits.
#[derive(Clone)]
pub struct Queued {
    /// The prompt.
    pub text: String,
    /// The connection it came on; none for what a background job says.
    pub link: Option<Link>,
}

/// What has been said, and how much of it is stored.
#[derive(Clone, Default)]
pub struct Transcript {
    /// Oldest first.
    pub messages: Vec<NewMessage>,
    /// How many of them are stored.
    pub saved: usize,
    /// How many of those a resume has read from the row. Some releases forget that these are stored.
    pub loaded: usize,
    /// How many of the first ones a new session was given and its row does not have yet. They count among the stored.
    pub draft: usize,
    /// Counts write-backs.
    pub version: u64,
}

/// An armed timer of a session. Dropping it disarms it.
pub struct Timer {
    /// Which one: a timer that fires must find itself still armed.
    pub id: u64,
    /// When it fires.
    pub deadline: Uptime,
    /// Held only to be dropped: the timer's task ends when it is.
    pub disarm: oneshot::Sender<()>,
}

/// What a record knows beside its lifecycle.
pub struct Facts {
    /// When it was registered.
    pub created_at: Now,
    /// When it was last used: created, prompted, resumed, or a turn's end.
    pub last_active: Now,
    /// When its row began.
    pub started_at: Wall,
    /// Which kind of client its row belongs to.
    pub source: String,
    /// The row that it is a branch of, if a client has made it so before it has a row itself.
    pub branch_of: Option<StoredId>,
    /// The working folder, if one was chosen.
    pub cwd: Option<String>,
    /// A title asked for before the row exists.
    pub pending_title: Option<String>,
    /// Whether it is closed with its connection instead of getting a grace.
    pub close_on_disconnect: bool,
    /// How often the reaper has looked since it interrupted the turn, if it does that.
    pub interrupted: Option<u32>,
    /// Whether a turn of it was stopped because its agent reported nothing and no client was there.
    pub given_up: bool,
    /// Some releases keep an interrupt that came while idle, and stop the next turn with it.
    pub stale_interrupt: bool,
    /// Whether a client was told something of it after it had left the registry.
    pub told_when_gone: bool,
    /// Whether a prompt had to wait for a turn that was over.
    pub kept_waiting: bool,
    /// How many prompts were accepted.
    pub accepted: u64,
    /// How many of those are over: answered, failed, cancelled, or said in one turn with the next.
    pub over: u64,
}

impl Session {
    /// A handle on a new record.
    pub(crate) fn new(
        number: u64,
        id: SessionId,
        record: Record,
        events: Option<EventLog>,
        places: Rc<Places>,
        watch: Watch,
    ) -> Self {
        Self(Rc::new(Shared {
            number,
            id,
            record: RefCell::new(record),
            events: RefCell::new(events),
            changed: Notify::new(),
            listed: Cell::new(true),
            places,
            watch,
        }))
    }

    /// Its runtime id.
    pub fn id(&self) -> &SessionId {
        &self.0.id
    }

    /// Which one it is, in the order of registration.
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// Reads the record.
    pub fn read<T>(&self, read: impl FnOnce(&Record) -> T) -> T {
        self.0.watch.read(Touched::Record(&self.0.id));
        read(&self.0.record.borrow())
    }

    /// Changes the record, and tells those who wait for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        let Shared { number, record, changed, listed, places, .. } = &*self.0;
        self.0.watch.write(Touched::Record(&self.0.id));
        places.touch();
        let before = listed.get().then(|| self.read(Place::of));
        let result = change(&mut record.borrow_mut());
        if let Some(before) = before {
            let after = self.read(Place::of);
            if before != after {
                self.0.watch.write(Touched::Places);
            }
            places.follow(*number, &before, &after);
        }
        changed.notify_waiters();
        result
    }

    /// Waits until `look` sees something in the record. Cancel safe.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&Record) -> Option<T>) -> T {
        loop {
            // Made before the look: a change between the two is not missed.
            let changed = self.0.changed.notified();
            if let Some(seen) = self.read(&mut look) {
                return seen;
            }
            changed.await;
        }
    }

    /// Asks the turn that runs to stop.
    pub(crate) fn interrupt(&self) {
        // The interrupt is the turn's, which is the record's: an observer has to look.
        self.0.watch.write(Touched::Record(&self.0.id));
        self.0.places.touch();
        self.read(|record| {
            if let Some(turn) = &record.turn {
                turn.interrupt.raise();
            }
        });
    }

    /// It has left the registry.
    pub(crate) fn unlist(&self) {
        self.0.watch.write(Touched::Record(&self.0.id));
        self.0.listed.set(false);
    }

    /// Sends an event to whoever is attached, and keeps it for whoever comes back, if the release does.
    pub(crate) fn emit(&self, kind: &str, payload: Value) {
        self.0.watch.read(Touched::Record(&self.0.id));
        if !self.0.listed.get() {
            return;
        }
        self.0.watch.write(Touched::Events(&self.0.id));
        let params = rpc::event(kind, &self.0.id, payload);
        let params = match &mut *self.0.events.borrow_mut() {
            Some(events) => events.keep(params),
            None => params.to_string(),
        };
        self.read(|record| {
            if let Attachment::Live(link) = &record.attachment {
                // A dead connection is the reader's business: it detaches the session when it sees the end.
                let _ = link.send(rpc::event_frame(&params));
            }
        });
    }

    /// Looks at the events that are kept; `None` where the release keeps none.
    pub(crate) fn events<T>(&self, look: impl FnOnce(&EventLog) -> T) -> Option<T> {
        self.0.watch.read(Touched::Events(&self.0.id));
        self.0.events.borrow().as_ref().map(look)
    }

    /// Whether both handles are on one record.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Record {
    /// Whether a turn holds it.
    pub fn is_running(&self) -> bool {
        self.turn.is_some()
    }

    /// Takes out what waits for a turn: words to the one that runs, then prompts.
    pub(crate) fn take_waiting(&mut self) -> Vec<Queued> {
        self.facts.over += self.queue.len() as u64;
        let mut waiting = self.turn.as_mut().map(|turn| std::mem::take(&mut turn.steers)).unwrap_or_default();
        waiting.append(&mut self.queue);
        waiting
    }

    /// Whether this record writes the row `id`, or is about to.
    pub fn owns(&self, id: &StoredId) -> bool {
        self.owned().any(|row| row == id)
    }

    /// The rows that this record writes, or is about to; one may come twice.
    pub fn owned(&self) -> impl Iterator<Item = &StoredId> {
        [&self.key, &self.agent.row].into_iter().chain(&self.agent.next)
    }

    /// Its events go to this connection, and the one that had them is remembered.
    pub(crate) fn give_to(&mut self, link: &Link) {
        if let Attachment::Live(before) = std::mem::replace(&mut self.attachment, Attachment::Live(link.clone())) {
            self.before.push(before);
        }
        self.before.retain(|before| before.number != link.number);
    }

    /// The live status clients see (spec §2).
    pub fn status(&self) -> &'static str {
        match (&self.agent.state, &self.turn) {
            _ if self.question.is_some() => "waiting",
            (AgentState::Building, _) => "starting",
            (_, Some(_)) => "working",
            (_, None) => "idle",
        }
    }

    /// The payload of `session.info`, and the `info` of results.
    pub(crate) fn info(&self, model: &str) -> Value {
        json!({
            "model": model,
            "tools": {},
            "skills": {},
            "cwd": self.facts.cwd.as_deref().unwrap_or(""),
            "branch": "",
            "running": self.is_running(),
            "lazy": !matches!(self.agent.state, AgentState::Ready(_)),
            "profile_name": "default",
        })
    }
}

impl Attachment {
    /// Whether it is to this connection.
    pub fn is_to(&self, link: &Link) -> bool {
        matches!(self, Self::Live(to) if to.number == link.number)
    }
}

impl Transcript {
    /// A transcript whose messages are all stored.
    pub(crate) fn stored(messages: Vec<NewMessage>) -> Self {
        let saved = messages.len();
        Self { messages, saved, loaded: 0, draft: 0, version: 0 }
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
        Self { messages, saved, loaded, draft, version: self.version }
    }

    /// The first `count` messages are stored. More may be by now, where an old release lets two turns store at once.
    pub(crate) fn mark_stored(&mut self, count: usize) {
        self.saved = self.saved.max(count).min(self.messages.len());
    }

    /// Messages as clients see them.
    pub(crate) fn shown(&self) -> Vec<Value> {
        shown(&self.messages)
    }

    /// The messages of before a turn at work: clients are told of its prompt and its answer so far apart.
    pub(crate) fn before(&self, turn: &TurnState) -> &[NewMessage] {
        let is_prompt =
            |message: &NewMessage| message.role == Role::User && message.content.as_deref() == Some(turn.user.as_str());
        let at = match turn.phase {
            // While it is being stored it is the last one, if it is there at all.
            Phase::Claimed => self.messages.len().checked_sub(1).filter(|last| is_prompt(&self.messages[*last])),
            // A compression may have taken it away; then what is left is of before it.
            Phase::Begun | Phase::Over => self.messages.iter().rposition(is_prompt),
        };
        &self.messages[..at.unwrap_or(self.messages.len())]
    }
}

/// Messages as clients see them: a tool's result has the tool's name, and what is nothing but a call is not shown.
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

impl SessionId {
    /// The id drawn as `bits`.
    pub fn from_bits(bits: u64) -> Self {
        Self(format!("{:08x}", bits as u32).into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An id is ordered as its text is, so that a map can be asked with the text.
impl Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SessionId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The stored id of a session that starts at `wall` (UTC) and drew `bits`.
pub(crate) fn stored_id(wall: Wall, bits: u64) -> StoredId {
    let seconds = i64::try_from(wall.0 / 1000).unwrap_or(i64::MAX);
    // Out of range only beyond the year 9999.
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    StoredId::new(format!(
        "{:04}{:02}{:02}_{:02}{:02}{:02}_{:06x}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        bits & 0xff_ffff
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of spec §1: date, time, six hex digits.
    #[test]
    fn ids_have_the_documented_form() {
        assert_eq!(stored_id(Wall(1_767_225_600_123), 0xabc_def0_1234).as_str(), "20260101_000000_f01234");
        assert_eq!(SessionId::from_bits(0x1_0000_00ff).as_str(), "000000ff");
    }
}
