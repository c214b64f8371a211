//! The proxy over real sockets: what one side sends is what the other side gets, byte by byte.
#![expect(clippy::disallowed_methods, reason = "real sockets")]

use std::path::Path;
use std::rc::Rc;

use sim_record::proxy::{self, Upstream};
use sim_record::recorder::{Recorder, Start};
use sim_record::{Entry, Event, How, Journal, Side, Texts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// A gateway and a client with a recorder between them, as plain sockets.
struct Ends {
    gateway: TcpListener,
    proxy: std::net::SocketAddr,
}

impl Ends {
    async fn start(journal: &Path) -> Self {
        let gateway = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let upstream: Upstream =
            format!("ws://{}/api/ws", gateway.local_addr().expect("its address")).parse().expect("a URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = listener.local_addr().expect("its address");
        let start = Start { journal, db: None, gateway: upstream.without_query(), texts: Texts::hidden() };
        let recorder = Rc::new(Recorder::start(start).expect("a journal"));
        tokio::task::spawn_local(proxy::serve(listener, upstream, recorder));
        Self { gateway, proxy }
    }

    /// A client that asks for a WebSocket and gets one. Returns the client's and the gateway's ends.
    async fn open(&self) -> (TcpStream, TcpStream) {
        let (mut client, mut gateway) = self.request("GET /api/ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n").await;
        let accepted = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n";
        gateway.write_all(accepted).await.expect("it is there");
        assert_eq!(take(&mut client, accepted.len()).await, accepted);
        (client, gateway)
    }

    /// A client that sends this head; the gateway has read it.
    async fn request(&self, head: &str) -> (TcpStream, TcpStream) {
        let mut client = TcpStream::connect(self.proxy).await.expect("the proxy");
        client.write_all(head.as_bytes()).await.expect("it is there");
        let (mut gateway, _) = self.gateway.accept().await.expect("a connection");
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            gateway.read_buf(&mut read).await.expect("a head");
        }
        (client, gateway)
    }
}

async fn take(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.expect("as many bytes");
    bytes
}

/// Runs a story of both ends, and returns what the journal has of it after its beginning.
fn check<F: Future<Output = ()>>(story: impl FnOnce(Ends) -> F) -> Vec<Entry> {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, async { story(Ends::start(&journal).await).await });
    Journal::read(&journal).expect("entries").split_off(1)
}

fn events(entries: Vec<Entry>) -> Vec<Event> {
    entries.into_iter().map(|entry| entry.event).collect()
}

/// Sends bytes and ends; the other side gets just these.
async fn send(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).await.expect("it is there");
    from.shutdown().await.expect("it is there");
    let mut passed = Vec::new();
    to.read_to_end(&mut passed).await.expect("an end");
    assert!(passed == bytes, "{} of {} bytes", passed.len(), bytes.len());
}

/// Masked and fragmented texts, a ping in between, a binary frame, a code of closing with a reason, and what is no frame at
/// all: the other side gets the same bytes, in both directions.
#[test]
fn frames_pass_unchanged() {
    let masked = [&[0x81, 0x82, 9, 8, 7, 6][..], &[b'{' ^ 9, b'}' ^ 8]].concat();
    let fragments = [&[0x01, 1][..], b"{", &[0x89, 2], b"hi", &[0x80, 1], b"}"].concat();
    let binary = [0x82, 2, 0xff, 0x00].to_vec();
    let close = [&[0x88, 6, 0x03, 0xe9][..], b"away"].concat();
    let noise = vec![0xf3; 40_000];
    let all = [masked, fragments, binary, close, noise].concat();
    let entries = check(async |ends: Ends| {
        let (mut client, mut gateway) = ends.open().await;
        send(&mut client, &mut gateway, &all).await;
        send(&mut gateway, &mut client, &all).await;
    });
    let ended = Event::Ended { by: Side::Client, how: How::Closed { code: Some(1001) } };
    assert!(events(entries).contains(&ended));
}

/// A side whose connection is lost without a close frame has died, whichever it is; the other side learns of the end.
#[test]
fn a_lost_connection_is_a_death() {
    for side in [Side::Client, Side::Gateway] {
        let entries = check(async |ends: Ends| {
            let (client, gateway) = ends.open().await;
            let (lost, mut other) = if side == Side::Client { (client, gateway) } else { (gateway, client) };
            drop(lost);
            assert_eq!(other.read(&mut [0; 8]).await.expect("an end"), 0);
        });
        assert_eq!(events(entries).last(), Some(&Event::Ended { by: side, how: How::Died }));
    }
}

/// A plain request and its answer pass, and are not recorded. If the gateway is gone, the proxy says so itself.
#[test]
fn plain_requests_pass_or_are_answered() {
    let entries = check(async |ends: Ends| {
        let (mut client, mut gateway) = ends.request("GET /healthz HTTP/1.1\r\n\r\n").await;
        gateway.write_all(b"HTTP/1.1 200 OK\r\n\r\nok").await.expect("it is there");
        drop(gateway);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an answer");
        assert_eq!(answer, "HTTP/1.1 200 OK\r\n\r\nok");

        let Ends { gateway, proxy } = ends;
        drop(gateway);
        let mut client = TcpStream::connect(proxy).await.expect("the proxy");
        client.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").await.expect("it is there");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway"), "{answer}");
        assert!(answer.contains("cannot be reached"), "{answer}");
    });
    assert_eq!(events(entries), [Event::Unreachable]);
}

/// What a client has sent is in the journal before the gateway has it: a recorder that is killed then has noted it.
#[test]
fn the_journal_precedes_the_frame() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        let ends = Ends::start(&journal).await;
        let (mut client, mut gateway) = ends.open().await;
        let request = br#"{"id":1,"method":"session.list"}"#;
        let frame = [&[0x81, u8::try_from(request.len()).expect("short")][..], request].concat();
        client.write_all(&frame).await.expect("it is there");
        take(&mut gateway, frame.len()).await;
        let entries = Journal::read(&journal).expect("entries");
        assert!(matches!(&entries.last().expect("one").event, Event::Request(request) if request["id"] == 1));
    });
}
