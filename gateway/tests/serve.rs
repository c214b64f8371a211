//! The program itself: real sockets, a real file, real signals.
//!
//! No test measures time: each waits for what must come, and gives up after a bound that only a hang reaches.

use std::collections::VecDeque;
use std::fs::{self, DirEntry};
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use futures_util::{SinkExt, StreamExt};
use gateway::clock::{Clock, Millis};
use gateway::real::clock::MachineClock;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite};

/// Only a hang takes longer.
const HANG: Millis = Millis::from_secs(60);

const SCRIPT: &str = r#"
[turns.build]
steps = [
    { say = "Let me see." },
    { tool = "terminal", takes = "1ms" },
    { reply = "All green." },
]

[turns.wait]
steps = [{ tool = "terminal", takes = "1h" }]
"#;

/// From the first frame to the row: a session that its client closes.
#[tokio::test(flavor = "current_thread")]
async fn a_closed_session_is_a_row_that_says_so() {
    let gateway = Served::with_script(SCRIPT);
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;

    client.prompt(&session, "build").await;
    let mut seen = Vec::new();
    let complete = loop {
        let event = client.event().await;
        seen.push(event["type"].as_str().expect("a type").to_owned());
        if event["type"] == "message.complete" {
            break event;
        }
    };
    assert_eq!(complete["payload"]["text"], "All green.");
    assert_eq!(complete["payload"]["status"], "complete");
    seen.retain(|kind| kind != "session.info");
    let turn = ["message.start", "message.delta", "tool.start", "tool.complete", "message.delta", "message.complete"];
    assert_eq!(seen, turn);
    assert_eq!(gateway.folder.end_of(&row), None, "the session is in use");

    assert_eq!(client.call("session.close", json!({"session_id": session})).await["closed"], true);
    assert_eq!(gateway.folder.end_of(&row).as_deref(), Some("tui_close"));
    let messages = "SELECT group_concat(role, ' ') FROM (SELECT role FROM messages WHERE session_id = ?1 ORDER BY id)";
    let roles: String = gateway.folder.rows().query_one(messages, [&row], |row| row.get(0)).expect("messages");
    assert_eq!(roles, "user assistant assistant tool assistant");
    assert_eq!(gateway.stop("TERM").await.0, Some(0));
}

/// Both signals end every session, also one at work; the client hears it, and then that the gateway goes away.
#[tokio::test(flavor = "current_thread")]
async fn a_signal_ends_what_is_open() {
    for signal in ["TERM", "INT"] {
        let gateway = Served::with_script(SCRIPT);
        let mut client = gateway.connect().await;
        let (session, row) = client.create().await;
        client.prompt(&session, "wait").await;
        client.event_of("tool.start").await;

        let ((code, folder), interrupted) = tokio::join!(gateway.stop(signal), async {
            let complete = client.event_of("message.complete").await;
            client.hear_close().await;
            complete["payload"]["status"].clone()
        });
        assert_eq!(code, Some(0), "SIG{signal}");
        assert_eq!(interrupted, "interrupted");
        assert_eq!(folder.end_of(&row).as_deref(), Some("tui_shutdown"));
    }
}

/// A second signal does not wait for a tool that sits through interrupts. The row stays open for the next start.
#[tokio::test(flavor = "current_thread")]
async fn a_second_signal_cuts_the_end_short() {
    let gateway =
        Served::with_script("[turns.dig]\nsteps = [{ tool = \"terminal\", takes = \"1h\", interruptible = false }]");
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "dig").await;
    client.event_of("tool.start").await;
    gateway.signal("TERM");
    let address = gateway.address;
    until("no client is taken any more", || std::net::TcpStream::connect(address).is_err().then_some(())).await;
    let (code, folder) = gateway.stop("TERM").await;
    assert_eq!(code, Some(1));
    assert_eq!(folder.end_of(&row), None);
}

/// A socket that dies without a word: the session has its grace, then its row is ended under the reaper's name.
#[tokio::test(flavor = "current_thread")]
async fn a_dropped_socket_ends_as_an_orphan() {
    let gateway = Served::with_grace("300ms");
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "hello").await;
    assert_eq!(client.event_of("message.complete").await["payload"]["text"], "hello", "no script: an echo");
    drop(client);
    assert_eq!(until("the row is ended", || gateway.folder.end_of(&row)).await, "ws_orphan_reap");
}

