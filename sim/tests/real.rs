//! Real sockets and real time: they confirm the simulator's rows, and scenarios that need simulated time are refused.
//!
//! The speed of the machine must not decide a test, so these tests compare times loosely; `sim run --real` compares
//! them closely.

#[path = "real/record.rs"]
mod record;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::rc::Rc;

use gateway::real;
use gateway::real::access::{Access, Token};
use gateway::real::clock::MachineClock;
use gateway::real::limits::Limits;
use gateway::real::served::Served;
use gateway::real::sqlite::SqliteThread;
use gateway_core::agent::script::TurnScript;
use gateway_core::clock::{Clock, Millis};
use gateway_core::config::Config;
use gateway_core::lifecycle::process::Signal;
use sim_harness::invariant::NAMES;
use sim_harness::{Release, Scenario, Simulator};
use sim_search::drive::rows::differences;
use sim_search::drive::served::replay;
use sim_search::margin::{self, Ineligible};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

fn scenario(path: &str) -> Scenario {
    Scenario::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(path), &NAMES).expect("a scenario")
}

/// The differences between the simulator's rows of a scenario and the rows that `played` leaves over real sockets.
fn played(said: &Scenario, played: &Scenario) -> Vec<String> {
    let expected = margin::rows(&mut Simulator::new(), said, Release::Current).expect("it is eligible");
    let found = replay(played, Release::Current, "0.05".parse().expect("a scale")).expect("it plays");
    differences(&expected, &found.rows, Millis::from_secs(15))
}

/// The ghost row of #44045, planted on the served gateway and not on the simulated one, is reported as a difference;
/// without the bug the two are equal.
#[test]
fn a_planted_bug_differs_over_real_sockets() {
    let scenario = scenario("issues/44045_no_rotation.toml");
    assert_eq!(played(&scenario, &scenario), [""; 0]);
    let mut planted = scenario.clone();
    planted.behavior.push(("grace.expiry".to_owned(), "one_shot".to_owned()));
    let differences = played(&scenario, &planted);
    assert_eq!(differences.first().map(String::as_str), Some("s1.end_reason: expected ws_orphan_reap, found NULL"));
}

#[track_caller]
fn check_ineligible(change: impl Fn(&mut Scenario), says: &str) {
    let mut scenario = scenario("issues/44045_no_rotation.toml");
    change(&mut scenario);
    let why = margin::rows(&mut Simulator::new(), &scenario, Release::Current).expect_err(says).to_string();
    assert!(why.contains(says), "{why}");
}

/// Steps that only the simulator can carry out, and results decided by less than the margin, are not played in real time.
#[test]
fn scenarios_that_need_simulated_time_are_not_eligible() {
    check_ineligible(|scenario| scenario.until = Millis::from_secs(121), "121.000s of script");
    check_ineligible(|scenario| scenario.network.latency.max = Millis(1), "only a simulated world has a network");
    check_ineligible(
        |scenario| scenario.store.odds.busy = "1/2".to_owned().try_into().expect("a ratio"),
        "a store with faults",
    );
    let drop = |scenario: &mut Scenario, at| scenario.steps.last_mut().expect("the drop").at = Millis(at);
    // The turn ends 20 s after the drop: whether the timer of 20 s still finds it running depends on milliseconds.
    let near = |scenario: &mut Scenario| drop(scenario, 20_500);
    check_ineligible(near, "margin below");
    let mut far = scenario("issues/44045_no_rotation.toml");
    drop(&mut far, 16_000);
    let rows = margin::rows(&mut Simulator::new(), &far, Release::Current);
    assert!(!matches!(rows, Err(Ineligible::Simulated(_) | Ineligible::Long(_))), "{rows:?}");
}

/// A gateway in this process, over a real socket and a real file.
struct Gateway {
    url: String,
    store: Rc<SqliteThread>,
    served: Served,
}

