//! The rows, and the transactions that change them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Wall;

/// A row's id: `YYYYMMDD_HHMMSS_` and six hex digits (spec §1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredId(pub Arc<str>);

/// A transaction, as a value: a wrapper of the store can print, count or delay it.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Inserts a session row if there is none with its id. An existing row stays as it is, also an ended one. A branch
    /// of a row that is not there any more has no parent.
    CreateSession {
        /// The new row; ignored if its id exists.
        session: NewSession,
    },
    /// Inserts the session row as before, then the messages with which its turn starts. The accepted inputs that these
    /// messages hold are deleted.
    StartTurn {
        /// The new row; ignored if its id exists.
        session: NewSession,
        /// The user's prompt, after the messages of a draft that its row does not have yet.
        messages: Vec<NewMessage>,
        /// The inputs that wait no longer.
        taken: Vec<InputId>,
        /// The answer to the request, if it has a key.
        keyed: Option<KeyedAnswer>,
    },
    /// Appends messages and adds them to the row's counters. The accepted inputs that these messages hold are deleted.
    /// Fails with `NoSession` when there is no row.
    Append {
        /// The row that gets the messages.
        session: StoredId,
        /// The new messages, oldest first.
        messages: Vec<NewMessage>,
        /// The inputs that wait no longer.
        taken: Vec<InputId>,
    },
    /// Stores an input that waits for its turn. The session needs no row.
    Accept {
        /// The input; its id is new.
        input: NewInput,
        /// The answer to the request, if it has a key.
        keyed: Option<KeyedAnswer>,
    },
    /// Deletes the accepted inputs of a session: a client has cancelled them.
    Cancel {
        /// The session whose inputs wait no longer; it needs no row.
        session: StoredId,
    },
    /// Ends a row that is open. The first end wins: an ended or missing row stays as it is.
    End {
        /// The row to end.
        session: StoredId,
        /// The wall time of the end.
        at: Wall,
        /// The value of `end_reason`.
        reason: EndReason,
    },
    /// Ends the row that an earlier process left open, and adds the results that its tool calls lack. Changes nothing if it is not
    /// open.
    EndOrphan {
        /// The row to end.
        session: StoredId,
        /// The wall time of the end.
        at: Wall,
        /// The results of its open calls, in their order in the row.
        results: Vec<Placed>,
    },
    /// Clears a row's end, whatever its reason.
    Reopen {
        /// The row to reopen.
        session: StoredId,
    },
    /// Clears the end of a session that is the tip of its chain. Of any other session it changes nothing and returns the
    /// tip, which its owner may be about to end. A row that was ended by a compression and has a continuation is no tip.
    ReopenTip {
        /// The row that should be the tip.
        session: StoredId,
    },
    /// A whole rotation: ends the parent with `compression` if it is open, inserts the child, takes the next
    /// title of the lineage, appends the compacted messages to the child, and passes the accepted inputs of the parent to it.
    Rotate {
        /// The row to end, which the child continues.
        parent: StoredId,
        /// The wall time of the parent's end.
        at: Wall,
        /// The continuation; its `parent` is the parent's id.
        child: NewSession,
        /// The compacted messages, oldest first.
        messages: Vec<NewMessage>,
    },
    /// Gives a continuation the next title of its parent's lineage (`name #2`), if the parent has one.
    ContinueTitle {
        /// The row that gets the title.
        session: StoredId,
        /// The row whose title is numbered on.
        parent: StoredId,
    },
    /// A compression in place: the messages so far become inactive, the compacted ones are appended.
    Compact {
        /// The row whose messages are compacted.
        session: StoredId,
        /// The compacted messages, oldest first.
        messages: Vec<NewMessage>,
    },
    /// Sets a title. Fails with `TitleTaken` when another session has it.
    SetTitle {
        /// The row that gets the title.
        session: StoredId,
        /// The new title, not empty.
        title: String,
    },
    /// Sets the model of a row.
    SetModel {
        /// The row that gets the model; nothing changes if there is none.
        session: StoredId,
        /// The model's name.
        model: String,
    },
    /// Inserts the session row if there is none, then sets its title, which it takes from an earlier row of its own
    /// chain of compressions if that has it. Fails with `TitleTaken` when any other session has it.
    NameSession {
        /// The new row; ignored if its id exists.
        session: NewSession,
        /// The new title, not empty.
        title: String,
    },
    /// Puts messages in the place of those that a session has, and counts anew. Fails with `NoSession` when there is
    /// no row.
    ReplaceMessages {
        /// The row whose messages are replaced.
        session: StoredId,
        /// The remaining messages, oldest first.
        messages: Vec<NewMessage>,
        /// Which of the present messages are deleted.
        replaced: Replaced,
        /// The accepted inputs that messages hold which are cut off, or stay and were not stored yet. They are deleted.
        taken: Vec<InputId>,
    },
    /// Inserts a branch: a row that names the one it was branched from, as parent and in its `model_config`, with a
    /// title and a copy of the messages. The parent stays as it is. Fails with `TitleTaken` when another session has
    /// the title asked for.
    Branch {
        /// The new row; its `title` is ignored.
        child: NewSession,
        /// How the branch gets its title.
        title: BranchTitle,
        /// A copy of the parent's messages, oldest first.
        messages: Vec<NewMessage>,
    },
    /// Deletes a session row with its messages and its accepted inputs. Rows that have it as their parent stay, without a
    /// parent.
    Delete {
        /// The row to delete.
        session: StoredId,
    },
    /// Deletes a whole conversation: rows that compressions have linked, with their messages. Branches of its rows, and what
    /// other programs started after them, stay without a parent. Changes nothing if the conversation has other rows by now,
    /// or none.
    DeleteChain {
        /// Any row of the conversation.
        session: StoredId,
        /// All rows of the conversation, as [`Read::Chain`](super::Read::Chain) returns them.
        rows: Vec<StoredId>,
    },
}

