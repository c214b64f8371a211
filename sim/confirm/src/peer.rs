//! The package: found or installed, and started with the embedded `scripted_agent.py`.
#![expect(clippy::disallowed_methods, reason = "the package runs in real time")]

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

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
    let failed = |source| NoPeer::File { path: environment.clone(), source };
    let done = environment.join("installed");
    if done.exists() {
        return Ok(environment);
    }
    // An interrupted install cannot be continued. Another folder of this name is not ours to remove.
    let begun = folder.join(format!("{version}.installing"));
    if environment.exists() {
        if !begun.exists() {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        fs::remove_dir_all(&environment).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    File::create(&begun).map_err(failed)?;
    let check = "import sys, venv; sys.exit(sys.version_info < (3, 11) and f'it is {sys.version.split()[0]}')";
    run(Command::new("python3").args(["-c", check])).map_err(NoPeer::Python)?;
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment)).map_err(NoPeer::Python)?;
    let mut pip = Command::new(environment.join("bin/pip"));
    // The web server requires python-multipart, which 0.16.0 does not declare as a dependency.
    pip.args(["install", "--quiet", "--disable-pip-version-check"]);
    pip.args([&format!("hermes-agent=={version}"), "python-multipart"]);
    run(&mut pip).map_err(|said| NoPeer::Pip { version: version.to_owned(), said })?;
    File::create(&done).map_err(failed)?;
    fs::remove_file(&begun).map_err(failed)?;
    Ok(environment)
}

/// Runs a program to its end. The error is the last line that it said.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().rfind(|line| !line.trim().is_empty() && !line.starts_with("[notice]"));
    Err(last.map_or_else(|| output.status.to_string(), |line| line.trim().to_owned()))
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
    /// Starts the gateway of an environment with the turns of a scenario file. Its files are in `home`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(environment: &Path, turns: &Path, home: &Path) -> Result<Self, NoPeer> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| NoPeer::File { path, source }
        };
        fs::create_dir_all(home).map_err(failed(home))?;
        let script = home.join("scripted_agent.py");
        fs::write(&script, SCRIPTED_AGENT).map_err(failed(&script))?;
        let log = home.join("peer.log");
        let errors = File::create(&log).map_err(failed(&log))?;
        let mut command = Command::new(environment.join("bin/python"));
        command.arg(&script).arg("--turns").arg(turns).arg("--home").arg(home);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().map_err(failed(environment))?;
        let (orders, said) = (child.stdin.take(), child.stdout.take());
        let (Some(orders), Some(said)) = (orders, said) else { unreachable!("both are pipes") };
        let mut peer =
            Self { child, orders, said: BufReader::new(said), url: String::new(), db: home.join("state.db") };
        match peer.answer("listening on ") {
            Ok(url) => {
                peer.url = url;
                Ok(peer)
            }
            Err(_) => {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
                Err(NoPeer::Start(last.to_owned()))
            }
        }
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
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let asked = pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok());
        for _ in 0..if asked { 50 } else { 0 } {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
