//! `sim drive`: plays a scenario's clients against a gateway that is already running.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "rows of a running gateway carry the machine's time"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use gateway_core::clock::Millis;
use gateway_core::release::Release;
use miette::{IntoDiagnostic, WrapErr, miette};
use serde_json::Value;
use tokio::task::LocalSet;

use super::human;
use super::load;
use sim_harness::report::Outcome;
use sim_harness::rows::ListedSession;
use sim_harness::simulation::Simulator;
use sim_scenario::Scenario;
use sim_search::drive::rows::{self, Origin};
use sim_search::drive::{Said, Scale, Target, What, play, unplayable};
use sim_search::margin::{self, TOLERANCE};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The scenario file
    scenario: PathBuf,
    /// Address of the gateway, as `ws://ADDRESS:PORT/api/ws`
    #[arg(long, value_name = "URL")]
    url: String,
    /// Token that the gateway requires [default: none]
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Database of the gateway (`state.db` of hermes-agent), whose rows are printed after the script [default: none]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Compare the rows with the simulator's under this release [default: no comparison]
    #[arg(long = "as", value_name = "R", value_parser = super::bounds::release, requires = "db")]
    release: Option<Release>,
    /// Real seconds for each second of the script, from 0.001 to 100. The gateway's own timers are not scaled: below 1,
    /// start it with settings and turns that are shorter by the same factor
    #[arg(long, value_name = "S", default_value_t = Scale::default())]
    scale: Scale,
}

/// Plays the script, prints its progress, and compares rows. The exit code is 0, or 15 where rows differ.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    let scenario = load::scenario(&arguments.scenario)?;
    let target = Target {
        url: arguments.url.clone(),
        token: arguments.token.clone(),
        db: arguments.db.clone(),
        scale: arguments.scale,
        control: None,
    };
    if let Some((step, why)) = unplayable(&scenario, target.means()) {
        let (path, line) = (arguments.scenario.display(), step.line);
        return Err(miette!(help = why, "{path}:{line}: `{}` is a step for the simulator only", step.action.word()));
    }
    if let Some(row) = scenario.rows.first() {
        let path = arguments.scenario.display();
        let help = "put the rows into the database before the gateway starts, and leave out the `[rows]` table";
        return Err(miette!(help = help, "{path}: row `{}` is for the simulator only", row.id));
    }
    let before: BTreeSet<String> = match &arguments.db {
        // The database may be absent until the gateway writes its first row.
        Some(db) if db.exists() => read(db)?.into_iter().map(|row| row.id).collect(),
        _ => BTreeSet::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().into_diagnostic()?;
    let (skipped, found) = LocalSet::new().block_on(&runtime, async {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        let origin = Origin { wall_ms, scale: arguments.scale };
        let played = play(&scenario, target, Rc::new(|said| print(&said))).await.into_diagnostic()?;
        // Rows are read before the clients disconnect, as in the simulator.
        let found = arguments.db.as_deref().map(read).transpose();
        let skipped = played.skipped;
        played.leave().await;
        found.map(|found| (skipped, found.map(|rows| rows::listed(&rows, &before, origin))))
    })?;
    if let Some(found) = &found {
        out!("");
        human::print_listed(found);
    }
    if skipped > 0 {
        return Err(miette!("{skipped} steps were skipped, so nothing is compared"));
    }
    match (arguments.release, found) {
        (Some(release), Some(found)) => Ok(compare(&scenario, release, &found)),
        _ => Ok(0),
    }
}

fn read(db: &Path) -> miette::Result<Vec<rows::Row>> {
    rows::read(db).into_diagnostic().wrap_err_with(|| format!("the rows of `{}` cannot be read", db.display()))
}

/// Compares with the simulator's rows, and prints why real time makes the comparison inconclusive.
fn compare(scenario: &Scenario, release: Release, found: &[ListedSession]) -> u8 {
    let mut simulator = Simulator::new();
    if let Err(why) = margin::rows(&mut simulator, scenario, release) {
        out!("\nthe comparison is inconclusive: {why}");
    }
    let expected = simulator.run(scenario, release).rows.listed();
    let lines = rows::differences(&expected, found, TOLERANCE);
    if lines.is_empty() {
        out!("\nthe rows equal those of {release}");
        return 0;
    }
    out!("\nthe rows DIFFER from those of {release}:");
    lines.iter().for_each(|line| out!("  {line}"));
    Outcome::RowsDiffer.exit_code()
}

/// Prints one line of progress: the time, the client, and its action, request, answer or event.
fn print(said: &Said) {
    let what = match &said.what {
        What::Did(what) => (*what).to_owned(),
        What::Asked { method, session } => {
            format!("→ {method}{}", session.iter().map(|session| format!(" {session}")).collect::<String>())
        }
        What::Answered { method, answer } => match answer.get("error") {
            Some(error) => format!("← {method} refused: {} {}", error["code"], text(&error["message"])),
            None => format!("← {method}{}", words(&answer["result"])),
        },
        What::Received { session, kind, payload } => {
            format!("  {}{kind}{}", session.iter().map(|id| format!("{id} ")).collect::<String>(), words(payload))
        }
        What::Skipped { line, why } => format!("line {line}: skipped, {why}"),
    };
    out!("{:>10}  {}  {what}", Millis::to_string(&said.at), said.client);
}

/// The fields of a result or an event that the progress line shows.
fn words(value: &Value) -> String {
    const KEYS: [&str; 8] = ["stored_session_id", "status", "name", "text", "message", "question", "title", "closed"];
    let word = |key: &&str| value.get(*key).filter(|word| !word.is_null() && !word.is_object()).map(text);
    KEYS.iter().filter_map(word).map(|word| format!(" {word}")).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.replace('\n', "\n              "))
}
