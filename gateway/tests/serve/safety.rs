//! Refusals and limits over real sockets, with another client that is served at the same time.

use futures_util::{SinkExt, StreamExt};
use gateway::real::clock::MachineClock;
use gateway_core::clock::{Clock, Uptime};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as ProptestConfig, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::bench::{Client, Folder, Served, gateway, metric, until, within};

const TOKEN: &str = "correct-horse-battery";

/// A gateway with a token and a captured log.
fn guarded() -> Served {
    let folder = Folder::new();
    let token = folder.write("token", &format!("{TOKEN}\n"));
    Served::start_with(folder, &["--token-file", &token, "--allow-origin", "https://chat.example"])
}

/// The status line of a refused WebSocket request.
async fn refused(gateway: &Served, path: &str, headers: &[(&'static str, &'static str)]) -> StatusCode {
    match gateway.knock_with(path, headers).await {
        Err(tungstenite::Error::Http(response)) => response.status(),
        Err(error) => panic!("{path} {headers:?}: {error}"),
        Ok(_) => panic!("{path} {headers:?} was let in"),
    }
}

/// Checks that the gateway still serves another client.
async fn check_serves(client: &mut Client) {
    let (session, _) = client.create().await;
    client.prompt(&session, "still there?").await;
    assert_eq!(client.event_of("message.complete").await["payload"]["text"], "still there?");
    assert_eq!(client.call("session.close", json!({"session_id": session})).await["closed"], true);
}

