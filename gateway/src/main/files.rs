//! The files that a gateway reads before it starts, and the errors when one cannot be read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use gateway::real::access::{Access, Token};
use gateway::real::clock::MachineClock;
use gateway::real::lock::{Lock, LockError};
use gateway::real::sqlite::SqliteThread;
use gateway_core::agent::script::TurnScript;
use gateway_core::clock::{Clock, Millis, Uptime};
use gateway_core::config::Config;
use gateway_core::store::StoreError;
use gateway_sqlite::{Checked, Database, OpenError};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tracing::warn;

use crate::options::{Agent, Serve};

/// An error before the start, with the hint that is printed below it.
pub(crate) struct StartError {
    pub(crate) error: String,
    pub(crate) hint: &'static str,
}

/// The tables of a config or script file. A scenario file is accepted for either: its other tables are ignored. Unknown
/// names, and tables that only a simulation can honor, are errors.
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

/// The settings. Flags override the file of `--config`, which overrides the defaults.
pub(crate) fn settings(arguments: &Serve) -> Result<Config, StartError> {
    const HINT: &str = "a config file has a table `[gateway]`, with keys such as `orphan_grace = \"20s\"`";
    let file = match &arguments.config {
        Some(path) => read::<File>("config", path, HINT)?.gateway.unwrap_or_default(),
        None => Config::default(),
    };
    Ok(arguments.settings(file))
}

/// The turns of the scripted agent; none without `--agent`.
pub(crate) fn turns(arguments: &Serve) -> Result<BTreeMap<String, TurnScript>, StartError> {
    const HINT: &str = "a script file has tables such as `[turns.hello]` with `steps = [{ reply = \"hi\" }]`";
    let Some(Agent::Script(path)) = &arguments.agent else { return Ok(BTreeMap::new()) };
    read::<File>("script", path, HINT)?
        .turns
        .ok_or_else(|| StartError { error: format!("script file `{}` has no turns", path.display()), hint: HINT })
}

/// The rules for connecting, from the token and the allowed origins.
#[expect(clippy::disallowed_methods, reason = "a token in the environment is not visible in a process list")]
pub(crate) fn access(arguments: &Serve) -> Result<Access, StartError> {
    const HINT: &str = "a token is 16 or more letters, digits and `-._~+/=`, for example from `openssl rand -hex 32`";
    let token = match &arguments.token_file {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|cause| unreadable("token", path, &cause.to_string(), HINT))?;
            Some(Token::parse(&text).map_err(|cause| unreadable("token", path, &cause.to_string(), HINT))?)
        }
        None => {
            let text = std::env::var_os("GATEWAY_TOKEN").filter(|text| !text.is_empty());
            let bad =
                |cause: &dyn std::fmt::Display| StartError { error: format!("GATEWAY_TOKEN: {cause}"), hint: HINT };
            let text = text.map(|text| text.into_string().map_err(|_| bad(&"it is not UTF-8"))).transpose()?;
            text.map(|text| Token::parse(&text).map_err(|cause| bad(&cause))).transpose()?
        }
    };
    if token.is_none() && !arguments.stdio && !arguments.listen.ip().is_loopback() {
        return Err(StartError {
            error: format!("{} can be reached from other machines, so clients need a token", arguments.listen),
            hint: "give one with --token-file or in GATEWAY_TOKEN, or listen on 127.0.0.1 or [::1]",
        });
    }
    Ok(Access { token, origins: arguments.allow_origin.clone() })
}

/// How long the file is checked for damage before it is served. Some GiB are checked in this time.
const CHECK_MAX: Uptime = Uptime(5000);

