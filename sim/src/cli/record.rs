//! `sim record`: a proxy between clients and a gateway that writes what passes as a scenario.
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gateway_core::release::Release;
use miette::{IntoDiagnostic, WrapErr, miette};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use super::bounds;
use super::file::{word, write};
use sim_harness::Simulator;
use sim_harness::invariant::NAMES;
use sim_harness::report::Outcome;
use sim_record::proxy::{self, Upstream};
use sim_record::recorder::{Recorder, Start};
use sim_record::{Choices, Journal, NothingRecorded, Recorded, Texts, rebuild, rows};
use sim_scenario::{Expected, Scenario, SettingChanges};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Address at which clients connect; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Address of the gateway, as `ws://ADDRESS:PORT/api/ws`
    #[arg(long, value_name = "URL", required_unless_present = "from")]
    upstream: Option<Upstream>,
    /// Database of the gateway (`state.db` of hermes-agent): its rows at the end become `[[expect.rows]]` [default: no rows]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// File for the scenario. `FILE.journal` beside it has what was seen so far, until the scenario is written
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Release of the gateway [default: what the gateway says, or `current`]
    #[arg(long, value_name = "R", value_parser = bounds::release)]
    release: Option<Release>,
    /// Setting of the gateway that its frames do not tell, as `orphan_grace=5s`. Repeatable
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, Value)>,
    /// Keep the texts of users and agents. Without it each is a number; passwords and secrets are never kept
    #[arg(long, conflicts_with = "from")]
    text: bool,
    /// Write the scenario of a journal that a recorder has left, and record nothing
    #[arg(long, value_name = "JOURNAL", conflicts_with_all = ["upstream", "listen"])]
    from: Option<PathBuf>,
}

/// Records until a signal, or reads a journal, and writes the scenario. The exit code is 0, or 17 if the simulator leaves other
/// rows than the gateway.
pub(super) fn run(arguments: &Arguments) -> miette::Result<u8> {
    if fs::exists(&arguments.out).into_diagnostic()? {
        return Err(miette!(help = "choose another file with `--out`", "{} exists", arguments.out.display()));
    }
    let journal = match &arguments.from {
        Some(journal) => journal.clone(),
        None => record(arguments)?,
    };
    let code = deliver(arguments, &journal)?;
    if arguments.from.is_none() {
        fs::remove_file(&journal).into_diagnostic().wrap_err_with(|| journal.display().to_string())?;
    }
    Ok(code)
}

/// A setting of `[gateway]` as the flag has it.
fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, as `orphan_grace=5s`")?;
    let json = serde_json::from_str(value).ok().filter(|json: &Value| json.is_number() || json.is_boolean());
    let value = json.unwrap_or_else(|| value.into());
    SettingChanges::default().set(key, value.clone()).map_err(|error| error.to_string())?;
    Ok((key.to_owned(), value))
}

