//! The package's process over all its starts, and the rows that its database has before the first.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gateway_core::clock::Wall;
use gateway_core::config::Config;
use gateway_core::lifecycle::process::Signal;
use serde_json::{Value, json};
use sim_scenario::{ProcessStep, Scenario};
use sim_search::drive::Control;

use super::initial::{self, NotStored};
use super::peer::{self, ENDING, NoPeer, Peer};

/// Why the first process does not serve.
#[derive(Debug, thiserror::Error)]
pub enum NotServed {
    /// There is no package.
    #[error(transparent)]
    Peer(#[from] NoPeer),
    /// The package's database cannot hold the rows that the scenario begins with.
    #[error(transparent)]
    Initial(#[from] NotStored),
}

/// What carries out the steps of the process.
pub(crate) struct Host {
    environment: PathBuf,
    home: PathBuf,
    scenario: Scenario,
    /// The settings of the process that is up, or was up last.
    config: RefCell<Config>,
    state: RefCell<State>,
    /// When the rows from before the first process were stored, if there are any.
    pub(crate) stored_at: Option<Wall>,
}

enum State {
    Up(Peer),
    /// It has got a signal, and may take a moment to end.
    Ending(Peer),
    Down,
}

impl Host {
    /// Stores the rows that the scenario begins with, and starts the first process.
    ///
    /// # Errors
    /// The package does not start, or its database cannot hold the rows.
    pub(crate) fn start(
        scenario: &Scenario,
        environment: &Path,
        home: &Path,
        now: impl Fn() -> Wall,
    ) -> Result<Self, NotServed> {
        let stored_at = if scenario.rows.is_empty() {
            None
        } else {
            let db = peer::make_database(environment, home)?;
            let at = now();
            initial::store(&db, &scenario.rows, at)?;
            Some(at)
        };
        let host = Self {
            environment: environment.to_owned(),
            home: home.to_owned(),
            scenario: scenario.clone(),
            config: RefCell::new(scenario.gateway.clone()),
            state: RefCell::new(State::Down),
            stored_at,
        };
        host.serve()?;
        Ok(host)
    }

    /// The address of the process that is up.
    pub(crate) fn url(&self) -> String {
        match &*self.state.borrow() {
            State::Up(peer) => peer.url.clone(),
            State::Ending(_) | State::Down => String::new(),
        }
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.home.join("state.db")
    }

    /// What the package has in its memory now, which is nothing if its process has ended.
    pub(crate) fn memory(&self) -> io::Result<Value> {
        match &mut *self.state.borrow_mut() {
            State::Up(peer) => peer.memory(),
            State::Ending(peer) => Ok(peer.memory().unwrap_or_else(|_| nothing())),
            State::Down => Ok(nothing()),
        }
    }

    /// Starts a process with the present settings; returns its address.
    fn serve(&self) -> Result<String, NoPeer> {
        let file = self.home.join("played.toml");
        let played = Scenario { gateway: self.config.borrow().clone(), ..self.scenario.clone() };
        let written = fs::create_dir_all(&self.home).and_then(|()| fs::write(&file, played.to_toml()));
        written.map_err(|source| NoPeer::File { path: file.clone(), source })?;
        let peer = Peer::start(&self.environment, &file, &self.home)?;
        let url = peer.url.clone();
        self.state.replace(State::Up(peer));
        Ok(url)
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        let mut state = self.state.borrow_mut();
        match std::mem::replace(&mut *state, State::Down) {
            State::Up(mut peer) | State::Ending(mut peer) => {
                let sent = peer.signal(signal);
                *state = State::Ending(peer);
                sent.map_err(|error| error.to_string())
            }
            State::Down => Err(DOWN.to_owned()),
        }
    }
}

const DOWN: &str = "the gateway is down";

impl Control for Host {
    fn carry_out(&self, step: &ProcessStep) -> Result<Option<String>, String> {
        match step {
            ProcessStep::Kill => match self.state.replace(State::Down) {
                State::Up(peer) | State::Ending(peer) => peer.kill().map(|_| None).map_err(|error| error.to_string()),
                State::Down => Err(DOWN.to_owned()),
            },
            ProcessStep::Signal { signal, .. } => self.signal(*signal).map(|()| None),
            ProcessStep::Restart { changes } => {
                match self.state.replace(State::Down) {
                    State::Up(peer) => {
                        self.state.replace(State::Up(peer));
                        return Err("the gateway is up".to_owned());
                    }
                    State::Ending(mut peer) => match peer.ended() {
                        Ok(Some(_)) => {}
                        Ok(None) => {
                            return Err(format!("its process goes on for {}s after the signal", ENDING.as_secs()));
                        }
                        Err(error) => return Err(error.to_string()),
                    },
                    State::Down => {}
                }
                let changed = changes.apply(&self.config.borrow());
                self.config.replace(changed);
                self.serve().map(Some).map_err(|error| error.to_string())
            }
            ProcessStep::CliNew { .. }
            | ProcessStep::ScanIdle
            | ProcessStep::Suspend { .. }
            | ProcessStep::SetClock { .. } => unreachable!("`playable` refuses it"),
        }
    }
}

/// The memory of no process.
fn nothing() -> Value {
    json!({"sessions": 0, "timers": 0, "turns": 0, "turns_without_session": 0, "records": []})
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use sim_harness::invariant::NAMES;

    /// Stands in for the package's Python: it notes its arguments and the grace of its file, makes a database by copying one,
    /// and says what `scripted_agent.py` says. It ends as any program does at a signal.
    const PYTHON: &str = r#"#!/bin/sh
home=$3
shift 3
case $1 in
--database-only)
    echo "makes the database" >> "$home/../commands"
    cp "$home/../made.db" "$home/state.db"
    ;;
--turns)
    echo "serves with $(grep -m 1 ^orphan_grace "$2")" >> "$home/../commands"
    echo "listening on ws://127.0.0.1:1/$(grep -c serves "$home/../commands")"
    while read -r line; do echo "$line {\"sessions\": 1, \"timers\": 0, \"turns\": 0}"; done
    ;;
esac
"#;

