//! The errors of this crate's statements, until they leave it as a [`StoreError`].

use gateway_core::store::StoreError;
use rusqlite::ffi;

/// A [`StoreError`] to which an error of SQLite converts. A wrapper, because neither error type belongs to this crate.
pub(super) struct Failure(StoreError);

impl Failure {
    /// The error of a commit. When the disk fails meanwhile, a part of the transaction that makes it whole may be on the disk
    /// nevertheless: a failed sync promises nothing, and the next process may find the transaction in the rows.
    pub(super) fn of_commit(error: rusqlite::Error) -> Self {
        if is_of_the_disk(&error) { Self(StoreError::Unknown { cause: error.to_string() }) } else { Self::from(error) }
    }
}

/// Whether a read, a write or a sync of the disk has failed.
pub(super) fn is_of_the_disk(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ffi::ErrorCode::SystemIoFailure)
}

/// A violated `UNIQUE` index means a taken title, since titles have the only one (ids are primary keys). Any other error
/// before the commit means that nothing was written.
impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self(match error.sqlite_error() {
            Some(ffi::Error { extended_code: ffi::SQLITE_CONSTRAINT_UNIQUE, .. }) => StoreError::TitleTaken,
            _ => StoreError::NotWritten { cause: error.to_string() },
        })
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}