/// A client that stays and takes nothing of what is sent to it loses its connection, and its session with it.
#[tokio::test(flavor = "current_thread")]
async fn a_client_that_reads_nothing_is_let_go() {
    let gateway = Served::with_config("orphan_grace = \"100ms\"\nwrite_timeout = \"300ms\"");
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, &"x".repeat(256 * 1024)).await;
    client.event_of("message.complete").await;
    // Far more than sockets hold.
    for id in 1000..1150 {
        let params = json!({"session_id": session});
        client.send(json!({"jsonrpc": "2.0", "id": id, "method": "session.history", "params": params})).await;
    }
    assert_eq!(until("the row is ended", || gateway.folder.end_of(&row)).await, "ws_orphan_reap");
}

/// A client that comes back within the grace finds its session, and goes on with it.
#[tokio::test(flavor = "current_thread")]
async fn a_client_that_comes_back_goes_on() {
    let gateway = Served::with_grace("1h");
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "one").await;
    client.event_of("message.complete").await;
    client.close().await;

    let mut client = gateway.connect().await;
    let resumed = client.call("session.resume", json!({"session_id": row})).await;
    assert_eq!(resumed["session_id"], session.as_str(), "the same live session");
    client.prompt(&session, "two").await;
    assert_eq!(client.event_of("message.complete").await["payload"]["text"], "two");
    assert_eq!(gateway.folder.end_of(&row), None);
}

/// A kill ends no row and leaves no lock; the next process ends the row when nobody comes back for it.
#[tokio::test(flavor = "current_thread")]
async fn a_row_of_a_killed_gateway_is_swept() {
    let gateway = Served::with_grace("300ms");
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "hello").await;
    client.event_of("message.complete").await;
    let folder = gateway.kill();
    assert_eq!(folder.end_of(&row), None);

    let gateway = Served::start(folder);
    assert_eq!(until("the row is ended", || gateway.folder.end_of(&row)).await, "startup_orphan_reap");
}

/// Requests that are sent without waiting are answered in their order, more of them than fit into any queue.
#[tokio::test(flavor = "current_thread")]
async fn frames_keep_their_order() {
    let gateway = Served::with_grace("20s");
    let mut client = gateway.connect().await;
    for id in 0..1000 {
        client.send(json!({"jsonrpc": "2.0", "id": id, "method": "session.active_list"})).await;
    }
    for id in 0..1000 {
        assert_eq!(client.frame().await["id"], id);
    }
}

/// One path leads to the gateway, and only for WebSocket; everybody else is told.
#[tokio::test(flavor = "current_thread")]
async fn other_paths_are_refused() {
    let gateway = Served::with_grace("20s");
    let Err(tungstenite::Error::Http(response)) = gateway.knock("/api/wss").await else {
        panic!("another path is no way in");
    };
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(gateway.knock("/api/ws?token=none").await.is_ok(), "a query is no other path");

    let not_found = "HTTP/1.1 404 Not Found";
    assert_eq!(gateway.get("GET / HTTP/1.1\r\nHost: here\r\n\r\n").await, not_found);
    assert_eq!(gateway.get("GET /api/ws HTTP/1.1\r\nHost: here\r\n\r\n").await, "HTTP/1.1 426 Upgrade Required");
    assert_eq!(gateway.get("EHLO here\r\n\r\n").await, "HTTP/1.1 400 Bad Request");
}

/// What keeps a gateway from starting is said on stderr with a hint, exits with 2, and leaves stdout empty.
#[track_caller]
fn check_refused(arguments: &[&str], says: &str) {
    let output = gateway(arguments).output().expect("it runs");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(String::from_utf8(output.stdout).expect("text"), "");
    assert!(stderr.starts_with("error: ") && stderr.contains(says), "{stderr}");
    assert!(stderr.contains("\nhint: ") || stderr.contains("try '--help'"), "{stderr}");
}