/// A missing, wrong and right token, in the header and in the query, for pages and for sockets.
#[tokio::test(flavor = "current_thread")]
async fn a_token_is_needed() {
    let gateway = guarded();
    assert_eq!(refused(&gateway, "/api/ws", &[]).await, StatusCode::UNAUTHORIZED);
    for wrong in
        ["Bearer correct-horse-batter", "Bearer correct-horse-batteryy", "Bearer", "Basic correct-horse-battery"]
    {
        assert_eq!(
            refused(&gateway, "/api/ws", &[("authorization", wrong)]).await,
            StatusCode::UNAUTHORIZED,
            "{wrong}"
        );
    }
    assert_eq!(refused(&gateway, "/api/ws?token=wrong", &[]).await, StatusCode::UNAUTHORIZED);
    let metrics = |header: &str| format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{header}\r\n");
    assert_eq!(gateway.get(&metrics("")).await, "HTTP/1.1 401 Unauthorized");
    assert_eq!(gateway.get("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await, "HTTP/1.1 200 OK");

    let bearer = [("authorization", "Bearer correct-horse-battery")];
    check_serves(&mut Client::greeted(gateway.knock_with("/api/ws", &bearer).await.expect("it is right")).await).await;
    let query = gateway.knock("/api/ws?token=correct-horse-battery").await.expect("it is right");
    check_serves(&mut Client::greeted(query).await).await;
    let page = gateway.page(&metrics(&format!("Authorization: Bearer {TOKEN}\r\n"))).await;
    assert!(page.contains("gateway_connections_refused_total{reason=\"no_token\"} 4\n"), "{page}");
    assert!(page.contains("gateway_connections_refused_total{reason=\"wrong_token\"} 3\n"), "{page}");
}

/// No token, right or wrong, appears in the output or in the log.
#[tokio::test(flavor = "current_thread")]
async fn a_token_is_not_logged() {
    let folder = Folder::new();
    let (db, log) = (folder.path("state.db"), folder.path("log"));
    let mut command = gateway(&["--listen", "127.0.0.1:0", "--db", &db, "--log", "debug"]);
    command.env("GATEWAY_TOKEN", TOKEN).stderr(std::fs::File::create(&log).expect("a file"));
    let gateway = Served::run(folder, command);
    assert_eq!(refused(&gateway, "/api/ws?token=guessed-horse-battery", &[]).await, StatusCode::UNAUTHORIZED);
    let socket = gateway.knock(&format!("/api/ws?token={TOKEN}")).await.expect("it is right");
    check_serves(&mut Client::greeted(socket).await).await;
    let (code, folder) = gateway.stop("TERM").await;
    let log = std::fs::read_to_string(folder.path("log")).expect("a log");
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("refused: wrong_token") && log.contains("tui_close"), "{log}");
    assert!(!log.contains("horse"), "{log}");
}

/// A foreign origin is refused, with and without a token.
#[tokio::test(flavor = "current_thread")]
async fn pages_of_other_sites_are_refused() {
    let gateway = Served::with_grace("20s");
    for foreign in ["http://evil.example", "null", "http://127.0.0.1"] {
        assert_eq!(refused(&gateway, "/api/ws", &[("origin", foreign)]).await, StatusCode::FORBIDDEN, "{foreign}");
    }
    // A name that leads here, as a page makes one that was loaded from it.
    let renamed = [("host", "evil.example"), ("origin", "http://evil.example")];
    assert_eq!(refused(&gateway, "/api/ws", &renamed).await, StatusCode::FORBIDDEN);
    let own: &'static str = format!("http://{}", gateway.address).leak();
    let socket = gateway.knock_with("/api/ws", &[("origin", own)]).await.expect("it is the gateway's own");
    check_serves(&mut Client::greeted(socket).await).await;

    let gateway = guarded();
    let shown = ("authorization", "Bearer correct-horse-battery");
    let foreign = [shown, ("origin", "http://evil.example")];
    assert_eq!(refused(&gateway, "/api/ws", &foreign).await, StatusCode::FORBIDDEN);
    let allowed = [shown, ("origin", "https://chat.example")];
    check_serves(&mut Client::greeted(gateway.knock_with("/api/ws", &allowed).await.expect("allowed")).await).await;
}

/// A frame that is too long, binary or malformed ends its connection with the matching close code.
#[tokio::test(flavor = "current_thread")]
async fn a_frame_that_is_no_frame_of_ours_ends_its_connection() {
    let gateway = Served::start_with(Folder::new(), &["--max-frame-bytes", "1000"]);
    let mut other = gateway.connect().await;
    let mut client = gateway.connect().await;
    client.socket.send(Message::text(" ".repeat(1000))).await.expect("it is sent");
    check_serves(&mut client).await;
    // The rest may find the socket closed.
    let _ = client.socket.send(Message::text("x".repeat(1_000_000))).await;
    assert_eq!(client.close_code().await, Some(1009), "too long");

    let mut client = gateway.connect().await;
    client.socket.send(Message::binary(vec![1, 2, 3])).await.expect("it is sent");
    assert_eq!(client.close_code().await, Some(1003), "not text");

    let mut client = gateway.connect().await;
    // A text frame with a mask of zeros that is no UTF-8.
    client.socket.get_mut().write_all(&[0x81, 0x81, 0, 0, 0, 0, 0xff]).await.expect("it is sent");
    assert_eq!(client.close_code().await, Some(1007), "not UTF-8");

    let mut client = gateway.connect().await;
    // An opcode that means nothing.
    client.socket.get_mut().write_all(&[0x83, 0x80, 0, 0, 0, 0]).await.expect("it is sent");
    assert_eq!(client.close_code().await, Some(1002), "no frame");
    check_serves(&mut other).await;
}

/// A connection beyond the limit is refused until another one has ended.
#[tokio::test(flavor = "current_thread")]
async fn too_many_connections_are_refused() {
    let gateway = Served::start_with(Folder::new(), &["--max-connections", "2"]);
    let (mut one, two) = (gateway.connect().await, gateway.connect().await);
    for _ in 0..3 {
        assert_eq!(refused(&gateway, "/api/ws", &[]).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    let page = gateway.metrics().await;
    assert_eq!(metric(&page, "gateway_connections"), Some(2.0), "a page does not count as a connection: {page}");
    assert!(page.contains("gateway_connections_refused_total{reason=\"full\"} 3\n"), "{page}");
    check_serves(&mut one).await;
    two.close().await;
    let mut third = loop {
        // The second counts until its socket is gone.
        if let Ok(socket) = gateway.knock("/api/ws").await {
            break Client::greeted(socket).await;
        }
    };
    check_serves(&mut third).await;
}

/// Refused requests do not count towards the connection limit.
#[tokio::test(flavor = "current_thread")]
async fn who_says_nothing_takes_no_place() {
    let gateway = Served::start_with(Folder::new(), &["--max-connections", "1"]);
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(gateway.address).await.expect("it listens"));
    }
    check_serves(&mut gateway.connect().await).await;
}

/// Half handshakes, more of them than there are places, hold up no other client: the oldest of them go.
#[tokio::test(flavor = "current_thread")]
async fn half_handshakes_hold_up_nobody() {
    let gateway = Served::start_with(Folder::new(), &[]);
    let mut silent = Vec::new();
    for _ in 0..600 {
        let mut stream = TcpStream::connect(gateway.address).await.expect("it listens");
        stream.write_all(b"GET /api/ws HTTP/1.1\r\n").await.expect("it is sent");
        silent.push(stream);
    }
    check_serves(&mut gateway.connect().await).await;
    let page = gateway.metrics().await;
    let gone = metric(&page, "gateway_connections_refused_total{reason=\"half_handshake\"}");
    assert!(gone.is_some_and(|gone| gone >= 300.0), "half of 512 places are for one address: {page}");
}

/// A client that copies a long conversation again and again, and waits for nothing, takes no more memory than its sessions and
/// a few copies, and holds up no other client.
#[tokio::test(flavor = "current_thread")]
async fn a_flood_of_branches_is_bounded() {
    let gateway = Served::with_grace("1h");
    let (mut other, mut client) = (gateway.connect().await, gateway.connect().await);
    let (session, _) = client.create().await;
    for _ in 0..2 {
        client.prompt(&session, &"x".repeat(512 * 1024)).await;
        client.event_of("message.complete").await;
    }
    let before = gateway.memory("VmRSS");
    for _ in 0..256 {
        client.send(json!({"method": "session.branch", "params": {"session_id": session}})).await;
    }
    check_serves(&mut other).await;
    within("as many sessions as a connection may have", async {
        while metric(&gateway.metrics().await, "gateway_sessions") != Some(64.0) {}
    })
    .await;
    let grown = gateway.memory("VmHWM") - before;
    assert!(grown < 180 * 1024, "{grown} KiB for 64 sessions of 2 MiB");
}

/// A client that answers no ping is disconnected, and its session is
/// reaped.
#[tokio::test(flavor = "current_thread")]
async fn a_client_that_vanishes_is_let_go() {
    let folder = Folder::new();
    folder.write("config.toml", "[gateway]\norphan_grace = \"100ms\"\n");
    let gateway = Served::start_with(folder, &["--ping-interval", "1s"]);
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "hello").await;
    client.event_of("message.complete").await;
    // The socket stays open and is not read from here on.
    assert_eq!(until("the row is ended", || gateway.folder.end_of(&row)).await, "ws_orphan_reap");
    drop(client);
}

