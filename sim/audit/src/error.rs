//! Why a file cannot be audited, and what to do then.

use std::path::PathBuf;

/// Why a file cannot be audited. [`help`](Self::help) has the remedy.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The path leads nowhere, or to something that cannot be opened.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The path names a folder.
    #[error("`{}` is a folder, not a database", path.display())]
    Folder {
        /// The path as given.
        path: PathBuf,
    },
    /// The file has no bytes.
    #[error("`{}` is empty", path.display())]
    Empty {
        /// The path as given.
        path: PathBuf,
    },
    /// The file does not begin as an SQLite database does.
    #[error("`{}` is not an SQLite database, or it is encrypted: its first 16 bytes are not `SQLite format 3`", path.display())]
    NotADatabase {
        /// The path as given.
        path: PathBuf,
    },
    /// A database of another program.
    #[error("`{}` is a database of another program: it has no {missing}, but the tables {tables}", path.display())]
    NotOurs {
        /// The path as given.
        path: PathBuf,
        /// The table or column that no `state.db` lacks, as text.
        missing: String,
        /// The tables that it has, as text.
        tables: String,
    },
    /// A page or an index cannot be read.
    #[error("`{}` is damaged: {cause}", path.display())]
    Damaged {
        /// The path as given.
        path: PathBuf,
        /// The first thing that SQLite finds wrong.
        cause: String,
    },
    /// Another process holds a lock for longer than an audit waits.
    #[error("`{}` is locked by another process", path.display())]
    Locked {
        /// The path as given.
        path: PathBuf,
    },
    /// Another process has changed the file while it was read without locks.
    #[error("`{}` was changed while it was read", path.display())]
    Changed {
        /// The path as given.
        path: PathBuf,
    },
    /// The private copy of a file and its log cannot be made.
    #[error("cannot copy `{}` and its `{beside}` to a private folder", path.display())]
    NotCopied {
        /// The path as given.
        path: PathBuf,
        /// The name of the file beside it: `-wal` or `-journal`.
        beside: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// Any other failure of a query.
    #[error("cannot query `{}`", path.display())]
    Query {
        /// The path as given.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl AuditError {
    /// What a person can do about it, as a sentence without a full stop.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "name the database of a gateway: hermes-agent has it in `~/.hermes/state.db`, `gateway serve` where `--db` says"
            }
            Self::Folder { .. } => "name the file in it, most often `state.db`",
            Self::Empty { .. } => {
                "nothing was ever stored in it, or a copy failed: name the file that the gateway uses"
            }
            Self::NotADatabase { .. } => "name a `state.db`; decrypt an encrypted one with the tool that encrypted it",
            Self::NotOurs { .. } => "name the `state.db` of a gateway, with its tables `sessions` and `messages`",
            Self::Damaged { .. } => {
                "a copy needs its -wal: make it with `sqlite3 state.db '.backup COPY'`. If the original is damaged too, audit what `sqlite3 COPY .recover | sqlite3 NEW` saves"
            }
            Self::Locked { .. } => {
                "try again when the other process is done, or audit a copy of the file with its -wal"
            }
            Self::Changed { .. } => {
                "a gateway has just started on it: try again, and the audit reads it beside the gateway"
            }
            Self::NotCopied { .. } => "the copy needs as much room as the files: set TMPDIR to a folder that has it",
            Self::Query { .. } => {
                "if the file is a gateway's, please report it with the output of `sqlite3 FILE .schema`"
            }
        }
    }
}