#[test]
fn an_address_that_is_not_for_us_is_refused() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address").to_string();
    let db = folder.path("state.db");
    check_refused(&["--listen", &taken, "--db", &db], &format!("cannot listen on {taken}: "));
    check_refused(&["--listen", "0.0.0.0:0", "--db", &db], "0.0.0.0:0 can be reached from other machines");
    check_refused(&["--listen", "[::]:0", "--db", &db], "[::]:0 can be reached from other machines");
    check_refused(&["--listen", "localhost", "--db", &db], "such as `127.0.0.1:8645`");
    assert_eq!(folder.names(), [""; 0], "no database was made");
}

#[test]
fn a_database_that_is_not_for_us_is_refused() {
    let folder = Folder::new();
    let check = |db: &str, says: &str| check_refused(&["--listen", "127.0.0.1:0", "--db", db], says);
    let diary = folder.write("diary.txt", &"dear diary, ".repeat(100));
    check(&diary, "is not a database");
    let newer = folder.path("newer.db");
    let version = "CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES (99)";
    Connection::open(&newer).and_then(|connection| connection.execute_batch(version)).expect("a database");
    check(&newer, "has schema version 99");
    check(&folder.path("no/state.db"), "cannot open database");
    assert_eq!(folder.names(), ["diary.txt", "newer.db"], "and nothing lies beside them");
}

#[test]
fn a_database_in_use_is_refused() {
    let gateway = Served::with_grace("20s");
    let db = gateway.folder.path("state.db");
    check_refused(
        &["--listen", "127.0.0.1:0", "--db", &db],
        "is in use by another gateway\nhint: stop the other gateway",
    );
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    let folder = Folder::new();
    let db = folder.path("state.db");
    let check = |option: &str, value: &str, says: &str| {
        check_refused(&["--listen", "127.0.0.1:0", "--db", &db, option, value], says);
    };
    let missing = folder.path("missing.toml");
    check("--agent", &format!("script:{missing}"), &format!("script file `{missing}`: No such file"));
    let bad = folder.write("bad.toml", "[turns.hello]\nsteps = [{ rply = \"hi\" }]\n");
    check("--agent", &format!("script:{bad}"), "unknown field `rply`");
    check("--agent", "hermes", "expected `script:FILE`");
    let bad = folder.write("config.toml", "[gateway]\norphan_grace = 20\n");
    check("--config", &bad, "at line 2, column 16");
    assert_eq!(folder.names(), ["bad.toml", "config.toml"], "no database was made");
}

/// A gateway that is up, on a database of its own.
struct Served {
    process: Process,
    address: SocketAddr,
    folder: Folder,
}

/// Ends with the test, however that ends.
struct Process(Child);

/// A folder of a test's own.
struct Folder(TempDir);

/// One connection. Events that come while it waits for an answer are kept.
struct Client {
    socket: WebSocketStream<TcpStream>,
    calls: u64,
    events: VecDeque<Value>,
}

impl Served {
    fn with_script(script: &str) -> Self {
        let folder = Folder::new();
        folder.write("script.toml", script);
        Self::start(folder)
    }

    fn with_grace(grace: &str) -> Self {
        Self::with_config(&format!("orphan_grace = \"{grace}\""))
    }

    fn with_config(settings: &str) -> Self {
        let folder = Folder::new();
        folder.write("config.toml", &format!("[gateway]\n{settings}\n"));
        Self::start(folder)
    }

