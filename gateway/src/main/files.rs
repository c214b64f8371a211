//! What a gateway reads before it starts, and what is said when it cannot be read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::rc::Rc;

use gateway::real::access::{Access, Token};
use gateway::real::lock::{Lock, LockError};
use gateway::real::sqlite::SqliteThread;
use gateway_core::agent::script::TurnScript;
use gateway_core::config::Config;
use gateway_sqlite::{Database, OpenError};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::options::{Agent, Serve};

/// Why nobody is served: what is wrong, and what to do about it.
pub(crate) struct NotStarted {
    pub(crate) error: String,
    pub(crate) hint: &'static str,
}

/// The tables of a file. A scenario file can be given for either, so that one file is script, settings and story: what a
/// story needs besides is passed over, and any other name, also of a table that only a simulated world can have, is a
/// mistake.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    gateway: Option<Config>,
    turns: Option<BTreeMap<String, TurnScript>>,
    #[serde(default, rename = "about")]
    _about: IgnoredAny,
    #[serde(default, rename = "issues")]
    _issues: IgnoredAny,
    #[serde(default, rename = "releases")]
    _releases: IgnoredAny,
    #[serde(default, rename = "seed")]
    _seed: IgnoredAny,
    #[serde(default, rename = "until")]
    _until: IgnoredAny,
    #[serde(default, rename = "steps")]
    _steps: IgnoredAny,
    #[serde(default, rename = "expect")]
    _expect: IgnoredAny,
}

/// The settings: defaults, over them the file of `--config`, over that the flags.
pub(crate) fn settings(arguments: &Serve) -> Result<Config, NotStarted> {
    const HINT: &str = "a config file has a table `[gateway]`, with keys such as `orphan_grace = \"20s\"`";
    let file = match &arguments.config {
        Some(path) => read::<File>("config", path, HINT)?.gateway.unwrap_or_default(),
        None => Config::default(),
    };
    Ok(arguments.settings(file))
}

/// The turns of the scripted agent.
pub(crate) fn turns(arguments: &Serve) -> Result<BTreeMap<String, TurnScript>, NotStarted> {
    const HINT: &str = "a script file has tables such as `[turns.hello]` with `steps = [{ reply = \"hi\" }]`";
    let Some(Agent::Script(path)) = &arguments.agent else { return Ok(BTreeMap::new()) };
    read::<File>("script", path, HINT)?
        .turns
        .ok_or_else(|| NotStarted { error: format!("script file `{}` has no turns", path.display()), hint: HINT })
}

/// Who may connect.
#[expect(
    clippy::disallowed_methods,
    reason = "a token is handed over in the environment, where no list of processes shows it"
)]
pub(crate) fn access(arguments: &Serve) -> Result<Access, NotStarted> {
    const HINT: &str = "a token is 16 or more letters, digits and `-._~+/=`, for example from `openssl rand -hex 32`";
    let token = match &arguments.token_file {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|cause| unreadable("token", path, &cause.to_string(), HINT))?;
            Some(Token::parse(&text).map_err(|cause| unreadable("token", path, &cause.to_string(), HINT))?)
        }
        None => {
            let text = std::env::var_os("GATEWAY_TOKEN").filter(|text| !text.is_empty());
            let bad =
                |cause: &dyn std::fmt::Display| NotStarted { error: format!("GATEWAY_TOKEN: {cause}"), hint: HINT };
            let text = text.map(|text| text.into_string().map_err(|_| bad(&"it is no text"))).transpose()?;
            text.map(|text| Token::parse(&text).map_err(|cause| bad(&cause))).transpose()?
        }
    };
    if token.is_none() && !arguments.stdio && !arguments.listen.ip().is_loopback() {
        return Err(NotStarted {
            error: format!("{} can be reached from other machines, so clients need a token", arguments.listen),
            hint: "give one with --token-file or in GATEWAY_TOKEN, or listen on 127.0.0.1 or [::1]",
        });
    }
    Ok(Access { token, origins: arguments.allow_origin.clone() })
}

/// Opened before it is locked: so nothing is left beside a file that is refused.
pub(crate) fn open(path: &Path) -> Result<(Rc<SqliteThread>, Lock), NotStarted> {
    let refused = |error: OpenError| NotStarted { error: error.to_string(), hint: hint(&error) };
    let database = Database::open(path).map_err(refused)?;
    let lock = Lock::take(path).map_err(|error| NotStarted {
        error: error.to_string(),
        hint: match error {
            LockError::InUse { .. } => "stop the other gateway, or choose another file with --db",
            LockError::CannotLock { .. } => {
                "a gateway needs to write to the folder of its database; choose one with --db"
            }
        },
    })?;
    Ok((Rc::new(SqliteThread::start_apart(database, path).map_err(refused)?), lock))
}

fn hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::CannotOpen { .. } => {
            "the folder must be there, and its files must be writable; choose one with --db"
        }
        OpenError::NotADatabase { .. } | OpenError::NotOurs { .. } => {
            "the file was left as it is; choose another with --db"
        }
        OpenError::NewerSchema { .. } | OpenError::OlderSchema { .. } => {
            "the file was left as it is; a new one is made where --db names none"
        }
    }
}

fn read<T: DeserializeOwned>(kind: &str, path: &Path, hint: &'static str) -> Result<T, NotStarted> {
    let text = fs::read_to_string(path).map_err(|cause| unreadable(kind, path, &cause.to_string(), hint))?;
    toml::from_str(&text).map_err(|cause| unreadable(kind, path, cause.to_string().trim_end(), hint))
}

fn unreadable(kind: &str, path: &Path, cause: &str, hint: &'static str) -> NotStarted {
    NotStarted { error: format!("{kind} file `{}`: {cause}", path.display()), hint }
}

/// The system is short of something.
pub(crate) fn no_system(cause: &io::Error) -> NotStarted {
    NotStarted { error: format!("the system does not give what a gateway needs: {cause}"), hint: "look at its limits" }
}
