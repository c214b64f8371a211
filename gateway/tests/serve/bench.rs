//! A gateway as a child process, and clients that connect to it over sockets.

use std::collections::VecDeque;
use std::fs::{self, DirEntry};
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use futures_util::{SinkExt, StreamExt};
use gateway::real::clock::MachineClock;
use gateway_core::clock::{Clock, Millis};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite};

/// The timeout of a test; only a hang takes longer.
const HANG: Millis = Millis::from_secs(60);

/// A running gateway with a database of its own.
pub(crate) struct Served {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) folder: Folder,
}

/// Kills the process when the test ends, also by a panic.
pub(crate) struct Process(pub(crate) Child);

/// A temporary folder of one test.
pub(crate) struct Folder(TempDir);

/// One connection. Events that arrive while it waits for an answer are kept.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    calls: u64,
    events: VecDeque<Value>,
}

impl Served {
    pub(crate) fn with_script(script: &str) -> Self {
        let folder = Folder::new();
        folder.write("script.toml", script);
        Self::start(folder)
    }

    pub(crate) fn with_grace(grace: &str) -> Self {
        Self::with_config(&format!("orphan_grace = \"{grace}\""))
    }

    pub(crate) fn with_config(settings: &str) -> Self {
        let folder = Folder::new();
        folder.write("config.toml", &format!("[gateway]\n{settings}\n"));
        Self::start(folder)
    }

    /// Starts a gateway on the folder's database.
    pub(crate) fn start(folder: Folder) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with further flags.
    pub(crate) fn start_with(folder: Folder, flags: &[&str]) -> Self {
        let mut command = gateway(&["--listen", "127.0.0.1:0", "--db", &folder.path("state.db")]);
        for (file, option, prefix) in [("script.toml", "--agent", "script:"), ("config.toml", "--config", "")] {
            if folder.names().contains(&file.to_owned()) {
                command.args([option, &format!("{prefix}{}", folder.path(file))]);
            }
        }
        command.args(flags);
        Self::run(folder, command)
    }

    /// Runs a command made with [`gateway`], and waits for the line with its address.
    pub(crate) fn run(folder: Folder, mut command: Command) -> Self {
        let mut process = Process(command.stdout(Stdio::piped()).spawn().expect("it starts"));
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
        let address = line.strip_prefix("listening on ws://").and_then(|line| line.strip_suffix("/api/ws\n"));
        let address = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("no address: {line}"));
        Self { process, address, folder }
    }

    /// Connects a client and waits for `gateway.ready`.
    pub(crate) async fn connect(&self) -> Client {
        Client::greeted(self.knock("/api/ws").await.expect("the handshake")).await
    }

    pub(crate) async fn knock(&self, path: &str) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
        self.knock_with(path, &[]).await
    }

    /// The same with further request headers.
    pub(crate) async fn knock_with(
        &self,
        path: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        let mut request = format!("ws://{}{path}", self.address).into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Ok(within("the handshake", client_async(request, stream)).await?.0)
    }

    /// The status line of the answer to a plain HTTP request.
    pub(crate) async fn get(&self, request: &str) -> String {
        self.page(request).await.lines().next().unwrap_or_default().to_owned()
    }

    /// The whole answer to a plain HTTP request.
    pub(crate) async fn page(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        within("an answer", stream.read_to_string(&mut answer)).await.expect("text");
        answer
    }

    /// Fetches the `/metrics` page.
    pub(crate) async fn metrics(&self) -> String {
        self.page("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await
    }

    /// A memory figure of the process in KiB, from `/proc`: `VmRSS`, the present size, or `VmHWM`, the peak.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).expect("procfs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("there is a line for it");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number of KiB")
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Sends a signal and waits for the exit code; the folder is kept.
    pub(crate) async fn stop(self, signal: &str) -> (Option<i32>, Folder) {
        self.signal(signal);
        self.ended().await
    }

    /// Waits for the exit code; the folder is kept.
    pub(crate) async fn ended(mut self) -> (Option<i32>, Folder) {
        let status = until("it ends", || self.process.0.try_wait().expect("our child")).await;
        (status.code(), self.folder)
    }

    pub(crate) fn kill(self) -> Folder {
        drop(self.process);
        self.folder
    }
}

