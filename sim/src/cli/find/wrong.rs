//! Mistakes in a pattern as diagnostics: the row or the line of the file, the position in it, and the help.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use sim_search::find::{Given, InputError, PatternError};

/// A mistake with the text that it is in.
#[derive(Debug)]
pub(super) struct PatternDiagnostic {
    message: String,
    help: Option<String>,
    source: Option<(NamedSource<String>, Range<usize>)>,
}

impl PatternDiagnostic {
    pub(super) fn of_file(path: Option<&PathBuf>, text: &str, error: InputError) -> Self {
        let name = path.map(|path| path.display().to_string()).unwrap_or_default();
        let message = if error.span.is_some() { error.message } else { format!("{name}: {}", error.message) };
        let source = error.span.map(|span| (NamedSource::new(name, text.to_owned()), span));
        Self { message, help: error.help, source }
    }

    pub(super) fn of_row(path: Option<&PathBuf>, text: &str, given: &Given, error: PatternError) -> Self {
        let row =
            || (NamedSource::new(format!("row {}", error.row + 1), given.rows[error.row].clone()), error.span.clone());
        let source = match (path, given.place(&error)) {
            (Some(path), Some(span)) => (NamedSource::new(path.display().to_string(), text.to_owned()), span),
            _ => row(),
        };
        Self { message: error.message, help: error.help, source: Some(source) }
    }
}

impl fmt::Display for PatternDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PatternDiagnostic {}

impl Diagnostic for PatternDiagnostic {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|(source, _)| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, span) = self.source.as_ref()?;
        let label = LabeledSpan::new(Some("here".to_owned()), span.start, span.len());
        Some(Box::new(std::iter::once(label)))
    }
}
