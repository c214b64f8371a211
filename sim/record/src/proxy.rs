//! The proxy: each connection of a client has one to the gateway, and bytes pass between them as they are.
//!
//! Only the head of a request is changed, in what would name another server or hide the frames: `Host` (and an `Origin` that
//! equals it) become the gateway's own, and the extension that compresses frames is not asked for. A plain HTTP request
//! passes likewise, with `Connection: close`, because what follows on its connection is another request with a head.
//!
//! This file may use the machine's sockets and time, like `sim_search::drive`.
#![expect(clippy::disallowed_methods, reason = "real sockets, each with a task of its own")]

mod head;
mod tap;

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use self::head::{Head, Kind};
use self::tap::{Seen, Tap};
use crate::journal::{How, Side};
use crate::recorder::Recorder;

/// The gateway behind the proxy, read from `ws://ADDRESS:PORT/PATH?QUERY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// `ADDRESS:PORT`.
    pub authority: String,
    /// The path and the query, `/` at least.
    pub target: String,
}

/// Why a URL is not the one of a gateway.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUpstream {
    /// The scheme is `wss`. A proxy that passes the gateway's TLS on as it is would see no frame.
    #[error(
        "TLS is not spoken here: let `socat TCP-LISTEN:8645,bind=127.0.0.1,fork OPENSSL:{server}` (or stunnel) do so, and \
         write `ws://127.0.0.1:8645` in place of `wss://{authority}`"
    )]
    Tls {
        /// The address as the URL has it.
        authority: String,
        /// The address with its port.
        server: String,
    },
    /// The scheme is another one.
    #[error("expected `ws://ADDRESS:PORT/PATH`; only `ws://` is spoken here")]
    Scheme,
    /// The URL has no address, or a user in it.
    #[error("expected `ws://ADDRESS:PORT/PATH`")]
    Address,
}

/// How long the other side has to take the rest, after one side has ended the connection.
const REST: Duration = Duration::from_secs(5);

/// How long a client may take to send the head of its request.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// How long to wait after a connection could not be accepted.
const RETRY: Duration = Duration::from_millis(100);

/// The bytes that are read at once.
const CHUNK: usize = 16 * 1024;

impl std::str::FromStr for Upstream {
    type Err = BadUpstream;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = url.split_once("://").ok_or(BadUpstream::Scheme)?;
        let port = match scheme {
            "ws" => 80,
            "wss" => 443,
            _ => return Err(BadUpstream::Scheme),
        };
        let path = rest.find(['/', '?']).unwrap_or(rest.len());
        let (given, target) = rest.split_at(path);
        if given.is_empty() || given.contains(['@', '#']) || url.contains(['#', ' ']) {
            return Err(BadUpstream::Address);
        }
        let has_port = given.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { given.to_owned() } else { format!("{given}:{port}") };
        if scheme == "wss" {
            return Err(BadUpstream::Tls { authority: given.to_owned(), server: authority });
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self { authority, target: format!("{slash}{target}") })
    }
}

impl Upstream {
    /// The URL that clients of the proxy use. It has the token of the gateway's URL, if that has one.
    pub fn url_at(&self, address: SocketAddr) -> String {
        format!("ws://{address}{}", self.target)
    }

    /// `ADDRESS:PORT/PATH`, without the query.
    pub fn without_query(&self) -> String {
        format!("{}{}", self.authority, self.target.split('?').next().unwrap_or_default())
    }

    /// Connects once and leaves.
    ///
    /// # Errors
    /// Nothing listens at its address.
    pub async fn check(&self) -> io::Result<()> {
        TcpStream::connect(&self.authority).await.map(drop)
    }
}

/// Accepts connections and serves each, for ever. Must be called inside a `LocalSet`.
///
/// # Errors
/// The system accepts no more connections.
pub async fn serve(listener: TcpListener, upstream: Upstream, recorder: Rc<Recorder>) -> io::Result<()> {
    let own = listener.local_addr()?.to_string();
    loop {
        // Too many open files, or a client that has gone again: the connections that are there go on.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let (upstream, recorder, own) = (upstream.clone(), Rc::clone(&recorder), own.clone());
        tokio::task::spawn_local(async move {
            // The connection ends with the mistake; both sides see that.
            let _ = serve_connection(stream, &own, &upstream, &recorder).await;
        });
    }
}

