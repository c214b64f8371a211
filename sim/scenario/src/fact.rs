//! Facts that the author of a file expects of a run: `[[expect.rows]]`, `[[expect.frames]]` and `[[expect.memory]]`.
//!
//! A fact is about one instant, or about the end of the script's time. The harness judges it after the run.

use std::collections::BTreeMap;

use gateway_core::clock::Millis;
use gateway_core::release::Release;
use toml::Value;

/// One table of `[[expect.rows]]`, `[[expect.frames]]` or `[[expect.memory]]`.
#[derive(Clone, Debug, Eq)]
pub struct ExpectedFact {
    /// Keys `release` and `releases`: the releases it is expected of. Left out: all of the file.
    pub releases: Vec<Release>,
    /// What is expected.
    pub kind: FactKind,
    /// The line of the file on which the table begins; 0 for a fact of no file.
    pub line: usize,
}

/// What a fact is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// Rows of the database.
    Rows(ExpectedRows),
    /// Frames that a client received.
    Frames(ExpectedFrames),
    /// What is live in the gateway's memory.
    Memory(ExpectedMemory),
}

/// A table of `[[expect.rows]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedRows {
    /// Key `at`: the instant, after all its events. Left out: the end of the script's time.
    pub at: Option<Millis>,
    /// Keys `session`, `tip` and `row`: the rows that are looked at.
    pub which: WhichRows,
    /// The columns and their values, as a snapshot prints them. Every column has to match.
    pub columns: BTreeMap<RowColumn, String>,
    /// Key `open`: whether the row has no `ended_at`.
    pub open: Option<bool>,
    /// Key `count`: how many rows match. Left out: at least one.
    pub count: Option<u64>,
    /// Key `order`: sessions or rows, in the order in which their rows were inserted.
    pub order: Vec<String>,
    /// Key `messages`: the messages of the row that are not replaced, all of them and in their order.
    pub messages: Option<Vec<ExpectedMessage>>,
}

/// The rows that a fact looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WhichRows {
    /// All rows of `sessions`.
    #[default]
    Any,
    /// Key `session`: the row whose id the clients know the session by.
    Session(String),
    /// Keys `session` and `tip = true`: the newest row of the session's lineage.
    Tip(String),
    /// Key `row`: a row by its alias in snapshots (`s2`), or by its stored id.
    Row(String),
}

/// A column of `sessions` that a fact can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowColumn {
    /// The stored id.
    Id,
    /// The kind of client that created the session.
    Source,
    /// The row that this one continues, by alias, session or stored id.
    Parent,
    /// The wall time of the start, from the start of the script.
    StartedAt,
    /// The wall time of the end, from the start of the script.
    EndedAt,
    /// Why it ended.
    EndReason,
    /// The number of messages.
    MessageCount,
    /// The number of tool calls.
    ToolCallCount,
    /// The title.
    Title,
    /// The model. Snapshots do not print it.
    Model,
}

/// An element of `messages`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedMessage {
    /// Key `role`: `user`, `assistant`, `tool` or another role. Left out: any.
    pub role: Option<String>,
    /// Key `text`: the content. Left out: any.
    pub text: Option<String>,
}

/// A table of `[[expect.frames]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedFrames {
    /// Key `client`: the client that receives the frames.
    pub client: String,
    /// Keys `event`, `method` and `kind`: the frames that are looked at.
    pub which: WhichFrames,
    /// Key `session`: the session that the frame is about.
    pub session: Option<String>,
    /// Key `after`: the first instant.
    pub after: Option<Millis>,
    /// Key `before`: the instant before which the frames arrive.
    pub before: Option<Millis>,
    /// Key `match`: paths of fields and their values. Every field has to match.
    pub fields: BTreeMap<String, FieldValue>,
    /// Key `count`: how many frames match. Left out: at least one. 0: none may arrive.
    pub count: Option<u64>,
}

/// The value that a field of a frame is compared with.
#[derive(Clone, Debug)]
pub struct FieldValue(pub Value);

