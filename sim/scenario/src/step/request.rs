//! The requests of a script, and the values of their keys.

use std::num::NonZeroU32;

use gateway_core::agent::script::CONTINUE;

/// A step of a client that sends one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestStep {
    /// `session.create`: creates a session.
    Create {
        /// Key `as`: the session's name in the script.
        name: String,
        /// Key `title`: the requested title.
        title: Option<String>,
        /// Key `model`: the model of the session.
        model: Option<String>,
        /// Key `close_on_disconnect`: what the gateway does when the connection ends.
        on_disconnect: OnDisconnect,
        /// Keys `source`, `parent` and `seed`: the initial content of the session.
        start: Start,
    },
    /// `prompt.submit`: submits a prompt.
    Prompt {
        /// The session, by its name in the script.
        session: String,
        /// Keys `turn`, `text` and `continue`: the text of the prompt.
        prompt: Prompt,
        /// Key `truncate`: the ordinal of the user message that the prompt replaces, with all messages after it.
        truncate: Option<i64>,
        /// Key `key`: the idempotency key. Two prompts with one key run once.
        key: Option<String>,
    },
    /// `session.resume`: resumes a stored or live session.
    Resume {
        /// The session, by its name in the script.
        session: String,
        /// Key `id`: which of the session's ids is sent.
        target: ResumeTarget,
        /// Key `as`: another name for the session that is returned.
        name: Option<String>,
        /// Key `model`: the model that the session has from here on.
        model: Option<String>,
        /// Key `last_seen`: the number of the last event that the client has seen; the answer has those after it.
        last_seen: Option<u64>,
        /// Keys `lazy` and `eager_build`: when the agent is built.
        mode: ResumeMode,
    },
    /// `session.activate`: attaches the client to a live session.
    Activate {
        /// The session, by its name in the script.
        session: String,
    },
    /// `session.close`: closes the session.
    CloseSession {
        /// The session, by its name in the script.
        session: String,
    },
    /// `session.interrupt`: interrupts the running turn.
    Interrupt {
        /// The session, by its name in the script.
        session: String,
    },
    /// `session.title`: reads the title, or sets it.
    Title {
        /// The session, by its name in the script.
        session: String,
        /// Key `title`: the title to set.
        title: Option<String>,
    },
    /// `session.history`: requests the messages of the session.
    History {
        /// The session, by its name in the script.
        session: String,
    },
    /// `session.status`: requests the state of the live session.
    Status {
        /// The session, by its name in the script.
        session: String,
    },
    /// `session.usage`: requests how many messages and tool calls the session has.
    Usage {
        /// The session, by its name in the script.
        session: String,
    },
    /// `session.undo`: removes the last exchange.
    Undo {
        /// The session, by its name in the script.
        session: String,
    },
    /// `session.steer`: adds a message to the running turn.
    Steer {
        /// The session, by its name in the script.
        session: String,
        /// Key `text`: the message for the running turn.
        text: String,
    },
    /// `session.compress`: replaces the messages by a summary.
    Compress {
        /// The session, by its name in the script.
        session: String,
    },
    /// `session.branch`: creates a session with the messages of this one.
    Branch {
        /// The session, by its name in the script.
        session: String,
        /// Key `as`: the branch's name in the script.
        name: String,
    },
    /// `session.delete`: deletes the row of the session.
    Delete {
        /// The session, by its name in the script.
        session: String,
        /// Key `id`: which of the session's ids is sent.
        target: ResumeTarget,
    },
    /// `answer`: answers a question that the client received from the session.
    Answer {
        /// The session, by its name in the script.
        session: String,
        /// Key `text`: the answer. `None` with `again`: that of the answer before.
        text: Option<String>,
        /// Keys `again` and `question`: the question.
        to: AnsweredQuestion,
        /// Key `id`: how the answer names the question.
        naming: Naming,
    },
    /// `session.events.since`: requests the events after the last one that the client received.
    EventsSince {
        /// The session, by its name in the script.
        session: String,
        /// Key `last_seen`: the number of the last event that the client has seen. Left out: that of the last one it received.
        last_seen: Option<u64>,
    },
    /// `session.most_recent`: requests the session that was active last.
    MostRecent,
    /// `session.active_list`: lists the live sessions.
    ActiveList,
    /// `session.list`: lists the stored sessions.
    List,
}

