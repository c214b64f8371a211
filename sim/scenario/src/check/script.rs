//! Checks the script in order of time: connections of clients, names of sessions, and turns.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::agent::script::{self, TurnScript};

use super::latency::not_too_long;
use crate::error::{ScenarioError, Source, list};
use crate::expected::OnSkip;
use crate::fault::StoreFault;
use crate::rows::InitialSession;
use crate::step::{PlacedStep, Presence, Prompt, Step};

/// Checks each step against those before it.
pub(super) fn check(
    source: &Source<'_>,
    rows: &[InitialSession],
    steps: &[PlacedStep],
    turns: &BTreeMap<String, TurnScript>,
    faults: &[StoreFault],
    on_skip: OnSkip,
) -> Result<(), ScenarioError> {
    let rows = rows.iter().map(InitialSession::name).collect();
    let mut script = Script {
        source,
        rows,
        steps,
        turns,
        is_uncertain: on_skip == OnSkip::Allowed || faults.iter().any(|fault| fault.fault.kills()),
        clients: BTreeMap::new(),
        impaired: BTreeSet::new(),
        sessions: BTreeMap::new(),
    };
    for placed in steps {
        script.client(placed)?;
        if let Some(takes) = placed.step.action.latency() {
            not_too_long(source, placed.place("takes"), takes)?;
        }
        script.session(placed)?;
        script.prompt(placed)?;
        script.naming(placed)?;
    }
    Ok(())
}

/// Owners of the simulator's own tasks in a trace; clients and sessions cannot have these names.
const RESERVED: [&str; 2] = ["gateway", "store"];

/// Whether a name has only letters that the labels of tasks may have.
pub(super) fn is_plain(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    !name.is_empty() && name.chars().all(is_plain)
}

/// Whether it is the name of an owner of the simulator's own tasks.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

struct Script<'a> {
    source: &'a Source<'a>,
    /// The names of the rows that the database holds before the gateway starts.
    rows: BTreeSet<&'a str>,
    steps: &'a [PlacedStep],
    turns: &'a BTreeMap<String, TurnScript>,
    /// Whether the script does not say who is connected: a fault ends the process at some call, and all connections with it, or
    /// steps may be skipped.
    is_uncertain: bool,
    /// The last step with which each client connected or disconnected.
    clients: BTreeMap<&'a str, &'a Step>,
    /// The clients that have read nothing for some time of their connection: the gateway may have ended it.
    impaired: BTreeSet<&'a str>,
    /// The step that named each session.
    sessions: BTreeMap<&'a str, &'a Step>,
}

impl<'a> Script<'a> {
    fn client(&mut self, placed: &'a PlacedStep) -> Result<(), ScenarioError> {
        let step = &placed.step;
        let client = step.client.as_str();
        let presence = step.action.presence();
        match presence {
            Presence::NoClient => return Ok(()),
            Presence::DisconnectsAll => {
                if !self.is_uncertain {
                    self.clients.clear();
                }
                return Ok(());
            }
            Presence::Connects | Presence::Disconnects | Presence::Connected => {}
        }
        self.check_name(placed, "client", client)?;
        let connects = presence == Presence::Connects;
        match self.clients.get(client) {
            Some(Step { action, at, line, .. })
                if connects
                    && action.presence() == Presence::Connects
                    && !self.impaired.contains(client)
                    && !self.is_uncertain =>
            {
                let message = format!("client `{client}` connects while it is connected");
                let help = format!("it connected at {}, in line {line}; `close` or `drop` it first", String::from(*at));
                return Err(self.source.error(placed.place("do"), message).with_help(help));
            }
            None if !connects => {
                let message = format!("client `{client}` acts before it connects");
                let help = "a client's first step is `do = \"connect\"`; steps run in order of `at`, then of the file";
                return Err(self.source.error(placed.place("client"), message).with_help(help));
            }
            Some(Step { action: gone, at, line, .. }) if !connects && gone.leaves() => {
                let gone = gone.word();
                let message = format!("client `{client}` acts after its `{gone}`");
                let help = format!("the `{gone}` is at {}, in line {line}; `connect` again first", String::from(*at));
                return Err(self.source.error(placed.place("client"), message).with_help(help));
            }
            Some(_) | None => {}
        }
        if connects || step.action.leaves() {
            self.clients.insert(client, step);
            self.impaired.remove(client);
        } else if step.action.entry().withholds_frames {
            self.impaired.insert(client);
        }
        Ok(())
    }