    /// Starts on what the folder holds, and waits for the line that says where.
    fn start(folder: Folder) -> Self {
        let mut command = gateway(&["--listen", "127.0.0.1:0", "--db", &folder.path("state.db")]);
        for (file, option, prefix) in [("script.toml", "--agent", "script:"), ("config.toml", "--config", "")] {
            if folder.names().contains(&file.to_owned()) {
                command.args([option, &format!("{prefix}{}", folder.path(file))]);
            }
        }
        let mut process = Process(command.stdout(Stdio::piped()).spawn().expect("it starts"));
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
        let address = line.strip_prefix("listening on ws://").and_then(|line| line.strip_suffix("/api/ws\n"));
        let address = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("no address: {line}"));
        Self { process, address, folder }
    }

    /// A client that has heard that the gateway is ready.
    async fn connect(&self) -> Client {
        let socket = self.knock("/api/ws").await.expect("the handshake");
        let mut client = Client { socket, calls: 0, events: VecDeque::new() };
        assert_eq!(client.event().await["type"], "gateway.ready");
        client
    }

    async fn knock(&self, path: &str) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        let shaken = client_async(format!("ws://{}{path}", self.address), stream);
        Ok(within("the handshake", shaken).await?.0)
    }

    /// The first line of the answer to something that is no WebSocket.
    async fn get(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        within("an answer", stream.read_to_string(&mut answer)).await.expect("text");
        answer.lines().next().unwrap_or_default().to_owned()
    }

    fn signal(&self, signal: &str) {
        let command = format!("kill -{signal} {}", self.process.0.id());
        assert!(Command::new("sh").args(["-c", &command]).status().expect("a shell").success());
    }

    /// Signals it, and waits for its exit code; its folder is left.
    async fn stop(mut self, signal: &str) -> (Option<i32>, Folder) {
        self.signal(signal);
        let status = until("it ends", || self.process.0.try_wait().expect("our child")).await;
        (status.code(), self.folder)
    }

    fn kill(self) -> Folder {
        drop(self.process);
        self.folder
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("a path in UTF-8").to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("a file");
        self.path(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("a folder");
        let name = |entry: io::Result<DirEntry>| entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    fn rows(&self) -> Connection {
        Connection::open(self.path("state.db")).expect("a database")
    }

    /// Why a row has ended, `None` while it is open; time and reason come together.
    fn end_of(&self, row: &str) -> Option<String> {
        let end = "SELECT ended_at, end_reason FROM sessions WHERE id = ?1";
        let (at, reason): (Option<f64>, Option<String>) =
            self.rows().query_one(end, [row], |row| Ok((row.get(0)?, row.get(1)?))).expect("the row");
        assert_eq!(at.is_some(), reason.is_some(), "{row}");
        reason
    }
}

impl Client {
    /// The runtime id of a new session, and the id of its row.
    async fn create(&mut self) -> (String, String) {
        let created = self.call("session.create", json!({})).await;
        let id = |key: &str| created[key].as_str().expect("an id").to_owned();
        (id("session_id"), id("stored_session_id"))
    }

    async fn prompt(&mut self, session: &str, text: &str) {
        let answer = self.call("prompt.submit", json!({"session_id": session, "text": text})).await;
        assert_eq!(answer["status"], "streaming");
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        loop {
            let mut frame = self.frame().await;
            if frame["id"] == id {
                assert!(frame["error"].is_null(), "{method}: {frame}");
                return frame["result"].take();
            }
            self.events.push_back(frame["params"].take());
        }
    }

    async fn event(&mut self) -> Value {
        match self.events.pop_front() {
            Some(event) => event,
            None => self.frame().await["params"].take(),
        }
    }

    async fn event_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.event().await;
            if event["type"] == kind {
                return event;
            }
        }
    }

    async fn send(&mut self, frame: Value) {
        within("a send", self.socket.send(Message::text(frame.to_string()))).await.expect("it is sent");
    }

    async fn frame(&mut self) -> Value {
        let message = within("a frame", self.socket.next()).await.expect("not the end").expect("a frame");
        serde_json::from_str(message.to_text().expect("text")).expect("JSON")
    }

    /// Closes in order, and waits until the gateway has done its part.
    async fn close(mut self) {
        self.socket.close(None).await.expect("it is sent");
        self.hear_close().await;
    }

    /// Waits for the end of the connection, which a close frame must come before.
    async fn hear_close(&mut self) {
        let mut closed = false;
        while let Some(message) = within("the end", self.socket.next()).await {
            closed |= message.expect("no death").is_close();
        }
        assert!(closed);
    }
}

fn gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.arg("serve").args(arguments);
    command
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let clock = MachineClock::start();
    tokio::select! {
        biased; // what comes at the last moment has come
        came = future => came,
        () = clock.sleep_until(clock.now().uptime + HANG) => panic!("waited in vain for {what}"),
    }
}

/// Looks again and again until `look` sees something.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let clock = MachineClock::start();
    within(what, async {
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            clock.sleep_until(clock.now().uptime + Millis(5)).await;
        }
    })
    .await
}