/// An idle client answers pings and stays connected.
#[tokio::test(flavor = "current_thread")]
async fn a_silent_client_stays() {
    let folder = Folder::new();
    folder.write("config.toml", "[gateway]\norphan_grace = \"1ms\"\n");
    let gateway = Served::start_with(folder, &["--ping-interval", "2s"]);
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "hello").await;
    client.event_of("message.complete").await;
    let mut asked = 0;
    while asked < 2 {
        let message = within("a question", client.socket.next()).await.expect("not the end").expect("a frame");
        asked += u32::from(message.is_ping());
    }
    assert_eq!(gateway.folder.end_of(&row), None);
    check_serves(&mut client).await;
}

/// The error of an answer: its code, and whether a retry may succeed.
fn error(answer: &Value) -> (i64, bool) {
    (answer["error"]["code"].as_i64().unwrap_or_default(), answer["error"]["data"]["retry"] == true)
}

/// The limit of sessions per connection counts created and resumed ones; another connection has its own.
#[tokio::test(flavor = "current_thread")]
async fn too_many_sessions_are_refused() {
    let gateway = Served::with_config("max_sessions_per_connection = 2");
    let mut client = gateway.connect().await;
    let (first, row) = client.create().await;
    client.prompt(&first, "hello").await;
    client.event_of("message.complete").await;
    let (second, _) = client.create().await;
    for (method, params) in [("session.create", json!({})), ("session.branch", json!({"session_id": first}))] {
        let answer = client.answer(method, params).await;
        assert_eq!(error(&answer), (4090, false), "{method}: {answer}");
    }
    assert_eq!(
        client.call("session.resume", json!({"session_id": row})).await["session_id"],
        first.as_str(),
        "its own"
    );

    let mut other = gateway.connect().await;
    other.create().await;
    assert_eq!(other.call("session.resume", json!({"session_id": row})).await["session_id"], first.as_str());
    let takes_over = json!({"session_id": second, "text": "hello"});
    for (method, params) in
        [("session.create", json!({})), ("session.activate", takes_over.clone()), ("prompt.submit", takes_over)]
    {
        let answer = other.answer(method, params).await;
        assert_eq!(error(&answer), (4090, false), "{method}: {answer}");
    }
    // The first session has gone over to the other, so there is room again.
    client.create().await;
}