impl Process {
    pub(crate) fn signal(&self, signal: &str) {
        let command = format!("kill -{signal} {}", self.0.id());
        assert!(Command::new("sh").args(["-c", &command]).status().expect("a shell").success());
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
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("a path in UTF-8").to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("a file");
        self.path(name)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("a folder");
        let name = |entry: io::Result<DirEntry>| entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    pub(crate) fn rows(&self) -> Connection {
        Connection::open(self.path("state.db")).expect("a database")
    }

    /// The number of messages of a row; `None` while the row does not exist.
    pub(crate) fn messages(&self, row: &str) -> i64 {
        let count = "SELECT count(*) FROM messages WHERE session_id = ?1";
        self.rows().query_one(count, [row], |row| row.get(0)).expect("a number")
    }

    /// Whether the row exists; a session's first prompt creates it.
    pub(crate) fn has(&self, row: &str) -> bool {
        self.rows().query_one("SELECT count(*) FROM sessions WHERE id = ?1", [row], |row| row.get(0)) == Ok(1)
    }

    /// The end reason of a row, `None` while it is open. Time and reason are set together.
    pub(crate) fn end_of(&self, row: &str) -> Option<String> {
        let end = "SELECT ended_at, end_reason FROM sessions WHERE id = ?1";
        let (at, reason): (Option<f64>, Option<String>) =
            self.rows().query_one(end, [row], |row| Ok((row.get(0)?, row.get(1)?))).expect("the row");
        assert_eq!(at.is_some(), reason.is_some(), "{row}");
        reason
    }
}

impl Client {
    /// Connects a client and waits for `gateway.ready`.
    pub(crate) async fn greeted(socket: WebSocketStream<TcpStream>) -> Self {
        let mut client = Self { socket, calls: 0, events: VecDeque::new() };
        assert_eq!(client.event().await["type"], "gateway.ready");
        client
    }

    /// Creates a session and returns its runtime id and stored id.
    pub(crate) async fn create(&mut self) -> (String, String) {
        let created = self.call("session.create", json!({})).await;
        let id = |key: &str| created[key].as_str().expect("an id").to_owned();
        (id("session_id"), id("stored_session_id"))
    }

    pub(crate) async fn prompt(&mut self, session: &str, text: &str) {
        let answer = self.call("prompt.submit", json!({"session_id": session, "text": text})).await;
        assert_eq!(answer["status"], "streaming");
    }

    /// The result of a request, which must succeed.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn answer(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        loop {
            let mut frame = self.frame().await;
            if frame["id"] == id {
                return frame;
            }
            self.events.push_back(frame["params"].take());
        }
    }

    pub(crate) async fn event(&mut self) -> Value {
        match self.events.pop_front() {
            Some(event) => event,
            None => self.frame().await["params"].take(),
        }
    }

    pub(crate) async fn event_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.event().await;
            if event["type"] == kind {
                return event;
            }
        }
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        within("a send", self.socket.send(Message::text(frame.to_string()))).await.expect("it is sent");
    }

    /// The next text frame; pings in between are skipped.
    pub(crate) async fn frame(&mut self) -> Value {
        loop {
            let message = within("a frame", self.socket.next()).await.expect("not the end").expect("a frame");
            if !message.is_ping() {
                return serde_json::from_str(message.to_text().expect("text")).expect("JSON");
            }
        }
    }

    /// Closes the connection and waits for the gateway's close frame.
    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.expect("it is sent");
        self.close_code().await;
    }

    /// Waits for the end of the connection and returns the code of the close frame, which must come first.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        let mut closed = None;
        while let Some(message) = within("the end", self.socket.next()).await {
            if let Message::Close(frame) = message.expect("no death") {
                closed = Some(frame.map(|frame| frame.code.into()));
            }
        }
        closed.expect("a close frame")
    }
}

/// The value of a metric on the page.
pub(crate) fn metric(page: &str, name: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

pub(crate) fn gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.arg("serve").args(arguments).env_remove("GATEWAY_TOKEN");
    command
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let clock = MachineClock::start();
    tokio::select! {
        biased; // what comes at the last moment has come
        came = future => came,
        () = clock.sleep_until(clock.now().uptime + HANG) => panic!("waited in vain for {what}"),
    }
}

/// Polls `look` until it returns a value.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
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
