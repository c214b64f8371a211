//! The page of runs: one scenario or several, each under one or several releases.

use askama::Template;
use gateway_core::clock::Millis;
use serde::Serialize;
use sim_harness::invariant::ALL;
use sim_harness::report::{Outcome, Report};
use sim_harness::rows::{ListedSession, since_start_text};
use sim_harness::verdict::Verdict;
use sim_scenario::Scenario;

use crate::embed;
use crate::parts::{COPY, ClaimLine, Copied, STYLE};
use crate::play::Play;

/// The script that plays runs.
const SCRIPT: &str = include_str!("../assets/viewer.js");

/// A scenario with its runs.
pub struct Story<'a> {
    /// The scenario that was run.
    pub scenario: &'a Scenario,
    /// The text of its file, in which the lines of steps count.
    pub text: String,
    /// The runs, in the order in which they are shown.
    pub runs: Vec<Run<'a>>,
}

/// A run of a scenario.
pub struct Run<'a> {
    /// The report of the run, and whether it is as the file expects.
    pub verdict: &'a Verdict,
    /// What causes each violation, if it was looked for: by the name of the invariant.
    pub causes: Vec<(String, Cause)>,
    /// Commands about the run.
    pub commands: Vec<Copied>,
}

/// A field of behaviour that causes a violation on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `grace.expiry = one_shot`.
    pub field: String,
    /// What the alternative does.
    pub about: String,
}

/// A search through the schedules of a scenario, which stands above the run that it found.
pub struct Searched {
    /// One sentence: a proof, a failure or neither.
    pub verdict: String,
    /// Names and values, such as the number of schedules.
    pub numbers: Vec<(String, String)>,
    /// How often each claim was judged.
    pub claims: Vec<ClaimLine>,
}

/// The page, as HTML.
///
/// # Panics
/// Never: the template writes to a string.
pub fn page(title: &str, stories: &[Story<'_>], searched: Option<&Searched>) -> String {
    let data: Vec<StoryData<'_>> = stories.iter().map(StoryData::of).collect();
    let page = Page {
        title,
        style: STYLE,
        copy: COPY,
        script: if data.is_empty() { "" } else { SCRIPT },
        stories: stories.iter().map(StoryView::of).collect(),
        data: data.iter().map(embed::json).collect(),
        searched,
    };
    page.render().expect("a string takes all")
}

#[derive(Template)]
#[template(path = "run.html")]
struct Page<'a> {
    title: &'a str,
    style: &'a str,
    copy: &'a str,
    script: &'a str,
    stories: Vec<StoryView<'a>>,
    data: Vec<String>,
    searched: Option<&'a Searched>,
}

/// What the script reads of a story.
#[derive(Serialize)]
struct StoryData<'a> {
    text: &'a str,
    runs: Vec<Play>,
}

impl<'a> StoryData<'a> {
    fn of(story: &'a Story<'_>) -> Self {
        let play = |run: &Run<'_>| Play::of(&run.verdict.report, run.verdict.expected);
        Self { text: &story.text, runs: story.runs.iter().map(play).collect() }
    }
}

/// What the template shows of a story.
struct StoryView<'a> {
    name: &'a str,
    path: String,
    about: &'a str,
    issues: &'a [String],
    runs: Vec<RunView<'a>>,
    /// Whether a run of it is not as the file expects.
    surprising: bool,
}

struct RunView<'a> {
    release: &'static str,
    outcome: &'static str,
    expected: bool,
    /// What else there is to say: a panic's message, facts that do not hold, parts without effect.
    notes: Vec<String>,
    rows: String,
    violations: Vec<ViolationView<'a>>,
    commands: &'a [Copied],
}

struct ViolationView<'a> {
    place: usize,
    invariant: &'a str,
    at: String,
    detail: &'a str,
    claim: &'static str,
    causes: Vec<&'a Cause>,
}