/// The question that an answer is given to: keys `again` and `question`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnsweredQuestion {
    /// The last one that the client received, unless it has answered that.
    #[default]
    Last,
    /// The one with this number among those that the client received from the session; the first has 1.
    Numbered(NonZeroU32),
    /// The one that the client's last answer in the session was given to. The same request is sent once more.
    Again,
}

/// How an answer names its question: key `id`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// By the question's id, if it has one.
    #[default]
    Own,
    /// Not at all, as clients of old releases answer an approval.
    None,
    /// By this id.
    Id(String),
}

/// What the gateway does with a session when its connection ends: key `close_on_disconnect`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDisconnect {
    /// The gateway keeps the session for the orphan grace.
    #[default]
    Keep,
    /// The gateway closes the session.
    Close,
}

/// The initial content of a new session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The kind of client in the session's row. Left out: the gateway's setting.
    pub source: Option<String>,
    /// The session that the new one is a branch of, by its name in the script.
    pub parent: Option<String>,
    /// Earlier messages, of the user and of the assistant in turn.
    pub seed: Vec<String>,
}

/// The text of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// The name of a turn of the file's `[turns]`.
    Turn(String),
    /// Any other text. The scripted agent replies with the same text.
    Text(String),
    /// The rest of the session's last turn, from behind its last tool call with a result.
    Continue,
}

/// The id by which a client resumes or deletes a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResumeTarget {
    /// The stored id that the client knows.
    #[default]
    Stored,
    /// The id at the tip of the session's lineage. Another client may have moved the tip.
    Tip,
    /// The title of the session's row. Only a resume accepts titles.
    Title,
}

/// How a client resumes a session: keys `lazy` and `eager_build`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResumeMode {
    /// The client continues the session. The agent may be built after the answer.
    #[default]
    Continue,
    /// The client continues the session. The agent is built before the answer.
    ContinueWithAgent,
    /// The client only reads the session; no agent is built.
    ReadOnly,
}

/// The names and properties of a request that other modules read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mentions<'a> {
    /// The session on which the request acts.
    pub session: Option<&'a str>,
    /// The session that the request creates.
    pub creates: Option<&'a str>,
    /// The name that the request gives to a session: to the new session, or to the resumed one.
    pub names: Option<&'a str>,
    /// The name that stands for the ids of the answer in later steps.
    pub binds: Option<&'a str>,
    /// The parent of the session that the request creates.
    pub parent: Option<&'a str>,
    /// The session whose stored id is a parameter, and the kind of that id.
    pub stored: Option<(&'a str, ResumeTarget)>,
    /// The text of the prompt, if the request submits one.
    pub prompt: Option<&'a Prompt>,
}