    const SCRIPT: &str = r#"about = "x"

[gateway]
orphan_grace = "2s"

[[rows.sessions]]
id = "20260101_000000_aaaaaa"
as = "work"
messages = [{ role = "user", content = "hello" }]

[[steps]]
at = "1s"
do = "gateway.kill"

[[steps]]
at = "2s"
do = "gateway.restart"
gateway = { orphan_grace = "5s" }

[[steps]]
at = "3s"
do = "gateway.signal"
signal = "TERM"

[[steps]]
at = "4s"
do = "gateway.restart"
"#;

    /// What is done for a scenario with rows, a kill, a signal and two restarts, command by command: the tables are made before
    /// the rows are stored and the first process serves, each process has the settings of its start and the same home, and what
    /// has ended has no memory and no second end.
    #[test]
    fn each_step_is_a_command() {
        let folder = tempfile::tempdir().expect("a folder");
        let (environment, home) = (folder.path().join("environment"), folder.path().join("home"));
        let python = environment.join("bin/python");
        fs::create_dir_all(python.parent().expect("a folder")).expect("a folder");
        fs::write(&python, PYTHON).expect("a file");
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).expect("a program");
        initial::tests::tables(&folder.path().join("made.db"), initial::tests::NEW);
        let scenario = Scenario::parse(Path::new("x.toml"), SCRIPT, &NAMES).expect("a scenario");
        let host = Host::start(&scenario, &environment, &home, || Wall(1_800_000_000_000)).expect("it serves");
        assert_eq!(host.url(), "ws://127.0.0.1:1/1");
        assert_eq!(host.memory().expect("it answers")["sessions"], 1);
        let mut done = Vec::new();
        for step in &scenario.steps {
            let sim_scenario::Action::Process(step) = &step.action else { panic!("{step:?}") };
            done.push(host.carry_out(step));
            if *step == ProcessStep::Kill {
                assert_eq!(host.memory().expect("it is known")["sessions"], 0);
                assert_eq!(host.carry_out(step), Err(DOWN.to_owned()));
            }
            if matches!(step, ProcessStep::Restart { .. }) {
                assert_eq!(host.carry_out(step), Err("the gateway is up".to_owned()));
            }
        }
        let url = |number: u32| Ok(Some(format!("ws://127.0.0.1:1/{number}")));
        assert_eq!(done, [Ok(None), url(2), Ok(None), url(3)]);
        let commands = fs::read_to_string(folder.path().join("commands")).expect("commands");
        let (two, five) = ("serves with orphan_grace = \"2s\"", "serves with orphan_grace = \"5s\"");
        assert_eq!(commands.lines().collect::<Vec<_>>(), ["makes the database", two, five, five]);
        let rows = sim_search::drive::rows::read(&host.db()).expect("rows");
        assert_eq!((rows[0].id.as_str(), rows[0].message_count), ("20260101_000000_aaaaaa", 1));
    }
}
