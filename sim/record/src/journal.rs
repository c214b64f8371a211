//! The journal: one line of JSON for each event, written as it happens.
//!
//! An append of one line is the cheapest write that survives the death of the recorder. The scenario cannot be written in
//! this way, because the end of a turn changes tables that stand before its steps.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An event with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Milliseconds from the start of the recording.
    pub at: u64,
    /// The number of the connection, from 1; 0 for an event of no connection.
    pub connection: u64,
    /// The event.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The recording begins.
    Began {
        /// The wall time, in milliseconds since 1970.
        wall_ms: u64,
        /// The gateway, as `ADDRESS/PATH` without the query, which may hold a token.
        gateway: String,
        /// The stored ids that the database has.
        rows: BTreeSet<String>,
    },
    /// A WebSocket connection is open at both ends.
    Connected {
        /// The path of the request, without its query.
        path: String,
    },
    /// A client's request with what a scenario can hold of it, as a JSON-RPC object.
    Request(Value),
    /// The gateway's answer, likewise.
    Answer(Value),
    /// The parameters of an event that the gateway sent, likewise.
    Notice(Value),
    /// A message that is no JSON-RPC.
    Foreign {
        /// Who sent it.
        from: Side,
        /// Its kind, for example `binary`.
        kind: String,
    },
    /// One side ended the connection.
    Ended {
        /// Who.
        by: Side,
        /// How.
        how: How,
    },
    /// The gateway could not be reached for a new connection.
    Unreachable,
    /// A row that the database had before the recording, when a client asked for it.
    EarlierRow(EarlierRow),
    /// The recording was ended by its user.
    Finished,
}

/// A row from before the recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlierRow {
    /// The stored id.
    pub id: String,
    /// The row that it continues.
    pub parent: Option<String>,
    /// The column `source`.
    pub source: String,
    /// The column `end_reason`.
    pub end_reason: Option<String>,
    /// The title, reduced as a text.
    pub title: Option<Value>,
    /// Its active messages, oldest first.
    pub messages: Vec<EarlierMessage>,
}

/// A message of a row from before the recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlierMessage {
    /// `user`, `assistant` or `tool`.
    pub role: String,
    /// The reduced text.
    pub content: Option<Value>,
    /// The ids of the calls that it makes.
    pub calls: Vec<String>,
    /// The id of the call whose result it is.
    pub result_of: Option<String>,
}

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The client.
    Client,
    /// The gateway.
    Gateway,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// With a close frame, which had this code if any.
    Closed {
        /// The code, for example 1000.
        code: Option<u16>,
    },
    /// Without a close frame: the connection was lost.
    Died,
}

/// The file, open for appending.
pub struct Journal {
    file: File,
    path: PathBuf,
}

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be made, written or read.
    #[error("journal {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A line is no entry.
    #[error("journal {path}, line {line}: {source}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The file has no first entry.
    #[error("journal {path}: it has no event, so nothing was recorded")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl Journal {
    /// Makes a new file.
    ///
    /// # Errors
    /// The file exists (it may be all that is left of an earlier recording), or cannot be made.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file = OpenOptions::new().append(true).create_new(true).open(path);
        let file = file.map_err(|source| JournalError::File { path: path.to_owned(), source })?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Appends an entry. It is with the operating system when this returns.
    ///
    /// # Errors
    /// The file cannot be written.
    ///
    /// # Panics
    /// Never: an entry is plain data.
    pub fn append(&mut self, entry: &Entry) -> Result<(), JournalError> {
        let line = serde_json::to_string(entry).expect("an entry is plain data") + "\n";
        let written = self.file.write_all(line.as_bytes());
        written.map_err(|source| JournalError::File { path: self.path.clone(), source })
    }

    /// Reads a file. A last line without its end was cut off by the death of the recorder, and is left out.
    ///
    /// # Errors
    /// The file cannot be read, has no entry, or a line is none.
    pub fn read(path: &Path) -> Result<Vec<Entry>, JournalError> {
        let failed = |source| JournalError::File { path: path.to_owned(), source };
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let (mut entries, mut line) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            file.read_until(b'\n', &mut line).map_err(failed)?;
            if !line.ends_with(b"\n") {
                break;
            }
            let entry = serde_json::from_slice(&line);
            let number = entries.len() + 1;
            entries.push(entry.map_err(|source| JournalError::Line { path: path.to_owned(), line: number, source })?);
        }
        if entries.is_empty() { Err(JournalError::Empty { path: path.to_owned() }) } else { Ok(entries) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: u64) -> Entry {
        Entry { at, connection: 1, event: Event::Ended { by: Side::Client, how: How::Closed { code: Some(1000) } } }
    }

    /// What was appended is read back. A recorder that died in the middle of a line leaves all lines before it; a line that
    /// is no entry is named.
    #[test]
    fn a_cut_line_is_left_out_and_a_bad_one_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut journal = Journal::create(&path).expect("a file");
        journal.append(&entry(1)).expect("it is written");
        journal.append(&entry(2)).expect("it is written");
        assert_eq!(Journal::read(&path).expect("entries"), [entry(1), entry(2)]);
        let mut text = std::fs::read_to_string(&path).expect("text");
        text.truncate(text.len() - 5);
        std::fs::write(&path, &text).expect("it is written");
        assert_eq!(Journal::read(&path).expect("entries"), [entry(1)]);
        std::fs::write(&path, "{\"at\": 1}\n").expect("it is written");
        let error = Journal::read(&path).expect_err("a bad line").to_string();
        assert!(error.contains("line 1: missing field"), "{error}");
        std::fs::write(&path, "").expect("it is written");
        assert!(Journal::read(&path).expect_err("no line").to_string().contains("nothing was recorded"));
        assert!(Journal::create(&path).is_err(), "an earlier recording is not overwritten");
    }
}
