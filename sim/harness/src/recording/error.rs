//! Errors in recordings, with their place.

use std::path::{Path, PathBuf};

/// A file that is not a recording, or that asks for something that a scenario cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}", path.display(), colon(place))]
pub struct RecordingError {
    path: PathBuf,
    place: String,
    message: String,
}

/// A place inside the file, for example `steps[3].at`, and the message.
pub(super) type Misplaced = (String, String);

impl RecordingError {
    pub(super) fn new(path: &Path, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), place: place.into(), message: message.into() }
    }
}

fn colon(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(": {place}") }
}