/// The id of an accepted input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputId(pub Arc<str>);

/// What a client or a job has given to a conversation, and no message of it holds yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInput {
    /// Unique in the database.
    pub id: InputId,
    /// The row of the conversation that it waits for. A rotation passes it to the child; a deletion deletes it.
    pub session: StoredId,
    /// What it is.
    pub kind: InputKind,
    /// The text, as it will be said.
    pub text: String,
    /// The wall time at which it was accepted.
    pub at: Wall,
}

/// The kinds of accepted inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// A prompt that waits for the turn before it.
    Prompt,
    /// Words to a turn that it has not read.
    Steer,
    /// The outcome of a background job.
    Notice,
}

/// The answer to a request with an idempotency key: a second request with the key gets it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedAnswer {
    /// The key, which a client has chosen.
    pub key: String,
    /// What the request asked for: another request must not use the key.
    pub request: String,
    /// The result, as JSON.
    pub answer: String,
    /// The wall time of the answer. One that is older than a day is deleted when another is stored.
    pub at: Wall,
}

/// Which messages of a session are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The active ones. Those that a compression in place has made inactive stay.
    Active,
    /// All messages, archived ones included.
    All,
}

/// The title of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchTitle {
    /// The title that the client asked for.
    Asked(String),
    /// By the next title of its parent's lineage, or of the lineage `branch` when the parent has no title.
    Next,
    /// The branch gets no title.
    None,
}

/// What a new session row holds; the other columns get their defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// The primary key, new except where the write says otherwise.
    pub id: StoredId,
    /// The kind of client that created it, for example `tui`.
    pub source: String,
    /// The model's name; `NULL` if unknown.
    pub model: Option<String>,
    /// The row it continues, or was branched from.
    pub parent: Option<StoredId>,
    /// The row it was branched from, which is its parent then: it does not continue that.
    pub branched_from: Option<StoredId>,
    /// The wall time of the start.
    pub started_at: Wall,
    /// The working folder, if one was chosen.
    pub cwd: Option<String>,
    /// The title it starts with, dropped if another session has it.
    pub title: Option<String>,
}

/// What a new message row holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// The role of the speaker.
    pub role: Role,
    /// The text; `None` for an assistant message that only calls tools.
    pub content: Option<String>,
    /// The call this message answers.
    pub tool_call_id: Option<String>,
    /// The calls this message makes, as JSON.
    pub tool_calls: Option<String>,
    /// The name of the tool whose result this is.
    pub tool_name: Option<String>,
    /// The wall time at which the message was complete.
    pub timestamp: Wall,
}

