//! The page of a campaign.

use askama::Template;
use sim_harness::coverage::Coverage;

use crate::graph::{self, Drawing};
use crate::parts::{COPY, ClaimLine, Copied, STYLE};

/// What a campaign found, for its page.
pub struct Campaign<'a> {
    /// `sim fuzz` with its flags.
    pub command: String,
    /// One sentence: how many kinds of failure.
    pub verdict: String,
    /// Names and values: seed, release, runs, runs a second.
    pub numbers: Vec<(String, String)>,
    /// The kinds of failure, in the order of the runs that found them.
    pub groups: Vec<Group>,
    /// Every mark.
    pub marks: Vec<MarkLine>,
    /// Every claim.
    pub claims: Vec<ClaimLine>,
    /// The transitions that sessions made.
    pub coverage: &'a Coverage,
}

/// A kind of failure.
pub struct Group {
    /// The violated invariant or the outcome.
    pub claim: String,
    /// What the invariant says; empty for an outcome.
    pub about: String,
    /// The number of runs that failed so.
    pub count: u64,
    /// The first of them, and what chose its schedule.
    pub first: String,
    /// When it failed in that run.
    pub at: String,
    /// What contradicts the claim there.
    pub detail: String,
    /// The fields of behaviour that explain it.
    pub causes: Vec<String>,
    /// How much smaller the kept scenario is.
    pub shrunk: String,
    /// The picture of the kept scenario's run, as text.
    pub picture: String,
    /// Commands about the kept file.
    pub commands: Vec<Copied>,
}

/// A mark of a campaign.
pub struct MarkLine {
    /// Its name.
    pub name: &'static str,
    /// What has to happen for it.
    pub about: &'static str,
    /// How often it was reached, or why it was not.
    pub reached: MarkReached,
}

/// Whether a mark was reached.
pub enum MarkReached {
    /// As often as this.
    Times(u64),
    /// Never, although it could be.
    Missed,
    /// Never, as the gateway behaves so.
    Excluded(String),
}

impl MarkReached {
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Times(_) => "reached",
            Self::Missed => "missed",
            Self::Excluded(_) => "excluded",
        }
    }
}

/// The page, as HTML.
///
/// # Panics
/// Never: the template writes to a string.
pub fn page(campaign: &Campaign<'_>) -> String {
    let drawing = graph::draw(campaign.coverage);
    Page { campaign, drawing, style: STYLE, copy: COPY }.render().expect("a string takes all")
}

#[derive(Template)]
#[template(path = "campaign.html")]
struct Page<'a> {
    campaign: &'a Campaign<'a>,
    drawing: Drawing,
    style: &'a str,
    copy: &'a str,
}
