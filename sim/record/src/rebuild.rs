//! From the journal to a scenario.
//!
//! `seen` finds release, settings and the connections that are clients, and `answers` which answer belongs to which request.
//! `story` then goes through the entries once: `names` gives sessions their names, `requests` makes steps of requests (`stored` of
//! those that name a session by its id or title), `turns` collects the events of each turn, `connections` makes steps of beginnings and
//! ends, and `script` holds the steps in their order. When all entries are read, `turn` makes a turn of its events, and
//! `expected` makes facts of the rows. What has no place in a scenario is counted by `notes`.
//!
//! *Absent: files, sockets, and the running of anything.*

mod answers;
mod connections;
mod expected;
mod names;
mod notes;
mod requests;
mod script;
mod seen;
mod story;
mod turn;
mod turns;

use std::path::PathBuf;

use gateway_core::release::Release;
use serde_json::Value;
use sim_scenario::Scenario;

use crate::journal::Entry;
use crate::rows::Stored;

/// What the user knows better than the frames.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// The path that the scenario will have.
    pub path: PathBuf,
    /// The gateway's release.
    pub release: Option<Release>,
    /// Settings of the gateway, as keys of `[gateway]` and values.
    pub settings: Vec<(String, Value)>,
}

/// A scenario, and what has no place in it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The scenario.
    pub scenario: Scenario,
    /// Sentences for the head of the file: where it comes from, and what was left out, with its count.
    pub notes: Vec<String>,
}

impl Recorded {
    /// The file: the notes as comments, then the scenario.
    pub fn to_toml(&self) -> String {
        let comments: String = self.notes.iter().map(|note| format!("# {note}\n")).collect();
        format!("{comments}{}", self.scenario.to_toml())
    }
}

/// Why entries give no scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NothingRecorded {
    /// No client has connected.
    #[error("no client has connected, so there is nothing to write")]
    NoClient,
    /// The first entry does not begin a recording.
    #[error("the journal does not begin with the event `began`")]
    NoBeginning,
}

/// Makes a scenario of the entries. `rows` are those of the gateway's database at the end, if it is known.
///
/// # Errors
/// There is nothing to make a scenario of.
pub fn rebuild(entries: &[Entry], rows: Option<&[Stored]>, choices: &Choices) -> Result<Recorded, NothingRecorded> {
    let seen = seen::look(entries, choices)?;
    let mut story = story::Story::new(&seen, rows);
    entries.iter().enumerate().for_each(|(place, entry)| story.take(place, entry));
    Ok(story.finish(choices))
}
