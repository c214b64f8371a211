//! One play on the package.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the package runs in real time")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::SystemTime;

use gateway_core::clock::Wall;
use gateway_core::release::Release;
use sim_harness::Simulator;
use sim_harness::report::Report;
use sim_scenario::Scenario;
use sim_search::drive::rows::{self, Origin};
use sim_search::drive::{Control, PlayError, Said, Scale, Target, What};
use tokio::task::LocalSet;

use super::compare::{self, Left};
use super::frames::{self, Frames, Logged};
use super::host::{Host, NotServed};
use super::prepare::Pace;
use super::script_time::ScriptTime;

/// Where a play takes place.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The environment of the package, as [`install`](super::peer::install) returns it.
    pub environment: &'a Path,
    /// The folder for the files of the package. It stays.
    pub home: &'a Path,
    /// The pace for which the scenario was prepared.
    pub pace: Pace,
}

/// What a play shows.
pub struct Confirmation {
    /// The scenario as it was played.
    pub played: Scenario,
    /// The simulator's run of it.
    pub report: Report,
    /// What the package left.
    pub left: Left,
    /// How the two differ, one sentence each.
    pub differences: Vec<String>,
}

/// Why a play has no result.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// There is no package, or its database cannot hold the rows that the scenario begins with.
    #[error(transparent)]
    NotServed(#[from] NotServed),
    /// A client was refused.
    #[error(transparent)]
    Play(#[from] PlayError),
    /// Steps were skipped, although the simulator carries them out.
    #[error("the package's gateway did not let {0}")]
    Skipped(String),
    /// The rows cannot be read.
    #[error("the rows cannot be read: {0}")]
    Rows(#[from] rusqlite::Error),
    /// A file or a pipe failed.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// Plays a scenario that [`prepare`](super::prepare) has returned, and compares.
///
/// # Errors
/// The play has no result.
pub fn confirm(
    simulator: &mut Simulator,
    played: &Scenario,
    release: Release,
    options: Options<'_>,
) -> Result<Confirmation, Trouble> {
    let host = Rc::new(Host::start(played, options.environment, options.home, now)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let left = LocalSet::new().block_on(&runtime, play(played, &host))?;
    let report = simulator.run(played, release);
    let differences = compare::differences(&report, played, &left, options.pace.tolerance());
    Ok(Confirmation { played: played.clone(), report, left, differences })
}

async fn play(scenario: &Scenario, host: &Rc<Host>) -> Result<Left, Trouble> {
    let heard = Rc::<RefCell<Ear>>::default();
    let hears = Rc::clone(&heard);
    let tell = move |said: Said| hears.borrow_mut().hear(said);
    let control = Rc::clone(host) as Rc<dyn Control>;
    let (url, db) = (host.url(), host.db());
    let target = Target { url, token: None, db: Some(db.clone()), scale: Scale::default(), control: Some(control) };
    let began = now();
    let played = sim_search::drive::play(scenario, target, Rc::new(tell)).await?;
    // As in the simulator, all is read before the clients disconnect.
    let memory = host.memory()?;
    let time = ScriptTime::new(began, host.stored_at, &played.pauses);
    let origin = Origin { wall_ms: time.began_ms(), scale: Scale::default() };
    let rows = rows::listed(&time.rows(rows::read(&db)?), &BTreeSet::new(), origin);
    let messages = compare::stored(&db, &rows)?;
    played.leave().await;
    let Ear { frames, log, skipped } = heard.take();
    match skipped {
        Some(skipped) => Err(Trouble::Skipped(skipped)),
        None => Ok(Left { rows, messages, memory, frames, log }),
    }
}

fn now() -> Wall {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX))
}

/// What all clients do and hear.
#[derive(Default)]
struct Ear {
    frames: Frames,
    log: Vec<Logged>,
    /// The first step that was skipped.
    skipped: Option<String>,
}

impl Ear {
    fn hear(&mut self, said: Said) {
        let client = said.client;
        let heard = self.frames.entry(client.clone()).or_default();
        match said.what {
            What::Asked { method, .. } => self.log.push(Logged { client, method, answer: None }),
            What::Answered { method, answer } => {
                heard.answers.push(frames::answer(&method, &answer));
                let open = |logged: &&mut Logged| {
                    logged.client == client && logged.method == method && logged.answer.is_none()
                };
                if let Some(logged) = self.log.iter_mut().find(open) {
                    logged.answer = Some(answer);
                }
            }
            What::Received { kind, payload, .. } => heard.events.extend(frames::event(&kind, &payload)),
            What::Skipped { line, why } => {
                self.skipped.get_or_insert_with(|| format!("{client} do the step of line {line}: {why}"));
            }
            What::Did(_) => {}
        }
    }
}
