//! The errors of this crate's statements, until they leave it as a [`StoreError`].

use gateway_core::store::StoreError;
use rusqlite::ffi;

/// A [`StoreError`] to which an error of SQLite converts. A wrapper, because neither error type belongs to this crate.
pub(super) struct Failure(StoreError);

/// A violated `UNIQUE` index means a taken title, since titles have the only one (ids are primary keys). Any other error
/// means that nothing was written.
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