impl Gateway {
    async fn start(turns: BTreeMap<String, TurnScript>, db: PathBuf) -> Self {
        let store = Rc::new(SqliteThread::open(&db).expect("it opens"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}/api/ws", listener.local_addr().expect("its address"));
        let env = real::env(Rc::clone(&store) as _, turns);
        let access = Access { token: Token::parse(TOKEN[1]).ok(), ..Access::default() };
        let behavior = Release::Current.behavior();
        let served = Served::on(listener, env, Config::default(), behavior, (access, Limits::default()));
        Self { url, store, served }
    }

    async fn end(self) {
        self.served.end(Signal::Term).await;
        self.store.close();
    }
}

/// The output of a child, while this thread goes on to serve it.
async fn finished(mut child: Child) -> Output {
    let clock = MachineClock::start();
    while child.try_wait().expect("our child").is_none() {
        clock.sleep_until(clock.now().uptime + Millis(10)).await;
    }
    child.wait_with_output().expect("our child")
}

/// A gateway in this process, and `sim drive` as its client.
async fn drive(file: &Path, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let db = folder.path().join("state.db");
    let turns = Scenario::load(file, &NAMES).map(|scenario| scenario.turns).unwrap_or_default();
    let gateway = Gateway::start(turns, db.clone()).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.arg("drive").arg(file).args(["--url", &gateway.url, "--db"]).arg(&db).args(more);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let output = finished(child).await;
    gateway.end().await;
    output
}

async fn check_drive(text: &str, more: &[&str], code: i32, says: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("story.toml");
    std::fs::write(&file, text).expect("a file");
    let output = LocalSet::new().run_until(drive(&file, more)).await;
    let text = String::from_utf8(output.stdout).expect("text") + &String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(code), "{text}");
    for says in says {
        assert!(text.contains(says), "{says}: {text}");
    }
}

const TOKEN: [&str; 2] = ["--token", "correct-horse-battery"];

/// A streamed answer is printed as it arrives, then the row; rows that differ from the given release are reported.
#[tokio::test(flavor = "current_thread")]
async fn a_running_gateway_is_driven() {
    let text = include_str!("../../scenarios/lifecycle/a_streamed_answer_is_kept.toml").replace("8s", "6s");
    let says = [
        "desktop  → session.create work\n",
        " message.delta Let me see who is there.\n",
        " message.complete complete Hello, and welcome.\n",
        "tui_close, 5 messages\n",
    ];
    check_drive(
        &text,
        &[&TOKEN[..], &["--as", "current"]].concat(),
        0,
        &[&says[..], &["the rows equal those of current"]].concat(),
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn rows_of_another_release_are_reported() {
    // The gateway runs the prompt's text as a turn; the file expects the rows of another release.
    let text = "about = \"A row.\"\nreleases = [\"0.16.0\", \"current\"]\nuntil = \"3s\"\n[gateway]\n\
                 orphan_grace = \"500ms\"\n[[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"connect\"\n[[steps]]\n\
                 at = \"0s\"\nclient = \"a\"\ndo = \"session.create\"\nas = \"work\"\n[[steps]]\nat = \"500ms\"\n\
                 client = \"a\"\ndo = \"prompt.submit\"\nsession = \"work\"\ntext = \"hello\"\n[[steps]]\nat = \"1s\"\n\
                 client = \"a\"\ndo = \"drop\"\n";
    let says = ["the rows DIFFER from those of current", "s1.end_reason: expected ws_orphan_reap, found NULL"];
    check_drive(text, &[&TOKEN[..], &["--as", "current"]].concat(), 15, &says).await;
}

/// A scenario that cannot be played in real time, or whose gateway refuses the connection, is refused.
#[tokio::test(flavor = "current_thread")]
async fn scenarios_that_cannot_be_driven_are_refused() {
    let kill = "about = \"A kill.\"\n[[steps]]\nat = \"0s\"\ndo = \"gateway.kill\"\n";
    check_drive(kill, &TOKEN, 2, &["story.toml:2: `gateway.kill` is a step for the simulator only"]).await;
    let visit = "about = \"A visit.\"\n[[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"connect\"\n";
    check_drive(visit, &[], 2, &["`a` cannot connect to ws://127.0.0.1:", "401 Unauthorized a token is needed"]).await;
}
