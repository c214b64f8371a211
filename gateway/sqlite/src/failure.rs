//! The errors of this crate's statements, until they leave it as a [`StoreError`].

use gateway_core::store::StoreError;
use rusqlite::ffi;

/// A [`StoreError`] that an error of SQLite converts to. A type of its own, because neither error belongs to this crate.
pub(super) struct Failure(StoreError);

/// The general meaning of an error. Titles have the only unique index; a taken id is a primary key.
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