/// The kind of frame that a fact looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhichFrames {
    /// Key `event`: events of this type. Left out: all events.
    Event(Option<String>),
    /// `kind = "answer"`: results of requests of this method (key `method`). Left out: of all methods.
    Answer(Option<String>),
    /// `kind = "error"`: refusals of requests of this method (key `method`). Left out: of all methods.
    Error(Option<String>),
}

/// A table of `[[expect.memory]]`: counts; each that is given has to be equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedMemory {
    /// Key `at`: the instant, after all its events. Left out: the end of the script's time.
    pub at: Option<Millis>,
    /// The counts by kind.
    pub counts: BTreeMap<MemoryCount, u64>,
}

/// A count of what is live in the gateway's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryCount {
    /// Live sessions.
    Sessions,
    /// Armed orphan timers.
    Timers,
    /// Running turns.
    Turns,
    /// Prompts that wait for a running turn.
    Waiting,
    /// Served connections.
    Connections,
}

/// Two facts are equal if what they expect is equal; their lines are ignored.
impl PartialEq for ExpectedFact {
    fn eq(&self, other: &Self) -> bool {
        self.releases == other.releases && self.kind == other.kind
    }
}

/// Numbers are compared as they print, so that the comparison is an equivalence also for fractions.
impl PartialEq for FieldValue {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

impl Eq for FieldValue {}

impl ExpectedFact {
    /// Whether it is expected of runs under this release.
    pub fn is_of(&self, release: Release) -> bool {
        self.releases.is_empty() || self.releases.contains(&release)
    }

    /// The instant it is about; none for the end of the script's time, and for frames.
    pub fn at(&self) -> Option<Millis> {
        match &self.kind {
            FactKind::Rows(rows) => rows.at,
            FactKind::Memory(memory) => memory.at,
            FactKind::Frames(_) => None,
        }
    }

    /// The client and the sessions that it names. A name in `order` may also be that of a row.
    pub fn names(&self) -> (Option<&str>, Vec<&str>) {
        match &self.kind {
            FactKind::Rows(rows) => {
                let named = match &rows.which {
                    WhichRows::Session(session) | WhichRows::Tip(session) => Some(session.as_str()),
                    WhichRows::Any | WhichRows::Row(_) => None,
                };
                (None, named.into_iter().chain(rows.order.iter().map(String::as_str)).collect())
            }
            FactKind::Frames(frames) => (Some(&frames.client), frames.session.as_deref().into_iter().collect()),
            FactKind::Memory(_) => (None, Vec::new()),
        }
    }
}

impl FactKind {
    /// The header of its table.
    pub const fn header(&self) -> &'static str {
        match self {
            Self::Rows(_) => "[[expect.rows]]",
            Self::Frames(_) => "[[expect.frames]]",
            Self::Memory(_) => "[[expect.memory]]",
        }
    }
}

impl RowColumn {
    /// Every column, in the order of the schema.
    pub const ALL: [Self; 10] = [
        Self::Id,
        Self::Source,
        Self::Parent,
        Self::StartedAt,
        Self::EndedAt,
        Self::EndReason,
        Self::MessageCount,
        Self::ToolCallCount,
        Self::Title,
        Self::Model,
    ];

    /// The key, which is the column's name in the database.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Source => "source",
            Self::Parent => "parent_session_id",
            Self::StartedAt => "started_at",
            Self::EndedAt => "ended_at",
            Self::EndReason => "end_reason",
            Self::MessageCount => "message_count",
            Self::ToolCallCount => "tool_call_count",
            Self::Title => "title",
            Self::Model => "model",
        }
    }
}

impl MemoryCount {
    /// Every count, in the order in which a table prints them.
    pub const ALL: [Self; 5] = [Self::Sessions, Self::Timers, Self::Turns, Self::Waiting, Self::Connections];

    /// The key.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Timers => "timers",
            Self::Turns => "turns",
            Self::Waiting => "waiting",
            Self::Connections => "connections",
        }
    }
}

