//! Errors of a scenario file as diagnostics: the line of the file, the position in it, and the help.

mod excerpt;

use std::fmt;

use miette::{Diagnostic, LabeledSpan, SourceCode};
use sim_scenario::ScenarioError;

use excerpt::Excerpt;

/// A [`ScenarioError`] with its file as source code.
#[derive(Debug)]
pub(super) struct ScenarioDiagnostic {
    error: ScenarioError,
    source: Option<Excerpt>,
}

impl From<ScenarioError> for ScenarioDiagnostic {
    fn from(error: ScenarioError) -> Self {
        let name = error.path().display().to_string();
        let place = (error.line().unwrap_or(1), error.column().unwrap_or(1));
        let marked = error.text().zip(error.span());
        let source = marked.map(|(text, span)| Excerpt::new(name, text, span, place));
        Self { error, source }
    }
}

impl fmt::Display for ScenarioDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for ScenarioDiagnostic {}

impl Diagnostic for ScenarioDiagnostic {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.help().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = &self.source.as_ref()?.span;
        let label = LabeledSpan::new(Some("here".to_owned()), span.start, span.len());
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use miette::{GraphicalReportHandler, GraphicalTheme};
    use sim_harness::invariant::NAMES;
    use sim_scenario::Scenario;

    use super::*;

    #[track_caller]
    fn check(text: &str, parts: &[&str]) {
        let error = Scenario::parse(Path::new("x.toml"), text, &NAMES).expect_err("a bad file");
        let mut page = String::new();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(200);
        handler.render_report(&mut page, &ScenarioDiagnostic::from(error)).expect("a report");
        for part in parts {
            assert!(page.contains(part), "no `{part}` in:\n{page}");
        }
    }

    /// A mistake far to the right in a line, or longer than a screen, is shown at its position with a part of the line.
    #[test]
    fn long_lines_are_cut() {
        let long = "ä".repeat(70_000);
        check(&format!("about = \"{long}\" x\n"), &["[x.toml:1:70012]", "ä\" x", "── here"]);
        let step = "about = \"x\"\n[[steps]]\nat = \"0s\"\nclient = \"ann\"\n";
        check(&format!("{step}do = \"{long}\"\n"), &["[x.toml:5:6]", "5 │ do = \"ä", "ä…", "── here"]);
        // The lines before and after are cut as well.
        check(&format!("about = \"{long}\"\nx\nabout = \"{long}\"\n"), &["[x.toml:2:", "1 │ about", "3 │ about"]);
    }

    /// A diagnostic shows the line, marks the word and says what is accepted; at the end of a file nothing is left to mark.
    #[test]
    fn diagnostics_show_the_place() {
        let step = "about = \"x\"\n[[steps]]\nat = \"0s\"\nclient = \"ann\"\ndo = \"crush\"\n";
        check(step, &["[x.toml:5:6]", "5 │ do = \"crush\"", "── here", "help: steps are `connect`"]);
        check("about = \"", &["[x.toml:"]);
    }
}
