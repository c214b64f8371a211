//! `sim record` between `sim drive` and a gateway in this process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use sim_harness::invariant::NAMES;
use sim_harness::{Release, Scenario};
use tempfile::TempDir;
use tokio::task::LocalSet;

use super::{Gateway, finished};

/// A tool call, a question, a rotation, a client that dies in a turn, and another that resumes the session.
const STORY: &str = r#"about = "A session that PRIVATE people have."
until = "6s"

[turns."PRIVATE build"]
steps = [
    { say = "PRIVATE words" },
    { tool = "terminal", takes = "400ms" },
    { ask = "approval", text = "PRIVATE command" },
    { compress = "rotate", takes = "300ms" },
    { tool = "terminal", takes = "2500ms" },
    { reply = "PRIVATE answer" },
]

[[steps]]
at = "0s"
client = "desktop"
do = "connect"

[[steps]]
at = "0s"
client = "desktop"
do = "session.create"
as = "work"

[[steps]]
at = "500ms"
client = "desktop"
do = "prompt.submit"
session = "work"
turn = "PRIVATE build"

[[steps]]
at = "1500ms"
client = "desktop"
do = "answer"
session = "work"
text = "once"

[[steps]]
at = "2500ms"
client = "desktop"
do = "drop"

[[steps]]
at = "3s"
client = "phone"
do = "connect"

[[steps]]
at = "3s"
client = "phone"
do = "session.resume"
session = "work"
"#;

/// A recorder in front of a gateway, in a folder of its own.
struct Recording {
    folder: TempDir,
    gateway: Gateway,
    recorder: Child,
    url: String,
}

impl Recording {
    async fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("story.toml"), STORY).expect("a file");
        let scenario = Scenario::load(&folder.path().join("story.toml"), &NAMES).expect("a scenario");
        let gateway = Gateway::start(scenario.turns, folder.path().join("state.db")).await;
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command.args(["record", "--upstream", &gateway.url, "--out", "recorded.toml", "--db", "state.db"]).args(more);
        command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut recorder = command.spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(recorder.stdout.as_mut().expect("its output")).read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { folder, gateway, recorder, url }
    }

    /// Plays the story through the recorder.
    async fn drive(&self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command.args(["drive", "story.toml", "--url", &self.url, "--token", super::TOKEN[1]]);
        command.current_dir(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = finished(command.spawn().expect("it starts")).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Sends a signal to the recorder, and returns what it said after its address.
    async fn end(self, signal: &str) -> (TempDir, Output) {
        let pid = self.recorder.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("it runs").success());
        let output = finished(self.recorder).await;
        self.gateway.end().await;
        (self.folder, output)
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("recorded.toml")
}

#[track_caller]
fn check_recorded(path: &Path) {
    let text = fs::read_to_string(path).expect("a file");
    assert!(!text.contains("PRIVATE"), "{text}");
    let scenario = Scenario::load(path, &NAMES).expect("a scenario");
    let words: Vec<&str> = scenario.steps.iter().map(|step| step.action.word()).collect();
    let expected = ["connect", "session.create", "prompt.submit", "answer", "drop", "connect", "session.resume"];
    assert_eq!(&words[..expected.len()], expected, "{text}");
    assert_eq!(scenario.releases, [Release::Current]);
    let steps: Vec<String> = scenario.turns["turn_1"].steps.iter().map(|step| format!("{step:?}")).collect();
    let kinds: Vec<&str> =
        steps.iter().filter_map(|step| step.split(' ').next()).filter(|kind| *kind != "Sleep").collect();
    assert_eq!(kinds, ["Say", "Tool", "Ask", "Compress", "Tool", "Reply"], "{text}");
    let run = Command::new(env!("CARGO_BIN_EXE_sim")).arg("run").arg(path).output().expect("it runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

/// At SIGTERM the file is whole: it runs and leaves the rows that the gateway has left, and nothing else stays.
#[tokio::test(flavor = "current_thread")]
async fn a_recorded_session_leaves_the_same_rows() {
    LocalSet::new()
        .run_until(async {
            let recording = Recording::start(&[]).await;
            recording.drive().await;
            let (folder, output) = recording.end("-TERM").await;
            let text = fs::read_to_string(file(&folder)).unwrap_or_default();
            let said = format!("{}\n{text}", String::from_utf8_lossy(&output.stdout));
            assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
            assert!(said.contains("the simulator leaves the same rows under current"), "{said}");
            check_recorded(&file(&folder));
            assert!(!folder.path().join("recorded.toml.journal").exists());
        })
        .await;
}

/// A recorder that is killed leaves its journal, of which the same file can be made. Until then no other recording takes
/// its place.
#[tokio::test(flavor = "current_thread")]
async fn a_killed_recorder_leaves_what_it_has_seen() {
    LocalSet::new()
        .run_until(async {
            let recording = Recording::start(&[]).await;
            recording.drive().await;
            let upstream = recording.gateway.url.clone();
            let (folder, _) = recording.end("-KILL").await;
            assert!(!file(&folder).exists());
            let sim = |arguments: &[&str]| {
                let command =
                    Command::new(env!("CARGO_BIN_EXE_sim")).args(arguments).current_dir(folder.path()).output();
                command.expect("it runs")
            };
            let refused = sim(&["record", "--upstream", &upstream, "--out", "recorded.toml"]);
            assert_eq!(refused.status.code(), Some(2));
            assert!(String::from_utf8_lossy(&refused.stderr).contains("sim record --from recorded.toml.journal"));
            let made = sim(&["record", "--from", "recorded.toml.journal", "--out", "recorded.toml"]);
            assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
            check_recorded(&file(&folder));
            let text = fs::read_to_string(file(&folder)).expect("a file");
            assert!(text.contains("# The recorder ended before its recording"), "{text}");
        })
        .await;
}

/// Without a gateway there is nothing to record, and no file is left.
#[test]
fn an_absent_gateway_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let upstream = format!("ws://{}/api/ws", listener.local_addr().expect("its address"));
    drop(listener);
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.args(["record", "--upstream", &upstream, "--out", "x.toml"]).current_dir(folder.path());
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("nothing listens at 127.0.0.1:"), "{said}");
    assert!(said.contains("start the gateway first"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}
