//! The package: found or installed, and started with the embedded `scripted_agent.py`.
#![expect(clippy::disallowed_methods, reason = "the package runs in real time")]

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use gateway_core::lifecycle::process::Signal;
use serde_json::Value;

/// Installs a version of the package: the arguments are the version and the folder, and the exit code says what is missing.
const INSTALL: &str = include_str!("../../peer/install");

/// Replaces the model of the package by the turns of a file.
const SCRIPTED_AGENT: &str = include_str!("../../peer/scripted_agent.py");

/// Why there is no package to play on.
#[derive(Debug, thiserror::Error)]
pub enum NoPeer {
    /// There is no Python, or it is too old.
    #[error("the package needs python3, 3.11 or newer with its module `venv`: {0}")]
    Python(String),
    /// PyPI did not give the package.
    #[error("pip cannot install hermes-agent {version}: {said}")]
    Pip {
        /// The version of the package.
        version: String,
        /// The last line that pip said.
        said: String,
    },
    /// A file cannot be made.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The package does not serve.
    #[error("the package does not start: {0}")]
    Start(String),
}

/// Finds the environment of a version below `folder`, or installs the package there, which takes a minute.
///
/// # Errors
/// Python or PyPI is missing.
pub fn install(folder: &Path, version: &str) -> Result<PathBuf, NoPeer> {
    let environment = folder.join(version);
    if environment.join("installed").exists() {
        return Ok(environment);
    }
    let mut script = Command::new("bash");
    script.args(["-c", INSTALL, "install", version]).arg(&environment);
    let output = script.stdin(Stdio::null()).output();
    let output = output.map_err(|source| NoPeer::File { path: "bash".into(), source })?;
    let said = last_line(&output.stderr).unwrap_or_else(|| output.status.to_string());
    match output.status.code() {
        Some(0) => Ok(environment),
        Some(3) => Err(NoPeer::Python(said)),
        Some(4) => Err(NoPeer::Pip { version: version.to_owned(), said }),
        _ => Err(NoPeer::File { path: environment, source: io::Error::other(said) }),
    }
}

/// The last line that a program said, without what pip says about itself.
fn last_line(said: &[u8]) -> Option<String> {
    let said = String::from_utf8_lossy(said);
    let last = said.lines().rfind(|line| !line.trim().is_empty() && !line.starts_with("[notice]"))?;
    Some(last.trim().to_owned())
}

/// Has the package make its database in `home`, and returns the file.
///
/// # Errors
/// It makes none.
pub fn make_database(environment: &Path, home: &Path) -> Result<PathBuf, NoPeer> {
    let mut child = spawn(environment, home, &["--database-only".as_ref()])?;
    let ended = child.wait().map_err(|source| NoPeer::File { path: environment.to_owned(), source })?;
    let db = home.join("state.db");
    if ended.success() && db.exists() { Ok(db) } else { Err(NoPeer::Start(last_words(home))) }
}

/// The package's gateway, which runs until this is dropped.
pub struct Peer {
    child: Child,
    orders: ChildStdin,
    said: BufReader<ChildStdout>,
    /// Its URL, with its token.
    pub url: String,
    /// Its database.
    pub db: PathBuf,
}

impl Peer {
    /// Starts the gateway of an environment with the turns of a scenario file. Its files are in `home`, where those of an
    /// earlier process may be.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(environment: &Path, turns: &Path, home: &Path) -> Result<Self, NoPeer> {
        let mut child = spawn(environment, home, &["--turns".as_ref(), turns])?;
        let (orders, said) = (child.stdin.take(), child.stdout.take());
        let (Some(orders), Some(said)) = (orders, said) else { unreachable!("both are pipes") };
        let mut peer =
            Self { child, orders, said: BufReader::new(said), url: String::new(), db: home.join("state.db") };
        match peer.answer("listening on ") {
            Ok(url) => {
                peer.url = url;
                Ok(peer)
            }
            Err(_) => Err(NoPeer::Start(last_words(home))),
        }
    }

    /// Ends the process at once, as SIGKILL does.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn kill(mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Sends a signal to the process, unless it has ended.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        // The system may give the id of a process that has ended to another one.
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::NotFound)?;
        let signal = match signal {
            Signal::Int => rustix::process::Signal::INT,
            Signal::Term => rustix::process::Signal::TERM,
        };
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// Waits for the end of a process that has got a signal; `None` if it goes on for [`ENDING`].
    ///
    /// # Errors
    /// The system does not say.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let step = Duration::from_millis(20);
        for _ in 0..ENDING.as_millis() / step.as_millis() {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            std::thread::sleep(step);
        }
        self.child.try_wait()
    }

    /// What the gateway has in its memory now.
    ///
    /// # Errors
    /// It has ended.
    pub fn memory(&mut self) -> io::Result<Value> {
        writeln!(self.orders, "memory")?;
        self.orders.flush()?;
        let line = self.answer("memory ")?;
        serde_json::from_str(&line).map_err(io::Error::other)
    }

    /// The rest of the next line that begins so.
    fn answer(&mut self, begin: &str) -> io::Result<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.said.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(rest) = line.strip_prefix(begin) {
                return Ok(rest.trim().to_owned());
            }
        }
    }
}

impl Drop for Peer {
    /// Asks it to end, so that its database is whole, and kills it if it does not.
    fn drop(&mut self) {
        if self.signal(Signal::Term).is_ok() && matches!(self.ended(), Ok(Some(_))) {
            return;
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a process may take to end after a signal.
pub const ENDING: Duration = Duration::from_secs(10);

/// The log of all processes of a home.
const LOG: &str = "peer.log";

/// Starts `scripted_agent.py` on a home, with more arguments.
fn spawn(environment: &Path, home: &Path, more: &[&Path]) -> Result<Child, NoPeer> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| NoPeer::File { path, source }
    };
    fs::create_dir_all(home).map_err(failed(home))?;
    let script = home.join("scripted_agent.py");
    fs::write(&script, SCRIPTED_AGENT).map_err(failed(&script))?;
    let log = home.join(LOG);
    let errors = OpenOptions::new().create(true).append(true).open(&log).map_err(failed(&log))?;
    let mut command = Command::new(environment.join("bin/python"));
    command.arg(&script).arg("--home").arg(home).args(more);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
    command.spawn().map_err(failed(environment))
}

/// The last line of the log.
fn last_words(home: &Path) -> String {
    let said = fs::read_to_string(home.join(LOG)).unwrap_or_default();
    said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that the install did not make is refused and keeps its files.
    #[test]
    fn a_foreign_folder_stays() {
        let peers = tempfile::tempdir().expect("a folder");
        let file = peers.path().join("0.19.0/notes");
        fs::create_dir_all(peers.path().join("0.19.0")).expect("a folder");
        fs::write(&file, "mine").expect("a file");
        let refused = install(peers.path(), "0.19.0").expect_err("it is no environment").to_string();
        assert!(refused.ends_with("0.19.0 exists, and is no finished install"), "{refused}");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "mine");
    }

    /// An environment that is complete is used as it is.
    #[test]
    fn an_environment_is_found() {
        let peers = tempfile::tempdir().expect("a folder");
        let environment = peers.path().join("0.19.0");
        fs::create_dir_all(&environment).expect("a folder");
        fs::write(environment.join("installed"), "").expect("a file");
        assert_eq!(install(peers.path(), "0.19.0").expect("it is found"), environment);
    }
}
