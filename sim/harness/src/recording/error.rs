//! What is wrong with a recording, and where.

use std::path::{Path, PathBuf};

/// A file that is no recording that we can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}", path.display(), colon(place))]
pub struct RecordingError {
    path: PathBuf,
    place: String,
    message: String,
}

/// A place inside the file, and what is wrong there.
pub(super) type Misplaced = (String, String);

impl RecordingError {
    pub(super) fn new(path: &Path, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), place: place.into(), message: message.into() }
    }
}

fn colon(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(": {place}") }
}
