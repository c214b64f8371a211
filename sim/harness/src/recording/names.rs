//! Names of sessions and clients: from those of a recording to those of a scenario.
//!
//! In a recording a name stands for the session that was named so last. A scenario names each session once. So a name
//! that is given again gets a number, and later steps have the new name.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::agent::script::TurnScript;

use super::error::Misplaced;
use super::{Act, RecordedStep};
use sim_scenario::{Action, Presence, RequestStep};

/// Gives the steps the names that a scenario has for their sessions, and checks what a scenario checks: that sessions are
/// named before they are used, that clients are connected when they act, and that prompts name scripts that exist.
pub(super) fn resolve(
    steps: &mut [RecordedStep],
    zero: usize,
    turns: &BTreeMap<String, TurnScript>,
) -> Result<(), Misplaced> {
    let (mut sessions, mut connected) = (Sessions::default(), BTreeSet::new());
    for (index, step) in steps.iter_mut().enumerate() {
        let RecordedStep { word, client, act, .. } = step;
        let misplaced = |message: String| (format!("steps[{index}] (`{word}`)"), message);
        match act {
            Act::Wait(_) | Act::Probe(_) => {}
            Act::Seed(row) => {
                if index >= zero {
                    return Err(misplaced("a row of the start after the step that is the zero".to_owned()));
                }
                if let Some(parent) = &mut row.parent {
                    *parent = sessions.known(parent).map_err(misplaced)?;
                }
                row.name = Some(sessions.name(row.name()).map_err(misplaced)?);
            }
            Act::WaitReady(session) => *session = sessions.known(session).map_err(misplaced)?,
            Act::Do { action, .. } => {
                presence(&mut connected, action.presence(), client.as_deref()).map_err(misplaced)?;
                sessions.step(action).map_err(misplaced)?;
                if let Some(prompt) = action.prompt().filter(|prompt| !turns.contains_key(prompt.text())) {
                    return Err(misplaced(format!("there is no script `{}`", prompt.text())));
                }
            }
        }
    }
    Ok(())
}

/// The sessions that have names so far.
#[derive(Default)]
struct Sessions {
    /// The name in the scenario for each name in the recording.
    known: BTreeMap<String, String>,
    given: BTreeSet<String>,
}

impl Sessions {
    fn step(&mut self, action: &mut Action) -> Result<(), String> {
        let session = action.session().map(str::to_owned);
        if let Some(session) = action.session_mut() {
            *session = self.known(session)?;
        }
        let Action::Request(request) = action else { return Ok(()) };
        if let RequestStep::Create { name, start, .. } = request {
            if let Some(parent) = &mut start.parent {
                *parent = self.known(parent)?;
            }
            *name = self.name(name)?;
        } else if let RequestStep::Branch { name, .. } = request {
            *name = self.name(name)?;
        } else if let RequestStep::Resume { name, .. } = request {
            self.resume(name, &session.unwrap_or_default())?;
        }
        Ok(())
    }

    /// The name that a resume of `session` gives, where the recording has `name`.
    fn resume(&mut self, name: &mut Option<String>, session: &str) -> Result<(), String> {
        match name {
            // The name goes over to the resumed session, as it does in a scenario without `as`.
            Some(own) if own == session => *name = None,
            Some(other) => *other = self.name(other)?,
            // The name stays with the session that had it, so the resumed one gets a name that no step uses.
            None => *name = Some(self.fresh(session)),
        }
        Ok(())
    }

    fn known(&self, name: &str) -> Result<String, String> {
        self.known.get(name).cloned().ok_or_else(|| format!("no step before names a session `{name}`"))
    }

    /// The name of the scenario for a session that is named from here on.
    fn name(&mut self, name: &str) -> Result<String, String> {
        check(name, "session")?;
        let fresh = self.fresh(name);
        self.known.insert(name.to_owned(), fresh.clone());
        Ok(fresh)
    }

    /// A name that no session has: the name itself, or with a number.
    fn fresh(&mut self, name: &str) -> String {
        let numbered = (2_u64..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let fresh = names.find(|name| !self.given.contains(name)).expect("there is a number for each name");
        self.given.insert(fresh.clone());
        fresh
    }
}

/// Checks that a client is connected when it acts, and keeps which clients are.
fn presence(connected: &mut BTreeSet<String>, presence: Presence, client: Option<&str>) -> Result<(), String> {
    let name = client.unwrap_or_default();
    match presence {
        Presence::NoClient => return Ok(()),
        Presence::DisconnectsAll => {
            connected.clear();
            return Ok(());
        }
        Presence::Connects | Presence::Disconnects | Presence::Connected => check(name, "client")?,
    }
    let is_connected = connected.contains(name);
    match presence {
        Presence::Connects if is_connected => Err(format!("client `{name}` is connected already")),
        Presence::Connects => {
            connected.insert(name.to_owned());
            Ok(())
        }
        _ if !is_connected => Err(format!("client `{name}` is not connected")),
        Presence::Disconnects => {
            connected.remove(name);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Checks that a scenario can have a name.
fn check(name: &str, kind: &str) -> Result<(), String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    match name {
        "gateway" | "store" => Err(format!("a scenario has another use for the {kind} name `{name}`")),
        "" => Err(format!("the name of a {kind} is empty")),
        _ if !name.chars().all(is_plain) => {
            Err(format!("the {kind} name `{name}` has a sign that is no letter, digit, `_` or `-`"))
        }
        _ => Ok(()),
    }
}