async fn serve_connection(
    mut client: TcpStream,
    own: &str,
    upstream: &Upstream,
    recorder: &Rc<Recorder>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let Ok(read) = tokio::time::timeout(HEAD_TIME, head::read(&mut client)).await else { return Ok(()) };
    let Some((request, rest)) = read? else { return Ok(()) };
    let Some(head) = Head::parse(&request) else {
        return client.write_all(&head::answer("400 Bad Request", "this is no HTTP request")).await;
    };
    let mut gateway = match TcpStream::connect(&upstream.authority).await {
        Ok(gateway) => gateway,
        Err(error) => {
            recorder.unreachable();
            let why = format!("sim record: the gateway at {} cannot be reached: {error}", upstream.authority);
            return client.write_all(&head::answer("502 Bad Gateway", &why)).await;
        }
    };
    gateway.set_nodelay(true)?;
    gateway.write_all(&head.rewritten(own, upstream)).await?;
    gateway.write_all(&rest).await?;
    if head.kind == Kind::Plain {
        tokio::io::copy_bidirectional(&mut client, &mut gateway).await?;
        return Ok(());
    }
    let Some((response, first)) = head::read(&mut gateway).await? else { return Ok(()) };
    client.write_all(&response).await?;
    if !head::switches(&response) {
        client.write_all(&first).await?;
        tokio::io::copy_bidirectional(&mut client, &mut gateway).await?;
        return Ok(());
    }
    let connection = recorder.connected(head.path());
    let pair = Pair { recorder: Rc::clone(recorder), connection, ended: Cell::new(false) };
    let (client_bytes, gateway_bytes) = (client.into_split(), gateway.into_split());
    pair.pump((client_bytes, rest), (gateway_bytes, first)).await;
    Ok(())
}

/// A WebSocket connection of a client, and the one to the gateway that belongs to it.
struct Pair {
    recorder: Rc<Recorder>,
    connection: u64,
    /// Whether the end of the connection is noted.
    ended: Cell<bool>,
}

type Halves = (OwnedReadHalf, OwnedWriteHalf);

impl Pair {
    /// Passes bytes in both directions until both sides have ended. Each side comes with its first bytes, which were read
    /// together with its head. Those of the client have been passed.
    async fn pump(&self, client: (Halves, Vec<u8>), gateway: (Halves, Vec<u8>)) {
        let (((from_client, to_client), rest), ((from_gateway, to_gateway), first)) = (client, gateway);
        let mut of_client = Tap::default();
        self.see(Side::Client, &mut of_client, &rest);
        // Apart, so that a client that reads nothing can go on to send, as it could without a proxy.
        let up = self.pass(Side::Client, of_client, Vec::new(), from_client, to_gateway);
        let down = self.pass(Side::Gateway, Tap::default(), first, from_gateway, to_client);
        let (mut up, mut down) = (pin!(up), pin!(down));
        let _ = tokio::select! {
            biased; // a request precedes the events of its instant
            () = &mut up => tokio::time::timeout(REST, down).await,
            () = &mut down => tokio::time::timeout(REST, up).await,
        };
    }

    /// Passes the bytes of one side until they end, then tells the other side that there are no more.
    async fn pass(&self, from: Side, mut tap: Tap, first: Vec<u8>, mut read: OwnedReadHalf, mut write: OwnedWriteHalf) {
        self.see(from, &mut tap, &first);
        let _ = write.write_all(&first).await;
        let mut chunk = vec![0; CHUNK];
        while let Ok(length @ 1..) = read.read(&mut chunk).await {
            self.see(from, &mut tap, &chunk[..length]);
            // If the other side is gone, its own bytes end, which is noted there.
            let _ = write.write_all(&chunk[..length]).await;
        }
        self.end(from, How::Died);
        let _ = write.shutdown().await;
    }

    /// Notes the frames that these bytes complete.
    fn see(&self, from: Side, tap: &mut Tap, bytes: &[u8]) {
        for seen in tap.take(bytes) {
            match seen {
                Seen::Close(code) => self.end(from, How::Closed { code }),
                Seen::Text(text) => self.recorder.text(self.connection, from, &text),
                Seen::Foreign(kind) => self.recorder.foreign(self.connection, from, kind),
            }
        }
    }

    /// Notes how the connection has ended: by the side that did so first.
    fn end(&self, by: Side, how: How) {
        if !self.ended.replace(true) {
            self.recorder.ended(self.connection, by, how);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Result<(&str, &str), BadUpstream>) {
        let expected = expected.map(|(authority, target)| (authority.to_owned(), target.to_owned()));
        assert_eq!(url.parse::<Upstream>().map(|upstream| (upstream.authority, upstream.target)), expected);
    }

    /// The address, with the default port if there is none, and what is requested there.
    #[test]
    fn urls_are_read() {
        check("ws://127.0.0.1:8645/api/ws?token=x", Ok(("127.0.0.1:8645", "/api/ws?token=x")));
        check("ws://[::1]:8645", Ok(("[::1]:8645", "/")));
        check("ws://localhost?token=x", Ok(("localhost:80", "/?token=x")));
        check("http://localhost/api/ws", Err(BadUpstream::Scheme));
        check("ws://", Err(BadUpstream::Address));
        check("ws://me@localhost/", Err(BadUpstream::Address));
        check("wss://me@localhost/", Err(BadUpstream::Address));
    }

    /// A gateway behind TLS is refused with its address and port, and with nothing of the query, which may hold a token.
    #[test]
    fn tls_names_the_server() {
        for (given, server) in [("gateway.example", "gateway.example:443"), ("[::1]:8443", "[::1]:8443")] {
            let (authority, server) = (given.to_owned(), server.to_owned());
            check(&format!("wss://{given}/api/ws?token=x"), Err(BadUpstream::Tls { authority, server }));
        }
    }
}
