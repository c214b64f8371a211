//! A claim that does not hold, with its rows.

use serde::Serialize;

use crate::kind::Kind;
use crate::row::Row;

/// A row of `sessions`, as a finding names it. Times are seconds since 1970, as in the database.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListedRow {
    /// The primary key.
    pub id: String,
    /// The id in `parent_session_id`.
    pub parent: Option<String>,
    /// The program that the row belongs to.
    pub source: String,
    /// When the row was inserted.
    pub started_at: Option<f64>,
    /// When it was ended; `None` for an open row.
    pub ended_at: Option<f64>,
    /// The word that says who ended it.
    pub end_reason: Option<String>,
    /// The counter of the row.
    pub message_count: i64,
    /// The title, with [`Texts::Shown`](crate::Texts).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// The beginning of a message, with [`Texts::Shown`](crate::Texts).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quote {
    /// The message.
    pub id: i64,
    /// Who says it.
    pub role: String,
    /// Its first characters.
    pub text: String,
}

/// A claim that does not hold for some rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What kind of claim it is.
    pub kind: Kind,
    /// What is wrong, in words.
    pub claim: String,
    /// The rows that show it, parents first.
    pub rows: Vec<ListedRow>,
    /// Ids of messages that show it, at most ten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<i64>,
    /// The beginnings of these messages, with [`Texts::Shown`](crate::Texts).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<Quote>,
    /// The defects of the catalogue that leave this, the most likely first.
    pub defects: Vec<&'static str>,
    /// The releases that have one of them.
    pub releases: Vec<&'static str>,
    /// The arguments of `sim find` that look for a schedule; empty where no schedule leads here.
    pub find: Vec<String>,
    /// The SQL statement that mends it, for a safe kind.
    #[serde(skip)]
    pub repair: Option<String>,
}

impl ListedRow {
    pub(crate) fn new(row: &Row, with_title: bool) -> Self {
        Self {
            id: row.id.clone(),
            parent: row.parent.clone(),
            source: row.source.clone(),
            started_at: row.started_at,
            ended_at: row.ended_at,
            end_reason: row.end_reason.clone(),
            message_count: row.message_count,
            title: row.title.clone().filter(|_| with_title),
        }
    }
}