/// The keys of a fact's table with their values, in the order in which they are printed.
pub(super) fn written(fact: &ExpectedFact) -> Vec<(&'static str, Value)> {
    let mut keys: Vec<(&'static str, Value)> = match &fact.kind {
        FactKind::Rows(rows) => rows_keys(rows),
        FactKind::Frames(frames) => frames_keys(frames),
        FactKind::Memory(memory) => {
            let counts = memory.counts.iter().map(|(kind, count)| (kind.key(), number(*count)));
            at(memory.at).into_iter().chain(counts).collect()
        }
    };
    match fact.releases.as_slice() {
        [] => {}
        [release] => keys.insert(0, ("release", Value::from(release.name()))),
        several => {
            let names: Vec<&str> = several.iter().map(|release| release.name()).collect();
            keys.insert(0, ("releases", Value::from(names)));
        }
    }
    keys
}

fn rows_keys(rows: &ExpectedRows) -> Vec<(&'static str, Value)> {
    let mut keys = Vec::from_iter(at(rows.at));
    match &rows.which {
        WhichRows::Any => {}
        WhichRows::Session(session) => keys.push(("session", Value::from(session.as_str()))),
        WhichRows::Tip(session) => {
            keys.extend([("session", Value::from(session.as_str())), ("tip", Value::Boolean(true))]);
        }
        WhichRows::Row(row) => keys.push(("row", Value::from(row.as_str()))),
    }
    for (column, text) in &rows.columns {
        let value = match column {
            RowColumn::MessageCount | RowColumn::ToolCallCount => {
                text.parse().map_or(Value::from(text.as_str()), number)
            }
            _ => Value::from(text.as_str()),
        };
        keys.push((column.key(), value));
    }
    keys.extend(rows.open.map(|open| ("open", Value::Boolean(open))));
    keys.extend(rows.count.map(|count| ("count", number(count))));
    if !rows.order.is_empty() {
        keys.push(("order", Value::from(rows.order.clone())));
    }
    let message = |message: &ExpectedMessage| {
        let fields = [("role", &message.role), ("text", &message.text)];
        let given = fields.into_iter().filter_map(|(key, text)| Some((key.to_owned(), Value::from(text.as_deref()?))));
        Value::Table(given.collect())
    };
    keys.extend(
        rows.messages.as_ref().map(|messages| ("messages", Value::Array(messages.iter().map(message).collect()))),
    );
    keys
}

fn frames_keys(frames: &ExpectedFrames) -> Vec<(&'static str, Value)> {
    let text = |text: &String| Value::from(text.as_str());
    let length = |length: Millis| Value::String(length.into());
    let mut keys = vec![("client", text(&frames.client))];
    match &frames.which {
        WhichFrames::Event(Some(event)) => keys.push(("event", text(event))),
        WhichFrames::Event(None) => keys.push(("kind", Value::from("event"))),
        WhichFrames::Answer(method) => {
            keys.extend(method.as_ref().map(|method| ("method", text(method))));
            keys.push(("kind", Value::from("answer")));
        }
        WhichFrames::Error(method) => {
            keys.extend(method.as_ref().map(|method| ("method", text(method))));
            keys.push(("kind", Value::from("error")));
        }
    }
    keys.extend(frames.session.as_ref().map(|session| ("session", text(session))));
    keys.extend(frames.after.map(|after| ("after", length(after))));
    keys.extend(frames.before.map(|before| ("before", length(before))));
    if !frames.fields.is_empty() {
        let fields = frames.fields.iter().map(|(path, value)| (path.clone(), value.0.clone()));
        keys.push(("match", Value::Table(fields.collect())));
    }
    keys.extend(frames.count.map(|count| ("count", number(count))));
    keys
}

fn at(at: Option<Millis>) -> Option<(&'static str, Value)> {
    at.map(|at| ("at", Value::String(at.into())))
}

/// A count of a file, which the check has bounded.
fn number(count: u64) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Whether a name is that of a row in snapshots: `s1`, `s2`, in the order of insertion.
pub fn is_alias(name: &str) -> bool {
    name.strip_prefix('s').is_some_and(|number| number.parse::<u32>().is_ok_and(|number| number > 0))
}
