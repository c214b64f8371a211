//! Everything besides frames: metrics, settings, standard input and output, logs.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::bench::{Folder, Process, Served, gateway, metric, until};

/// The metrics agree with the live state at every stage of a session's life.
#[tokio::test(flavor = "current_thread")]
async fn metrics_follow_a_session() {
    let folder = Folder::new();
    folder.write("script.toml", "[turns.wait]\nsteps = [{ tool = \"terminal\", takes = \"1h\" }]\n");
    let gateway = Served::start(folder);
    let check = async |expected: [(&str, f64); 6]| {
        let page = gateway.metrics().await;
        for (name, value) in expected {
            assert_eq!(metric(&page, name), Some(value), "{name}: {page}");
        }
    };
    let live = |connections, sessions, detached, turns, timers, rows| {
        [
            ("gateway_connections", connections),
            ("gateway_sessions", sessions),
            ("gateway_sessions_detached", detached),
            ("gateway_turns", turns),
            ("gateway_timers", timers),
            ("gateway_rows_open", rows),
        ]
    };
    check(live(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)).await;
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    check(live(1.0, 1.0, 0.0, 0.0, 0.0, 0.0)).await;
    client.prompt(&session, "wait").await;
    client.event_of("tool.start").await;
    check(live(1.0, 1.0, 0.0, 1.0, 0.0, 1.0)).await;
    client.close().await;
    check(live(0.0, 1.0, 1.0, 1.0, 1.0, 1.0)).await;
    let page = gateway.metrics().await;
    assert_eq!(metric(&page, "gateway_connections_total"), Some(1.0), "{page}");
    assert_eq!(metric(&page, "gateway_requests_total"), Some(2.0), "{page}");
    let writes = metric(&page, "gateway_store_seconds_count{call=\"write\"}");
    assert!(writes.is_some_and(|writes| writes >= 1.0), "{page}");
    assert_eq!(gateway.folder.end_of(&row), None);
}