impl RequestStep {
    /// The names that the request mentions.
    pub fn mentions(&self) -> Mentions<'_> {
        match self {
            Self::Create { name, start, .. } => {
                let parent = start.parent.as_deref();
                let stored = parent.map(|parent| (parent, ResumeTarget::Stored));
                Mentions { parent, stored, ..Mentions::creating(name) }
            }
            Self::Prompt { session, prompt, .. } => Mentions { prompt: Some(prompt), ..Mentions::of(session) },
            Self::Resume { session, target, name, .. } => {
                let (names, stored) = (name.as_deref(), Some((session.as_str(), *target)));
                Mentions { names, binds: Some(names.unwrap_or(session)), stored, ..Mentions::of(session) }
            }
            Self::Branch { session, name } => Mentions { session: Some(session), ..Mentions::creating(name) },
            Self::Delete { session, target } => Mentions { stored: Some((session, *target)), ..Mentions::of(session) },
            Self::Activate { session }
            | Self::CloseSession { session }
            | Self::Interrupt { session }
            | Self::Title { session, .. }
            | Self::History { session }
            | Self::Status { session }
            | Self::Usage { session }
            | Self::Undo { session }
            | Self::Steer { session, .. }
            | Self::Compress { session }
            | Self::Answer { session, .. }
            | Self::EventsSince { session, .. } => Mentions::of(session),
            Self::MostRecent | Self::ActiveList | Self::List => Mentions::default(),
        }
    }

    pub(super) fn session_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Prompt { session, .. }
            | Self::Resume { session, .. }
            | Self::Activate { session }
            | Self::CloseSession { session }
            | Self::Interrupt { session }
            | Self::Title { session, .. }
            | Self::History { session }
            | Self::Status { session }
            | Self::Usage { session }
            | Self::Undo { session }
            | Self::Steer { session, .. }
            | Self::Compress { session }
            | Self::Branch { session, .. }
            | Self::Delete { session, .. }
            | Self::Answer { session, .. }
            | Self::EventsSince { session, .. } => Some(session),
            Self::Create { .. } | Self::MostRecent | Self::ActiveList | Self::List => None,
        }
    }

    /// Renames the parent, and drops the name of a resumed session.
    pub(super) fn replace_references(&mut self, from: &str, to: &str) {
        if let Self::Resume { name, .. } = self
            && name.as_deref() == Some(from)
        {
            *name = None;
        }
        if let Self::Create { start, .. } = self
            && start.parent.as_deref() == Some(from)
        {
            start.parent = Some(to.to_owned());
        }
    }

    pub(super) fn simplify(&mut self) {
        match self {
            Self::Create { title, model, on_disconnect, start, .. } => {
                (*title, *model) = (None, None);
                *on_disconnect = OnDisconnect::Keep;
                *start = Start::default();
            }
            Self::Prompt { truncate, key, .. } => (*truncate, *key) = (None, None),
            Self::Resume { target, model, last_seen, mode, .. } => {
                (*model, *last_seen) = (None, None);
                *target = ResumeTarget::Stored;
                *mode = ResumeMode::Continue;
            }
            Self::EventsSince { last_seen, .. } => *last_seen = None,
            Self::Title { title, .. } => *title = None,
            Self::Delete { target, .. } => *target = ResumeTarget::Stored,
            // Without `again` it needs a text of its own.
            Self::Answer { text, to, naming, .. } => {
                if text.is_some() {
                    *to = AnsweredQuestion::Last;
                }
                *naming = Naming::Own;
            }
            Self::Activate { .. }
            | Self::CloseSession { .. }
            | Self::Interrupt { .. }
            | Self::History { .. }
            | Self::Status { .. }
            | Self::Usage { .. }
            | Self::Undo { .. }
            | Self::Steer { .. }
            | Self::Compress { .. }
            | Self::Branch { .. }
            | Self::MostRecent
            | Self::ActiveList
            | Self::List => {}
        }
    }
}

impl<'a> Mentions<'a> {
    fn of(session: &'a str) -> Self {
        Self { session: Some(session), ..Self::default() }
    }

    fn creating(name: &'a str) -> Self {
        Self { creates: Some(name), names: Some(name), binds: Some(name), ..Self::default() }
    }
}

impl Prompt {
    /// The text that is submitted. The scripted agent finds a turn by its name.
    pub fn text(&self) -> &str {
        match self {
            Self::Turn(text) | Self::Text(text) => text,
            Self::Continue => CONTINUE,
        }
    }
}

impl ResumeTarget {
    /// The value of `id`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Tip => "tip",
            Self::Title => "title",
        }
    }
}