/// Passes frames until a signal, and returns the journal.
fn record(arguments: &Arguments) -> miette::Result<PathBuf> {
    let upstream = arguments.upstream.clone().expect("clap requires it");
    let mut journal = arguments.out.clone().into_os_string();
    journal.push(".journal");
    let journal = PathBuf::from(journal);
    if fs::exists(&journal).into_diagnostic()? {
        let help = format!(
            "an earlier recording ended before its scenario was written: `sim record --from {} -o FILE` writes it",
            word(&journal)
        );
        return Err(miette!(help = help, "{} exists", journal.display()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().into_diagnostic()?;
    let stop = std::sync::Arc::new(Notify::new());
    let stopped = std::sync::Arc::clone(&stop);
    ctrlc::set_handler(move || stopped.notify_one()).into_diagnostic()?;
    LocalSet::new().block_on(&runtime, async {
        upstream.check().await.map_err(|error| {
            let help = "start the gateway first; `gateway serve` and `sim/peer/scripted_agent.py` print their address";
            miette!(help = help, "nothing listens at {}: {error}", upstream.authority)
        })?;
        let listener = TcpListener::bind(arguments.listen).await.into_diagnostic();
        let listener = listener.wrap_err_with(|| format!("cannot listen on {}", arguments.listen))?;
        let recorder = Rc::new(
            Recorder::start(Start {
                journal: &journal,
                db: arguments.db.as_deref(),
                gateway: upstream.without_query(),
                texts: if arguments.text { Texts::kept() } else { Texts::hidden() },
            })
            .into_diagnostic()?,
        );
        out!("listening on {}", upstream.url_at(listener.local_addr().into_diagnostic()?));
        tokio::select! {
            biased; // a signal ends the recording
            () = stop.notified() => {}
            served = proxy::serve(listener, upstream, Rc::clone(&recorder)) => served.into_diagnostic()?,
        }
        if let Err(error) = recorder.finish() {
            eprintln!("what came after this is not in the recording: {error}");
        }
        Ok::<(), miette::Report>(())
    })?;
    Ok(journal)
}

/// Writes the scenario of a journal, and says whether the simulator leaves the same rows.
fn deliver(arguments: &Arguments, journal: &Path) -> miette::Result<u8> {
    let entries = Journal::read(journal).into_diagnostic()?;
    let stored = match &arguments.db {
        Some(db) => Some(
            rows::read(db)
                .into_diagnostic()
                .wrap_err_with(|| format!("the rows of `{}` cannot be read; the journal stays", db.display()))?,
        ),
        None => None,
    };
    let choices =
        Choices { path: arguments.out.clone(), release: arguments.release, settings: arguments.settings.clone() };
    let rebuilt = rebuild(&entries, stored.as_deref(), &choices);
    if matches!(rebuilt, Err(NothingRecorded::NoClient)) && arguments.from.is_none() {
        // Nothing is in it, and it would be in the way of the next recording.
        fs::remove_file(journal).into_diagnostic()?;
    }
    let mut recorded = rebuilt.into_diagnostic()?;
    let (code, lines) = judge(&mut recorded);
    write(&arguments.out, &recorded.to_toml())
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot write {}", arguments.out.display()))?;
    let (steps, turns) = (recorded.scenario.steps.len(), recorded.scenario.turns.len());
    out!("{steps} steps and {turns} turns; written to {}", arguments.out.display());
    lines.iter().for_each(|line| out!("{line}"));
    out!("run:    sim run {}", word(&arguments.out));
    out!("tidy:   sim tidy {}", word(&arguments.out));
    Ok(code)
}

/// Runs the scenario. A claim that is violated under the recorded release becomes the expectation of the file, because the
/// gateway that was recorded did so; rows that differ are said.
fn judge(recorded: &mut Recorded) -> (u8, Vec<String>) {
    let scenario = match Scenario::parse(&recorded.scenario.path, &recorded.scenario.to_toml(), &NAMES) {
        Ok(scenario) => scenario,
        Err(error) => return (super::bounds::BAD_FILE, vec![format!("the file needs a hand: {error}")]),
    };
    let release = scenario.releases[0];
    let report = Simulator::new().run(&scenario, release);
    let mut violated: Vec<String> = Vec::new();
    for violation in &report.violations {
        if !violated.iter().any(|name| name == violation.invariant) {
            violated.push(violation.invariant.to_owned());
        }
    }
    let mut lines = Vec::new();
    if !violated.is_empty() {
        lines.push(format!("under {release} it violates {}", violated.join(", ")));
        recorded.scenario.expect.insert(release, Expected::Violates(violated));
    }
    for part in &report.skipped {
        lines.push(format!("not carried out: {part}"));
    }
    if scenario.facts.is_empty() {
        return (0, lines);
    }
    for unmet in &report.unmet {
        lines.push(format!("the rows DIFFER from the recorded ones: {}", unmet.expected));
        lines.extend(unmet.found.iter().map(|line| format!("  {line}")));
    }
    if report.unmet.is_empty() {
        lines.push(format!("the simulator leaves the same rows under {release}"));
    }
    (if report.unmet.is_empty() { 0 } else { Outcome::FactsDiffer.exit_code() }, lines)
}