    fn session(&self, placed: &PlacedStep) -> Result<(), ScenarioError> {
        self.is_named(placed, "session", placed.step.action.session())?;
        self.is_named(placed, "parent", placed.step.action.parent())
    }

    fn is_named(&self, placed: &PlacedStep, key: &str, session: Option<&str>) -> Result<(), ScenarioError> {
        let Some(session) = session else { return Ok(()) };
        if self.sessions.contains_key(session) || self.rows.contains(session) {
            return Ok(());
        }
        let named_later =
            self.steps.iter().map(|other| &other.step).find(|other| other.action.names() == Some(session));
        let (message, help) = match named_later {
            Some(Step { at, line, .. }) => (
                format!("session `{session}` is used before it is named"),
                format!(
                    "it is named at {}, in line {line}; steps run in order of `at`, then of the file",
                    String::from(*at)
                ),
            ),
            None if self.sessions.is_empty() && self.rows.is_empty() => (
                format!("unknown session `{session}`"),
                format!("no session has a name yet; `session.create` with `as = \"{session}\"` gives one"),
            ),
            None => (
                format!("unknown session `{session}`"),
                format!(
                    "sessions named so far are {}",
                    list(&self.rows.iter().chain(self.sessions.keys()).collect::<Vec<_>>())
                ),
            ),
        };
        Err(self.source.error(placed.place(key), message).with_help(help))
    }

    fn prompt(&self, placed: &PlacedStep) -> Result<(), ScenarioError> {
        let Some(prompt) = placed.step.action.prompt() else { return Ok(()) };
        let defined = self.turns.contains_key(prompt.text());
        let known = || match self.turns.is_empty() {
            true => format!("no turn is defined; a `[turns.{}]` table does so", prompt.text()),
            false => format!("defined turns are {}", list(&self.turns.keys().collect::<Vec<_>>())),
        };
        match prompt {
            Prompt::Turn(turn) if !defined => {
                Err(self.source.error(placed.place("turn"), format!("unknown turn `{turn}`")).with_help(known()))
            }
            Prompt::Continue if self.turns.is_empty() => {
                let message = "there is no turn to continue".to_owned();
                let help = "no turn is defined; a `[turns.NAME]` table does so".to_owned();
                Err(self.source.error(placed.place("continue"), message).with_help(help))
            }
            // The agent would run the turn, and the default of `until` would not include it.
            Prompt::Text(text) if script::named(self.turns, text).is_some() => {
                let (message, help) = match defined {
                    true => {
                        (format!("text `{text}` is the name of a turn"), format!("write `turn = \"{text}\"`, or send another text"))
                    }
                    false => (
                        "a paragraph of the text is the name of a turn".to_owned(),
                        "send another text: a prompt that was merged from several runs the first turn that one of them names".to_owned(),
                    ),
                };
                Err(self.source.error(placed.place("text"), message).with_help(help))
            }
            _ => Ok(()),
        }
    }

    fn naming(&mut self, placed: &'a PlacedStep) -> Result<(), ScenarioError> {
        let Some(name) = placed.step.action.names() else { return Ok(()) };
        self.check_name(placed, "as", name)?;
        if self.rows.contains(name) {
            let message = format!("session `{name}` is named twice");
            let help = "the first is a row of `[rows]`";
            return Err(self.source.error(placed.place("as"), message).with_help(help));
        }
        if let Some(first) = self.sessions.insert(name, &placed.step) {
            let message = format!("session `{name}` is named twice");
            let help = format!("the first is at {}, in line {}", String::from(first.at), first.line);
            return Err(self.source.error(placed.place("as"), message).with_help(help));
        }
        Ok(())
    }

    /// Names are parts of the labels of tasks, such as `work/turn`.
    fn check_name(&self, placed: &PlacedStep, key: &str, name: &str) -> Result<(), ScenarioError> {
        let kind = if key == "client" { "client" } else { "session" };
        let mistake = |message: String, help: &str| Err(self.source.error(placed.place(key), message).with_help(help));
        if !is_plain(name) {
            mistake(
                format!("bad {kind} name `{name}`"),
                "names of clients and sessions are letters, digits, `_` and `-`",
            )
        } else if is_reserved(name) {
            mistake(
                format!("reserved {kind} name `{name}`"),
                "`gateway` and `store` are the names of the simulator's own tasks in traces",
            )
        } else {
            Ok(())
        }
    }
}