/// `/healthz` asks the database: a table that another program takes away is noticed, and noticed again when it is back.
#[tokio::test(flavor = "current_thread")]
async fn health_is_that_of_the_database() {
    let gateway = Served::start(Folder::new());
    let health = || gateway.page("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(health().await.starts_with("HTTP/1.1 200 OK"));
    let other = rusqlite::Connection::open(gateway.folder.path("state.db")).expect("it opens");
    other.execute_batch("ALTER TABLE sessions RENAME TO elsewhere").expect("the other program may");
    let page = health().await;
    assert!(page.starts_with("HTTP/1.1 503") && page.ends_with("the database cannot be read\n"), "{page}");
    other.execute_batch("ALTER TABLE elsewhere RENAME TO sessions").expect("and back");
    assert!(health().await.starts_with("HTTP/1.1 200 OK"));
}

/// A write that fails is trouble until another one succeeds, although reads are answered meanwhile.
#[tokio::test(flavor = "current_thread")]
async fn a_failed_write_is_trouble() {
    let gateway = Served::start(Folder::new());
    let mut client = gateway.connect().await;
    let (session, _) = client.create().await;
    let health = || gateway.get("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    let other = rusqlite::Connection::open(gateway.folder.path("state.db")).expect("it opens");
    other
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'no room'); END")
        .expect("the other program may");
    client.answer("prompt.submit", json!({"session_id": session, "text": "hello"})).await;
    assert_eq!(health().await, "HTTP/1.1 503 Service Unavailable");
    other.execute_batch("DROP TRIGGER full").expect("and back");
    client.prompt(&session, "hello again").await;
    client.event_of("message.complete").await;
    assert_eq!(health().await, "HTTP/1.1 200 OK");
}

/// Only their owner reads and writes the files that hold conversations.
#[cfg(unix)]
#[tokio::test(flavor = "current_thread")]
async fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let gateway = Served::start(Folder::new());
    let mut client = gateway.connect().await;
    let (session, _) = client.create().await;
    client.prompt(&session, "a secret").await;
    client.event_of("message.complete").await;
    let names = gateway.folder.names();
    assert!(names.len() >= 2, "{names:?}");
    for name in names {
        let mode = std::fs::metadata(gateway.folder.path(&name)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A flag overrides the config file, and a scenario file is accepted as config and script.
#[tokio::test(flavor = "current_thread")]
async fn settings_come_from_flags_and_files() {
    let folder = Folder::new();
    let file = folder.write(
        "turns.toml",
        "about = \"A script.\"\n[gateway]\norphan_grace = \"1h\"\nmodel = \"small\"\n[turns.hello]\n\
         steps = [{ reply = \"from the script\" }]\n[[steps]]\nat = \"0s\"\nclient = \"a\"\ndo = \"connect\"\n",
    );
    let script = format!("script:{file}");
    let flags = ["--config", &file, "--agent", &script, "--orphan-grace", "100ms"];
    let gateway = Served::start_with(folder, &flags);
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "hello").await;
    assert_eq!(client.event_of("message.complete").await["payload"]["text"], "from the script");
    let model = "SELECT model FROM sessions WHERE id = ?1";
    let model: String = gateway.folder.rows().query_one(model, [&row], |row| row.get(0)).expect("the row");
    assert_eq!(model, "small");
    drop(client);
    assert_eq!(until("the row is ended", || gateway.folder.end_of(&row)).await, "ws_orphan_reap");
}

/// The client at the other end of standard input and output.
struct Piped {
    /// Reads until the end of the output.
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Piped {
    /// Starts a gateway and waits for `gateway.ready`.
    fn to(process: &mut Child) -> Self {
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let mut client = Self { input: process.stdin.take(), lines };
        assert_eq!(client.next()["params"]["type"], "gateway.ready");
        client
    }

    fn send(&mut self, frame: Value) {
        writeln!(self.input.as_mut().expect("it is piped"), "{frame}").expect("it reads");
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().expect("a line").expect("text")).expect("JSON")
    }

    /// Creates a session and returns the answer.
    fn create(&mut self) -> Value {
        self.send(json!({"id": 1, "method": "session.create"}));
        self.next()
    }
}

/// The protocol with one frame per line; the end of the input ends the sessions.
#[test]
fn standard_input_is_a_client() {
    let folder = Folder::new();
    let db = folder.path("state.db");
    let mut command = gateway(&["--stdio", "--db", &db, "--log-format", "json"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("it starts");
    let mut client = Piped::to(&mut process);
    let created = client.create();
    let id = |key: &str| created["result"][key].as_str().expect("an id").to_owned();
    client
        .send(json!({"id": 2, "method": "prompt.submit", "params": {"session_id": id("session_id"), "text": "hello"}}));
    let complete = loop {
        let frame = client.next();
        if frame["params"]["type"] == "message.complete" {
            break frame;
        }
    };
    assert_eq!(complete["params"]["payload"]["text"], "hello");
    client.input = None;
    let output = process.wait_with_output().expect("our child");
    let log = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert_eq!(folder.end_of(&id("stored_session_id")).as_deref(), Some("tui_shutdown"));
    let ended = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let ended: Vec<Value> = ended.filter(|line| line["fields"]["reason"] == "tui_shutdown").collect();
    assert_eq!(ended.len(), 1, "{log}");
    assert!(!log.contains("ERROR"), "nothing is given up at an end in order: {log}");
    assert_eq!(ended[0]["fields"]["row"], id("stored_session_id"));
}

/// A client that reads nothing does not block the end, and its row is ended.
#[tokio::test(flavor = "current_thread")]
async fn standard_output_that_nobody_reads_is_left() {
    check_unread("1h", Input::StaysUntilSignal).await;
    check_unread("300ms", Input::Ends).await;
}

/// A client that stays connected and reads nothing is not waited for.
#[tokio::test(flavor = "current_thread")]
async fn a_client_on_standard_input_that_reads_nothing_is_let_go() {
    check_unread("300ms", Input::Stays).await;
}

/// How standard input ends after a turn has written more than the client reads.
#[derive(PartialEq)]
enum Input {
    Ends,
    Stays,
    StaysUntilSignal,
}

/// The gateway ends although its client has read only two lines.
async fn check_unread(write_timeout: &str, then: Input) {
    let folder = Folder::new();
    let flags = ["--stdio", "--log", "off", "--write-timeout", write_timeout, "--db", &folder.path("state.db")];
    let mut command = gateway(&flags);
    let mut process = Process(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts"));
    let mut client = Piped::to(&mut process.0);
    let created = client.create();
    let id = |key: &str| created["result"][key].as_str().expect("an id").to_owned();
    // More than a pipe holds comes back.
    let text = "x".repeat(512 * 1024);
    client.send(json!({"id": 2, "method": "prompt.submit", "params": {"session_id": id("session_id"), "text": text}}));
    let row = id("stored_session_id");
    match then {
        Input::Ends => {
            until("the row is there", || folder.has(&row).then_some(())).await;
            client.input = None;
        }
        Input::Stays => {}
        Input::StaysUntilSignal => {
            until("the turn is stored", || (folder.messages(&row) == 2).then_some(())).await;
            process.signal("TERM");
        }
    }
    let status = until("it ends", || process.0.try_wait().expect("our child")).await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(folder.end_of(&row).as_deref(), Some("tui_shutdown"));
    drop(client);
}

/// A closed stdout or stderr affects neither service nor end.
#[tokio::test(flavor = "current_thread")]
async fn output_that_nobody_reads_is_no_end() {
    let unread = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    // Where it listens is printed to one of the two, and logged to the other.
    let folder = Folder::new();
    let mut command = gateway(&["--listen", "127.0.0.1:0", "--db", &folder.path("state.db")]);
    command.stderr(unread());
    let gateway = Served::run(folder, command);
    gateway.connect().await.create().await;
    assert_eq!(gateway.stop("TERM").await.0, Some(0));

    let folder = Folder::new();
    let mut command = crate::bench::gateway(&["--listen", "127.0.0.1:0", "--db", &folder.path("state.db")]);
    let mut process = Process(command.stdout(unread()).stderr(Stdio::piped()).spawn().expect("it starts"));
    let mut log = BufReader::new(process.0.stderr.take().expect("it is piped")).lines();
    let address = log.find_map(|line| {
        let line = line.expect("text");
        line.split(' ').find_map(|word| word.strip_prefix("address=")?.parse().ok())
    });
    let gateway = Served { process, address: address.expect("it says where"), folder };
    gateway.connect().await.create().await;
    assert_eq!(gateway.stop("TERM").await.0, Some(0));
}