/// The role of a message's speaker, as in the `role` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A prompt of the client, or the notice of a job.
    User,
    /// A message of the agent.
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// A session row as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// The primary key (spec §1).
    pub id: StoredId,
    /// The kind of client that created it, for example `tui`.
    pub source: String,
    /// The parent row, which this one continues or was branched from.
    pub parent: Option<StoredId>,
    /// The wall time of the start.
    pub started_at: Wall,
    /// When it ended; `None` while the row is open.
    pub ended_at: Option<Wall>,
    /// The `end_reason` of an ended row; other programs may use words of their own.
    pub end_reason: Option<String>,
    /// The number of active messages.
    pub message_count: u64,
    /// The number of tool calls in active messages.
    pub tool_call_count: u64,
    /// The title, unique among all rows.
    pub title: Option<String>,
    /// The working folder, if one was chosen.
    pub cwd: Option<String>,
    /// The model's name, if known.
    pub model: Option<String>,
    /// The row it was branched from. A branch has a parent too, but does not continue it.
    pub branched_from: Option<StoredId>,
}

/// A new message with its place among those that a row has.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// How many of the row's active messages come before it.
    pub before: usize,
    /// The message.
    pub message: NewMessage,
}

/// A message row as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageRow {
    /// Counts up over all sessions.
    pub id: i64,
    /// The session row that it belongs to.
    pub session: StoredId,
    /// Role, text, tool call and time.
    pub message: NewMessage,
    /// False once a compression in place has replaced it.
    pub active: bool,
}

/// Which children continue a parent that was ended by a compression (spec §10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TipRule {
    /// As `BestContinuation`, without the sessions that another program started after the row before the compression: those
    /// with another source than their parent that started before it ended.
    Continuation,
    /// Any child that is no branch: one that was itself continued by a compression before an open one before the rest, then the one
    /// with the latest activity (its last message, else its start), the latest start, the highest id.
    BestContinuation,
    /// As `BestContinuation`, and from there on the children of any parent, the latest start first: the last of them that has
    /// messages and is neither a branch nor a tool's.
    AnyChild,
    /// A child that started no earlier than the parent ended; the latest.
    StartedAfterEnd,
}

/// Why a row ended (spec §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndReason {
    /// A client closed the session with `session.close`.
    TuiClose,
    /// The gateway ended after a signal.
    TuiShutdown,
    /// The orphan grace was over.
    WsOrphanReap,
    /// The connection it was made to be closed with is gone.
    WsDisconnect,
    /// The session was idle for longer than `session_ttl`.
    IdleTimeout,
    /// The number of live sessions exceeded `max_live_sessions`.
    LruEvict,
    /// An agent ended its own row.
    AgentClose,
    /// An earlier process had left it open.
    StartupOrphanReap,
    /// A compression continued the session under another id.
    Compression,
    /// The command line, a program of its own, went on in a new session.
    NewSession,
    /// The command line ended its session.
    CliClose,
}

impl EndReason {
    /// Every reason, in the order of the variants.
    pub const ALL: [Self; 11] = [
        Self::TuiClose,
        Self::TuiShutdown,
        Self::WsOrphanReap,
        Self::WsDisconnect,
        Self::IdleTimeout,
        Self::LruEvict,
        Self::AgentClose,
        Self::StartupOrphanReap,
        Self::Compression,
        Self::NewSession,
        Self::CliClose,
    ];

    /// The value of the `end_reason` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TuiClose => "tui_close",
            Self::TuiShutdown => "tui_shutdown",
            Self::WsOrphanReap => "ws_orphan_reap",
            Self::WsDisconnect => "ws_disconnect",
            Self::IdleTimeout => "idle_timeout",
            Self::LruEvict => "lru_evict",
            Self::AgentClose => "agent_close",
            Self::StartupOrphanReap => "startup_orphan_reap",
            Self::Compression => "compression",
            Self::NewSession => "new_session",
            Self::CliClose => "cli_close",
        }
    }
}

impl InputKind {
    /// The value of the `kind` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Steer => "steer",
            Self::Notice => "notice",
        }
    }
}

impl Role {
    /// The value of the `role` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

impl StoredId {
    /// Wraps any text; the store does not check the form.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The id as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoredId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NewMessage {
    /// A text message without tool calls.
    pub fn text(role: Role, content: impl Into<String>, timestamp: Wall) -> Self {
        Self { role, content: Some(content.into()), tool_call_id: None, tool_calls: None, tool_name: None, timestamp }
    }

    /// How many tool calls this message makes.
    pub fn calls(&self) -> u64 {
        let counted = |calls: &String| serde_json::from_str::<Vec<serde::de::IgnoredAny>>(calls);
        // A text that another program has written and that is no list is one call.
        self.tool_calls.as_ref().map_or(0, |calls| counted(calls).map_or(1, |calls| calls.len() as u64))
    }
}
