//! Recordings of the real gateway: a script, and the rows, memory and logs that each release left.
//!
//! `format` is the JSON as it is written. `step` turns each flat step into an [`Act`], `turn` each step of a turn into one
//! of the turn language, both with the help of `keys`; `names` gives sessions the names that a scenario has for them.
//! `settings` turns environment and configuration into a scenario's settings, [`timing`] computes when each step happens,
//! `builds` how long agents take to build, and `convert` makes a [`Scenario`](crate::Scenario) of them. Errors are [`RecordingError`]s that name the file and the
//! place in it.

mod builds;
mod convert;
mod error;
mod format;
mod keys;
mod names;
mod seed;
mod settings;
mod step;
#[cfg(test)]
mod tests;
mod time;
pub mod timing;
mod turn;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gateway_core::agent::script::TurnScript;
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::release::Release;
use sim_scenario::InitialSession;

pub use self::convert::Timed;
pub use self::error::RecordingError;
pub use self::format::{AgentEntry, Cell, Content, LogEntry, Memory, Probe, Row, Session};
pub use self::step::{Act, RecordedStep};

/// A script, and the outcome of each release.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The path as it was given.
    pub path: PathBuf,
    /// The script's name, the field `script` of the file.
    pub name: String,
    /// The purpose of the script, the field `about` of the file; may be empty.
    pub about: String,
    /// The orphan grace; zero for none.
    pub grace: Millis,
    /// The scripts of the turns, by name.
    pub turns: BTreeMap<String, TurnScript>,
    /// The steps of the clients and the process, in order.
    pub steps: Vec<RecordedStep>,
    /// The index of the step that is the zero of all times.
    pub zero: usize,
    /// The outcome of each release, oldest release first.
    pub cells: Vec<(Release, Cell)>,
    env: format::Variables,
    config: serde_json::Map<String, serde_json::Value>,
}

impl Recording {
    /// Reads a recording from a file.
    ///
    /// # Errors
    /// When the file cannot be read, is not a recording, or asks for something that a scenario cannot have.
    pub fn load(path: &Path) -> Result<Self, RecordingError> {
        let text = fs::read_to_string(path).map_err(|error| RecordingError::new(path, "", error.to_string()))?;
        Self::parse(path, &text)
    }

    /// Parses the text of a recording; `path` is used in errors only.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(path: &Path, text: &str) -> Result<Self, RecordingError> {
        let raw: format::Document = serde_json::from_str(text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            RecordingError::new(path, place, error.to_string())
        })?;
        let of_file = |(place, message): (String, String)| RecordingError::new(path, place, message);
        let grace = time::length(raw.grace_s);
        let grace = grace.map_err(|message| RecordingError::new(path, "grace_s", message))?;
        let steps = raw.steps.into_iter().enumerate().map(|(index, step)| RecordedStep::read(index, step));
        let mut steps: Vec<RecordedStep> = steps.collect::<Result<_, _>>().map_err(of_file)?;
        let zero = step::zero(&steps).map_err(of_file)?;
        let mut turns = BTreeMap::new();
        for (name, script) in raw.scripts {
            let turn = turn::read(&name, script).map_err(of_file)?;
            turns.insert(name, turn);
        }
        names::resolve(&mut steps, zero, &turns).map_err(of_file)?;
        let mut cells = Vec::new();
        for (name, cell) in raw.recorded {
            let place = format!("recorded.{name}");
            let release: Release =
                name.parse().map_err(|error| RecordingError::new(path, &place, format!("{error}")))?;
            cell.check(&steps).map_err(|(at, message)| RecordingError::new(path, format!("{place}.{at}"), message))?;
            cells.push((release, cell));
        }
        let recording = Self {
            path: path.to_owned(),
            name: raw.script,
            about: raw.about,
            grace,
            turns,
            steps,
            zero,
            cells,
            env: raw.env,
            config: raw.config,
        };
        recording.settings()?;
        Ok(recording)
    }

    /// Reads all recordings of a folder, sorted by file name; a path of a file reads that file. A file that is no recording
    /// is an error in the list, and does not keep the others from being read.
    ///
    /// # Errors
    /// When the folder cannot be read or has no recording, so that a comparison of nothing does not pass.
    pub fn load_all(folder: &Path) -> Result<Vec<Result<Self, RecordingError>>, RecordingError> {
        let failed = |error: std::io::Error| RecordingError::new(folder, "", error.to_string());
        if folder.is_file() {
            return Ok(vec![Self::load(folder)]);
        }
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        if paths.is_empty() {
            return Err(RecordingError::new(folder, "", "no recording in this folder: they end in `.json`"));
        }
        Ok(paths.iter().map(|path| Self::load(path)).collect())
    }

    /// The rows that the database has before the gateway starts.
    fn rows(&self) -> Vec<InitialSession> {
        let rows = self.steps.iter().filter_map(|step| match &step.act {
            Act::Seed(row) => Some(row),
            Act::Do { .. } | Act::Wait(_) | Act::WaitReady(_) | Act::Probe(_) => None,
        });
        let rows: Vec<&InitialSession> = rows.collect();
        let id = |name: &str| {
            let place = rows.iter().position(|row| row.name() == name);
            place.map(|place| format!("start_{}", place + 1))
        };
        let with_id = |row: &&InitialSession| InitialSession {
            id: id(row.name()).expect("each row is among the rows"),
            parent: row.parent.as_deref().and_then(id),
            ..(*row).clone()
        };
        rows.iter().map(with_id).collect()
    }

    /// The settings of the gateway under which the script was recorded.
    fn settings(&self) -> Result<Config, RecordingError> {
        let settings = settings::read(self.grace, &self.env, &self.config);
        settings.map_err(|(place, message)| RecordingError::new(&self.path, place, message))
    }
}