/// Queued prompts and steers are limited; a further one is refused as retryable.
#[tokio::test(flavor = "current_thread")]
async fn too_many_prompts_are_refused() {
    let folder = Folder::new();
    folder.write("config.toml", "[gateway]\nmax_waiting_prompts = 2\nbusy_input_mode = \"queue\"\n");
    folder.write("script.toml", "[turns.wait]\nsteps = [{ tool = \"terminal\", takes = \"1h\" }]\n");
    let gateway = Served::start(folder);
    let mut client = gateway.connect().await;
    let (session, _) = client.create().await;
    client.prompt(&session, "wait").await;
    client.event_of("tool.start").await;
    for method in ["prompt.submit", "session.steer"] {
        let params = json!({"session_id": session, "text": "more"});
        for _ in 0..2 {
            assert_eq!(client.call(method, params.clone()).await["status"], "queued");
        }
        let answer = client.answer(method, params).await;
        assert_eq!(error(&answer), (4009, true), "{method}: {answer}");
    }
    check_serves(&mut client).await;
}

/// A flooding client is held back by its own socket: while it still waits for most of its
/// answers, the other client has received all of its own.
#[tokio::test(flavor = "current_thread")]
async fn a_flood_starves_nobody() {
    let gateway = Served::start_with(Folder::new(), &["--max-requests-per-second", "200"]);
    let (flooder, mut other) = (gateway.connect().await, gateway.connect().await);
    let (mut sink, mut stream) = flooder.socket.split();
    let flood = async {
        for id in 0..2_000 {
            let frame = json!({"jsonrpc": "2.0", "id": id, "method": "session.list"}).to_string();
            if sink.send(Message::text(frame)).await.is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut answered = 0;
    let reading = async {
        while stream.next().await.is_some() {
            answered += 1;
        }
    };
    let served = async {
        for _ in 0..20 {
            check_serves(&mut other).await;
        }
    };
    tokio::select! {
        biased; // only the other one comes to an end
        () = within("the other to be served", served) => {}
        () = async { tokio::join!(flood, reading); } => panic!("the flooding client was disconnected"),
    }
    assert!(answered < 1_000, "{answered} of 2000 answered");
}

/// Requests beyond the rate limit are delayed, and answered in order.
#[tokio::test(flavor = "current_thread")]
async fn requests_beyond_the_rate_wait() {
    let gateway = Served::start_with(Folder::new(), &["--max-requests-per-second", "100"]);
    let mut client = gateway.connect().await;
    let clock = MachineClock::start();
    for id in 0..200 {
        client.send(json!({"jsonrpc": "2.0", "id": id, "method": "session.active_list"})).await;
    }
    for id in 0..200 {
        assert_eq!(client.frame().await["id"], id);
    }
    // The first hundred come at once, the others evenly. A slow machine only takes longer.
    assert!(clock.now().uptime >= Uptime(950), "all answered after {}", clock.now().uptime);
}

/// Unread frames are bounded even without a write timeout: the client is disconnected when
/// the bound is reached, before the end of its turn.
#[tokio::test(flavor = "current_thread")]
async fn a_client_that_reads_nothing_takes_no_memory() {
    let folder = Folder::new();
    folder.write("config.toml", "[gateway]\norphan_grace = \"100ms\"\nwrite_timeout = \"1h\"\n");
    let say = format!("{{ say = \"{}\" }},", "x".repeat(512 * 1024));
    folder.write("script.toml", &format!("[turns.talk]\nsteps = [{}]\n", say.repeat(80)));
    let gateway = Served::start_with(folder, &["--ping-interval", "0s"]);
    let (mut other, mut client) = (gateway.connect().await, gateway.connect().await);
    let (session, row) = client.create().await;
    client.prompt(&session, "talk").await;
    assert_eq!(until("the row is ended", || gateway.folder.end_of(&row)).await, "ws_orphan_reap");
    check_serves(&mut other).await;
}

/// Requests of a client that does not read wait in its socket.
#[tokio::test(flavor = "current_thread")]
async fn a_client_that_asks_and_reads_nothing_takes_no_memory() {
    let gateway = Served::with_config("orphan_grace = \"100ms\"\nwrite_timeout = \"2s\"");
    let (mut other, mut client) = (gateway.connect().await, gateway.connect().await);
    let (session, row) = session_with_much(&mut client).await;
    let before = gateway.memory("VmRSS");
    for id in 0..800 {
        // A disconnected client can send no requests.
        if client.socket.send(history(id, &session)).await.is_err() {
            break;
        }
    }
    assert_eq!(until("the row is ended", || gateway.folder.end_of(&row)).await, "ws_orphan_reap");
    let grown = gateway.memory("VmHWM") - before;
    assert!(grown < 40 * 1024, "{grown} KiB were kept for it at most");
    check_serves(&mut other).await;
}

/// A client that pipelines large requests and reads all the time gets every answer.
#[tokio::test(flavor = "current_thread")]
async fn a_client_that_asks_much_and_reads_is_answered() {
    let gateway = Served::with_grace("20s");
    let mut client = gateway.connect().await;
    let (session, _) = session_with_much(&mut client).await;
    let (mut sink, mut stream) = client.socket.split();
    let asking = async {
        for id in 0..200 {
            sink.send(history(id, &session)).await.expect("it is sent");
        }
    };
    let hearing = async {
        let mut answered = 0;
        while answered < 200 {
            let frame = within("an answer", stream.next()).await.expect("not the end").expect("a frame");
            let frame: Value = serde_json::from_str(frame.to_text().expect("text")).expect("JSON");
            // There may be a last event of the turn.
            if !frame["id"].is_null() {
                assert_eq!(frame["id"], answered);
                answered += 1;
            }
        }
    };
    tokio::join!(asking, hearing);
}

/// Creates a session with a history of half a MiB.
async fn session_with_much(client: &mut Client) -> (String, String) {
    let (session, row) = client.create().await;
    client.prompt(&session, &"x".repeat(256 * 1024)).await;
    client.event_of("message.complete").await;
    (session, row)
}

fn history(id: u32, session: &str) -> Message {
    let params = json!({"session_id": session});
    Message::text(json!({"jsonrpc": "2.0", "id": id, "method": "session.history", "params": params}).to_string())
}

/// After any bytes over a socket, framed or not, the gateway serves others and keeps no memory of them.
#[tokio::test(flavor = "current_thread")]
async fn random_frames_do_no_harm() {
    // No grace to speak of: what a connection has had is gone soon after it.
    let gateway = Served::with_config("max_sessions_per_connection = 4\norphan_grace = \"1ms\"");
    let mut other = gateway.connect().await;
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let mut draw = || frames().new_tree(&mut runner).expect("it draws").current();
    let mut memory = Vec::new();
    for _ in 0..6 {
        for _ in 0..40 {
            throw(&gateway, draw()).await;
            throw_at_the_door(&gateway, draw()).await;
        }
        check_serves(&mut other).await;
        within("the end of what they had", async {
            while metric(&gateway.metrics().await, "gateway_sessions") != Some(0.0) {}
        })
        .await;
        memory.push(gateway.memory("VmRSS"));
    }
    // The first rounds fill what is kept to be used again.
    let grown = memory[5].saturating_sub(memory[1]);
    assert!(grown < 1024, "{grown} KiB more after 320 connections: {memory:?}");
    assert_eq!(gateway.stop("TERM").await.0, Some(0));
}

/// A client with a session that ignores answers.
async fn throw(gateway: &Served, frames: Vec<Junk>) {
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    for frame in frames {
        // A connection that was refused takes no more.
        let sent = match frame {
            Junk::Text(text) => {
                let text = text.replace("SID", &session).replace("KEY", &row);
                client.socket.send(Message::text(text)).await.is_ok()
            }
            Junk::Binary(bytes) => client.socket.send(Message::binary(bytes)).await.is_ok(),
            Junk::Ping(bytes) => client.socket.send(Message::Ping(bytes.into())).await.is_ok(),
            Junk::Raw(bytes) => client.socket.get_mut().write_all(&bytes).await.is_ok(),
        };
        if !sent {
            break;
        }
    }
}

/// Generates bytes in place of a handshake.
async fn throw_at_the_door(gateway: &Served, frames: Vec<Junk>) {
    let mut stream = TcpStream::connect(gateway.address).await.expect("it listens");
    for frame in frames {
        if let Junk::Raw(bytes) = frame {
            let _ = stream.write_all(&bytes).await;
        }
    }
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    // Some are hung up on.
    let _ = within("the end of it", stream.read_to_end(&mut answer)).await;
}

#[derive(Clone, Debug)]
enum Junk {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Raw(Vec<u8>),
}

const METHODS: [&str; 24] = [
    "session.create",
    "session.resume",
    "session.activate",
    "session.close",
    "session.interrupt",
    "session.active_list",
    "session.list",
    "session.most_recent",
    "session.events.since",
    "session.history",
    "session.undo",
    "session.title",
    "session.steer",
    "session.status",
    "session.usage",
    "session.compress",
    "session.branch",
    "session.delete",
    "clarify.respond",
    "approval.respond",
    "prompt.submit",
    "prompt.submit",
    "prompt.submit",
    "x",
];

/// `SID` and `KEY` stand for the ids of the client's session.
fn frames() -> impl Strategy<Value = Vec<Junk>> {
    let method = prop::sample::select(METHODS.to_vec());
    let value = prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(|text| json!(text)),
        Just(json!({"session_id": "x", "text": "y", "limit": 3})),
        Just(json!({"session_id": "KEY", "title": "y", "name": "z"})),
        Just(json!({"session_id": "SID", "text": "y", "title": "y", "seq": 1})),
        Just(json!({"session_id": "SID", "text": "y".repeat(5000), "limit": -1})),
        Just(json!({})),
    ];
    let request = (value.clone(), method, value).prop_map(|(id, method, params)| {
        Junk::Text(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string())
    });
    let junk = prop_oneof![
        6 => request,
        2 => ".{0,200}".prop_map(Junk::Text),
        1 => Just(Junk::Text("[".repeat(50_000))),
        1 => vec(any::<u8>(), 0..100).prop_map(Junk::Ping),
        1 => vec(any::<u8>(), 0..300).prop_map(Junk::Binary),
        2 => vec(any::<u8>(), 0..300).prop_map(Junk::Raw),
    ];
    vec(junk, 1..12)
}
