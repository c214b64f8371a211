//! The `[rows]` table: what the database holds before the gateway starts.

use gateway_core::clock::Millis;
use gateway_core::store::Role;

/// One table of `[[rows.sessions]]`: a session row that another process has stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialSession {
    /// The primary key.
    pub id: String,
    /// Key `as`: the session's name in the script. Left out: the id.
    pub name: Option<String>,
    /// The kind of client that made it. Left out: `tui`.
    pub source: String,
    /// The id of an earlier row, which this one continues or was branched from.
    pub parent: Option<String>,
    /// What the row is to its parent.
    pub kinship: Kinship,
    /// The title, which no other row has.
    pub title: Option<String>,
    /// The name of the model.
    pub model: Option<String>,
    /// The working folder.
    pub cwd: Option<String>,
    /// How long before the run it was started. Left out: an hour.
    pub started: Millis,
    /// How it ended. Left out: it is open.
    pub end: Option<InitialEnd>,
    /// The messages, oldest first, each a millisecond after the one before.
    pub messages: Vec<InitialMessage>,
}

/// What a row is to its parent: key `branch`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kinship {
    /// It continues the parent, if a compression has ended that.
    #[default]
    Continues,
    /// It is a conversation of its own that began with the parent's messages.
    Branch,
}

/// The end of a row: keys `ended` and `reason`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialEnd {
    /// How long before the run it was ended.
    pub ago: Millis,
    /// The value of `end_reason`, which may be a word of another program.
    pub reason: String,
}

/// One of the `messages` of a row, or a table of `[[rows.messages]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialMessage {
    /// The role of the speaker.
    pub role: Role,
    /// The text.
    pub content: Option<String>,
    /// Of a tool's result: the call that it answers.
    pub tool_call_id: Option<String>,
    /// Of an assistant's message: the calls that it makes, a list in JSON.
    pub tool_calls: Option<String>,
    /// Of a tool's result: the name of the tool.
    pub tool_name: Option<String>,
    /// False for a message that a compression in place has replaced. Left out: true.
    pub is_active: bool,
}

/// The time before the run at which a row was started, where the file gives none.
pub(super) const STARTED: Millis = Millis::from_secs(3600);

/// The source of a row for which the file gives none.
pub(super) const SOURCE: &str = "tui";

impl InitialSession {
    /// A row with this id and the values that apply where a file gives none.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: None,
            source: SOURCE.to_owned(),
            parent: None,
            kinship: Kinship::Continues,
            title: None,
            model: None,
            cwd: None,
            started: STARTED,
            end: None,
            messages: Vec::new(),
        }
    }

    /// The session's name in the script.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

impl InitialMessage {
    /// An active message without calls.
    pub fn text(role: Role, content: impl Into<String>) -> Self {
        let (tool_call_id, tool_calls, tool_name) = (None, None, None);
        Self { role, content: Some(content.into()), tool_call_id, tool_calls, tool_name, is_active: true }
    }
}