/// Locks the database's file, then opens it. A write waits for `busy_wait` while another process holds the database.
pub(crate) fn open(path: &Path, busy_wait: Millis) -> Result<Rc<SqliteThread>, StartError> {
    let refused = |error: OpenError| StartError { error: error.to_string(), hint: hint(&error) };
    let created = if Database::names_a_file(path) { create_private(path) } else { Created::No };
    // Declared before the connection, so that on an error it is dropped after it.
    let lock = match Lock::take(path) {
        Err(error @ (LockError::InUse { .. } | LockError::InUseByEarlier { .. })) => {
            // Nobody else uses a new file: its own lock was free.
            if created == Created::Yes && matches!(error, LockError::InUseByEarlier { .. }) {
                remove(path);
            }
            return Err(not_locked(&error));
        }
        // SQLite would put journals beside a device or a pipe. Of a folder it says what it is.
        Err(error) if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) => {
            return Err(not_locked(&error));
        }
        // Of a file that cannot be read SQLite says more than the lock does.
        lock => lock,
    };
    let clock = MachineClock::start();
    let opened = Database::open_checked(path, move || clock.now().uptime >= CHECK_MAX);
    let (database, checked) = match opened {
        Err(error) if created == Created::Yes && lock.is_ok() => {
            remove(path);
            return Err(refused(error));
        }
        opened => opened.map_err(refused)?,
    };
    if checked == Checked::Partly {
        warn!(db = %path.display(), "a check of the whole file takes more than {CHECK_MAX}; the rest was not checked");
    }
    let lock = lock.map_err(|error| not_locked(&error))?;
    lock.check().map_err(|gone| StartError { error: gone.to_string(), hint: "start the gateway again" })?;
    let unset = |error: StoreError| StartError { error: error.to_string(), hint: "choose another --busy-timeout" };
    database.set_busy_timeout(Duration::from_millis(busy_wait.0)).map_err(unset)?;
    Ok(Rc::new(SqliteThread::start_apart(database, path, Some(lock)).map_err(refused)?))
}

fn not_locked(error: &LockError) -> StartError {
    let hint = match error {
        LockError::InUse { .. } | LockError::InUseByEarlier { .. } => {
            "stop the other gateway, or choose another file with --db"
        }
        LockError::CannotLock { .. } => "a gateway needs a file system with locks; choose another place with --db",
    };
    StartError { error: error.to_string(), hint }
}

/// Whether this start has created the database's file.
#[derive(PartialEq)]
enum Created {
    Yes,
    No,
}

/// Creates the database's file, which holds conversations, so that only its owner can read it. SQLite gives its journals the same
/// mode. An existing file is left as it is; why none can be created is for SQLite to say.
fn create_private(path: &Path) -> Created {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    if options.open(path).is_ok() { Created::Yes } else { Created::No }
}

/// Removes a file that was created and could not be made a database, with the journals that SQLite has put beside it.
fn remove(path: &Path) {
    for beside in ["", "-journal", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        // Most are not there.
        let _ = fs::remove_file(name);
    }
}

fn hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::CannotOpen { .. } => {
            "the folder must be there, with room on its disk, and its files must be writable; choose one with --db"
        }
        OpenError::Damaged { .. } => {
            "the file was left as it is; copy it, recover the copy with `sqlite3 COPY .recover`, or choose another with --db"
        }
        OpenError::NotADatabase { .. } | OpenError::NotOurs { .. } => {
            "the file was left as it is; choose another with --db"
        }
        OpenError::NewerSchema { .. } | OpenError::OlderSchema { .. } => {
            "the file was left as it is; --db with another path creates a new one"
        }
    }
}

fn read<T: DeserializeOwned>(kind: &str, path: &Path, hint: &'static str) -> Result<T, StartError> {
    let text = fs::read_to_string(path).map_err(|cause| unreadable(kind, path, &cause.to_string(), hint))?;
    toml::from_str(&text).map_err(|cause| unreadable(kind, path, cause.to_string().trim_end(), hint))
}

fn unreadable(kind: &str, path: &Path, cause: &str, hint: &'static str) -> StartError {
    StartError { error: format!("{kind} file `{}`: {cause}", path.display()), hint }
}

/// The error for a resource that the operating system refuses.
pub(crate) fn no_resource(cause: &io::Error) -> StartError {
    StartError {
        error: format!("the operating system refuses a resource: {cause}"),
        hint: "check the limits of the process (ulimit -a)",
    }
}
