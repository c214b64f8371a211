//! Tests of the program with real sockets, a real file and real signals.
//!
//! No test asserts times: each waits for an event, with a timeout that only a hang reaches.

#[path = "serve/bench.rs"]
mod bench;
#[path = "serve/databases.rs"]
mod databases;
#[path = "serve/endure.rs"]
mod endure;
#[path = "serve/ownership.rs"]
mod ownership;
#[path = "serve/safety.rs"]
mod safety;
#[path = "serve/stop.rs"]
mod stop;
#[path = "serve/surroundings.rs"]
mod surroundings;

use bench::{Folder, Served, gateway, until, within};
use rusqlite::Connection;
use serde_json::json;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::http::StatusCode;

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

/// A session from the first frame to the ended row.
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

/// Both signals end every session, also one with a turn. The client gets the turn's end, then a close frame.
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
            client.close_code().await;
            complete["payload"]["status"].clone()
        });
        assert_eq!(code, Some(0), "SIG{signal}");
        assert_eq!(interrupted, "interrupted");
        assert_eq!(folder.end_of(&row).as_deref(), Some("tui_shutdown"));
    }
}

/// A second signal does not wait for an uninterruptible tool. The row stays open until the next start.
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

/// After a socket dies without a close frame the session has its grace, then the reaper ends its row.
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

/// A connected client that reads nothing is disconnected, and its session is reaped.
#[tokio::test(flavor = "current_thread")]
async fn a_client_that_reads_nothing_is_let_go() {
    let gateway = Served::with_config("orphan_grace = \"100ms\"\nwrite_timeout = \"300ms\"");
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, &"x".repeat(256 * 1024)).await;
    client.event_of("message.complete").await;
    // Half a MiB each: more than the sockets hold, and less than may wait, in frames and in bytes.
    for id in 1000..1024 {
        let params = json!({"session_id": session});
        client.send(json!({"jsonrpc": "2.0", "id": id, "method": "session.history", "params": params})).await;
    }
    assert_eq!(until("the row is ended", || gateway.folder.end_of(&row)).await, "ws_orphan_reap");
}

/// A client that reconnects within the grace resumes its session.
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

/// A resume in the middle of a turn returns the earlier history, with tool names, and the running prompt
/// separately, without overlap.
#[tokio::test(flavor = "current_thread")]
async fn a_client_that_comes_back_is_told_everything_once() {
    let gateway = Served::with_script(SCRIPT);
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "build").await;
    client.event_of("message.complete").await;
    client.prompt(&session, "wait").await;
    client.event_of("tool.start").await;
    client.close().await;

    let mut client = gateway.connect().await;
    let resumed = client.call("session.resume", json!({"session_id": row})).await;
    let said = json!([
        {"role": "user", "text": "build"},
        {"role": "assistant", "text": "Let me see."},
        {"role": "tool", "name": "terminal", "context": "", "text": "ok"},
        {"role": "assistant", "text": "All green."},
    ]);
    assert_eq!(resumed["messages"], said);
    assert_eq!(resumed["inflight"], json!({"user": "wait", "assistant": "", "streaming": true}));
}

/// A kill ends no row and releases the lock. The next process ends the row after a grace without a client.
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
    let counted =
        async { while !gateway.metrics().await.contains("gateway_recovered_rows_total{how=\"ended\"} 1\n") {} };
    within("the count of that", counted).await;
}

/// Pipelined requests are answered in order, even more of them than any queue holds.
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

/// The gateway has one WebSocket path; other requests get an HTTP error.
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
    assert_eq!(gateway.get("GET /api/ws HTTP/1.1\r\nHost: localhost\r\n\r\n").await, "HTTP/1.1 426 Upgrade Required");
    assert_eq!(gateway.get("EHLO here\r\n\r\n").await, "HTTP/1.1 400 Bad Request");
}

/// An error before the start is printed on stderr with a hint, exits with 2, and leaves stdout empty.
#[track_caller]
pub(crate) fn check_refused(arguments: &[&str], says: &str) {
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
    check_refused(
        &["--listen", "0.0.0.0:0", "--db", &db],
        "0.0.0.0:0 can be reached from other machines, so clients need a token",
    );
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

/// Names that SQLite does not take as paths are refused: the database would have no file, or a second name.
#[test]
fn a_database_without_a_path_is_refused() {
    let gateway = Served::with_grace("20s");
    let uri = format!("file:{}", gateway.folder.path("state.db"));
    for db in [":memory:", "file::memory:", "file:state.db?mode=memory", &uri] {
        check_refused(&["--listen", "127.0.0.1:0", "--db", db], "a database needs the path of a file");
        assert!(!std::path::Path::new(db).exists(), "{db}");
    }
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
