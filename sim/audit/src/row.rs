//! The rows of `sessions`.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::schema::Schema;
use crate::transcript::Talk;

/// Sources whose rows belong to the gateway that serves terminals and desktops, of all releases. `unknown` is what the token
/// count of its agents writes into a row that it creates (B12 of the catalogue).
const OWN: [&str; 7] = ["", "tui", "desktop", "webui", "test", "local", "unknown"];

/// Whether rows of a source belong to another program on the same database, which may use them now: a messaging platform, the
/// command line, a schedule, an editor, an API, or an agent that another agent has started.
pub fn is_of_another_program(source: &str) -> bool {
    !OWN.contains(&source)
}

/// Sources of programs that keep the rows of their own sessions and of no messaging platform.
const NO_PLATFORM: [&str; 9] =
    ["cli", "cron", "subagent", "acp", "webhook", "api_server", "msgraph_webhook", "tool", "kanban"];

/// How a row says that it is not the continuation of its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    Branch,
    Subagent,
}

/// A row of `sessions`, without what it holds of a conversation. Values of a wrong type are `None`.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) source: String,
    /// Seconds since 1970, as the two others.
    pub(crate) started_at: Option<f64>,
    pub(crate) ended_at: Option<f64>,
    pub(crate) end_reason: Option<String>,
    pub(crate) message_count: i64,
    pub(crate) tool_call_count: i64,
    pub(crate) title: Option<String>,
    pub(crate) mark: Mark,
    /// What the messages of the row are. Filled by the scan.
    pub(crate) talk: Talk,
}

impl Row {
    pub(crate) fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }

    pub(crate) fn is_compressed(&self) -> bool {
        !self.is_open() && self.end_reason.as_deref() == Some("compression")
    }

    /// Whether the row belongs to a messaging platform.
    pub(crate) fn is_of_a_platform(&self) -> bool {
        is_of_another_program(&self.source) && !NO_PLATFORM.contains(&self.source.as_str())
    }

    /// The last sign that someone used the row, in seconds since 1970.
    pub(crate) fn last_used(&self) -> Option<f64> {
        match (self.started_at, self.talk.last_at) {
            (Some(started), Some(last)) => Some(started.max(last)),
            (started, last) => started.or(last),
        }
    }
}

/// Reads all rows, in order of id.
pub(crate) fn read_all(connection: &Connection, schema: &Schema) -> rusqlite::Result<Vec<Row>> {
    let column = |name, otherwise| schema.column("sessions", name, otherwise);
    let config = column("model_config", "NULL");
    let sql = format!(
        "SELECT id, {}, {}, {}, {}, {}, {}, {}, {}, \
         CASE WHEN json_valid({config}) THEN json_extract({config}, '$._branched_from') END, \
         CASE WHEN json_valid({config}) THEN json_extract({config}, '$._delegate_from') END \
         FROM sessions ORDER BY id",
        column("parent_session_id", "NULL"),
        column("source", "''"),
        column("started_at", "NULL"),
        column("ended_at", "NULL"),
        column("end_reason", "NULL"),
        column("message_count", "0"),
        column("tool_call_count", "0"),
        column("title", "NULL"),
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let is_marked = |place| row.get_ref(place).map(|value| value != ValueRef::Null);
        let mark = match (is_marked(9)?, is_marked(10)?) {
            (_, true) => Mark::Subagent,
            (true, false) => Mark::Branch,
            (false, false) => Mark::None,
        };
        all.push(Row {
            id: text(row.get_ref(0)?).unwrap_or_default(),
            parent: text(row.get_ref(1)?),
            source: text(row.get_ref(2)?).unwrap_or_default(),
            started_at: seconds(row.get_ref(3)?),
            ended_at: seconds(row.get_ref(4)?),
            end_reason: text(row.get_ref(5)?),
            message_count: count(row.get_ref(6)?),
            tool_call_count: count(row.get_ref(7)?),
            title: text(row.get_ref(8)?).filter(|title| !title.is_empty()),
            mark,
            talk: Talk::default(),
        });
    }
    // The order of the column may be another one than that of the bytes.
    all.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(all)
}

/// The place of a row in the list of all, which is in order of id.
pub(crate) fn place(rows: &[Row], id: &str) -> Option<usize> {
    rows.binary_search_by(|row| row.id.as_str().cmp(id)).ok()
}

/// A value as text: that of a number is its digits, and bytes that are no text are replaced.
pub(crate) fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
    }
}

pub(crate) fn seconds(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Real(seconds) => Some(seconds).filter(|seconds| seconds.is_finite()),
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
        ValueRef::Integer(seconds) => Some(seconds as f64),
        _ => None,
    }
}

/// A counter. `NULL` counts as 0, as in every release.
fn count(value: ValueRef<'_>) -> i64 {
    if let ValueRef::Integer(count) = value { count } else { 0 }
}
