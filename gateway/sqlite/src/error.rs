//! Why a database cannot be opened.

use std::path::{Path, PathBuf};

use rusqlite::ffi;

/// Why a database cannot be opened. An existing file is left unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder does not exist, or access is denied.
    #[error("cannot open database `{}`: {cause}", path.display())]
    CannotOpen {
        /// The path as it was given.
        path: PathBuf,
        /// The message of the operating system or of SQLite.
        cause: String,
    },
    /// The file is a database with damaged pages.
    #[error("database `{}` is damaged: {cause}", path.display())]
    Damaged {
        /// The path as it was given.
        path: PathBuf,
        /// What SQLite has found first.
        cause: String,
    },
    /// The file is not an SQLite database.
    #[error("`{}` is not a database", path.display())]
    NotADatabase {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The database has tables but no schema version: it belongs to another program.
    #[error("`{}` is a database, but not one of a gateway: it has tables and no schema version", path.display())]
    NotOurs {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The schema is newer than this gateway.
    #[error(
        "database `{}` has schema version {found}, this gateway knows versions up to {known}; use a newer gateway",
        path.display()
    )]
    NewerSchema {
        /// The path as it was given.
        path: PathBuf,
        /// The schema version of the database.
        found: i64,
        /// The schema version of this gateway.
        known: i64,
    },
    /// The schema is older than this gateway. There is no migration.
    #[error(
        "database `{}` has schema version {found}, this gateway needs version {known}; use another path",
        path.display()
    )]
    OlderSchema {
        /// The path as it was given.
        path: PathBuf,
        /// The schema version of the database.
        found: i64,
        /// The schema version of this gateway.
        known: i64,
    },
}

/// The error of a database at `path` that SQLite could not open, read or prepare.
pub(super) fn not_opened(path: &Path, error: &rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ffi::ErrorCode::NotADatabase) => OpenError::NotADatabase { path: path.to_owned() },
        Some(ffi::ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path: path.to_owned(), cause: error.to_string() },
        _ => OpenError::CannotOpen { path: path.to_owned(), cause: error.to_string() },
    }
}