impl<'a> StoryView<'a> {
    fn of(story: &'a Story<'_>) -> Self {
        let Story { scenario, runs, .. } = story;
        Self {
            name: &scenario.name,
            path: scenario.path.display().to_string(),
            about: &scenario.about,
            issues: &scenario.issues,
            runs: runs.iter().map(RunView::of).collect(),
            surprising: runs.iter().any(|run| !run.verdict.expected),
        }
    }
}

impl<'a> RunView<'a> {
    fn of(run: &'a Run<'_>) -> Self {
        let report = &run.verdict.report;
        let violation = |(place, violation): (usize, &'a sim_harness::invariant::Violation)| ViolationView {
            place,
            invariant: violation.invariant,
            at: Millis(violation.at_ms).to_string(),
            detail: &violation.detail,
            claim: ALL.iter().find(|known| known.name == violation.invariant).map_or("", |known| known.about),
            causes: run.causes.iter().filter(|(of, _)| of == violation.invariant).map(|(_, cause)| cause).collect(),
        };
        Self {
            release: report.release.name(),
            outcome: report.outcome.word(),
            expected: run.verdict.expected,
            notes: notes(report),
            rows: rows(report),
            violations: report.violations.iter().enumerate().map(violation).collect(),
            commands: &run.commands,
        }
    }
}

fn notes(report: &Report) -> Vec<String> {
    let detail = report.detail.iter().cloned();
    let unmet = report.unmet.iter().map(|fact| format!("a fact does not hold: {fact}"));
    let skipped = report.skipped.iter().filter(|_| report.outcome == Outcome::Story);
    detail.chain(unmet).chain(skipped.map(|part| format!("no effect: {part}"))).collect()
}

/// The rows at the end of the script's time, in one line.
fn rows(report: &Report) -> String {
    let row = |row: ListedSession| {
        let end = match (row.ended_ms, row.end_reason) {
            (Some(ms), reason) => format!("{} at {}", reason.unwrap_or_default(), since_start_text(ms)),
            (None, _) => "open".to_owned(),
        };
        format!("{} {end}", row.alias)
    };
    let rows: Vec<String> = report.rows.listed().into_iter().map(row).collect();
    if rows.is_empty() { "no row".to_owned() } else { rows.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gateway_core::release::Release;
    use sim_harness::Simulator;
    use sim_harness::invariant::NAMES;
    use sim_harness::verdict::{Reference, judge};

    use super::*;

    /// A text of a file that would end the element it stands in, or be markup.
    const HOSTILE: &str = r#"
about = "</script><script>alert(1)</script> & <b>bold</b>"

[[steps]]
at = "0s"
client = "desktop"
do = "connect"

[[steps]]
at = "1s"
client = "desktop"
do = "session.create"
as = "work"
title = "</script><!--"
"#;

    fn page_of(text: &str) -> String {
        let scenario = Scenario::parse(Path::new("hostile.toml"), text, &NAMES).expect("a scenario");
        let report = Simulator::new().run(&scenario, Release::Current);
        let verdict = judge(report, &scenario, &Reference::None);
        let commands = vec![Copied::new("run again", "sim run '<b>.toml'")];
        let run = Run { verdict: &verdict, causes: Vec::new(), commands };
        page("hostile", &[Story { scenario: &scenario, text: text.to_owned(), runs: vec![run] }], None)
    }

    /// Texts of the scenario and of its frames stay texts, and the page asks for nothing else.
    #[test]
    fn a_page_holds_texts_and_no_links() {
        let page = page_of(HOSTILE);
        let opened = page.matches("<script").count();
        assert_eq!((opened, page.matches("</script").count()), (3, 3), "{page}");
        for wrong in ["<b>", "<!--", "alert(1)</", "http:", "https:", "src=", "@import", "url(h"] {
            assert!(!page.contains(wrong), "the page has `{wrong}`");
        }
    }

    /// The same run gives the same bytes.
    #[test]
    fn a_page_is_repeatable() {
        assert_eq!(page_of(HOSTILE), page_of(HOSTILE));
    }

    /// What is written by hand stays small enough to be read.
    #[test]
    fn scripts_are_short() {
        assert!(SCRIPT.lines().count() + COPY.lines().count() < 1000);
    }
}
