//! From a TCP connection to a WebSocket, or to an answer that says why not.
//!
//! The library's own handshake hangs up on everything that is no WebSocket request. A person with a browser or `curl`
//! deserves an answer, so the request is read here and the rest is the library's. Two pages are answered as well.
#![expect(clippy::disallowed_methods, reason = "a handshake's deadline, below the gateway's")]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response, write_response};
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HOST, ORIGIN};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tracing::{debug, warn};

use super::pump::{Socket, drain};
use super::silence::Heard;
use super::{Counted, Door, PATH};
use crate::real::access::Asking;
use crate::real::metrics::Counters;
use crate::real::queues::FAREWELL;

/// A request that is longer is none of ours.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// What a socket buffers of its own accord. Frames are small and idle clients are many.
const BUFFER_BYTES: usize = 4 * 1024;

/// The WebSocket and its seat, if the client asks for one and may have it; everybody else is answered and let go.
pub(super) async fn shake(mut stream: TcpStream, door: &Door, client: &str) -> Option<(Socket, Counted)> {
    let (request, early) = match request(&mut stream).await {
        Asked::Request(request, early) => (request, early),
        Asked::Nonsense => return answer(stream, "400 Bad Request", "this is no WebSocket request").await,
        Asked::Nothing => return None,
    };
    let path = request.uri().path();
    if path == "/healthz" {
        return answer(stream, "200 OK", "ok").await;
    }
    if path != PATH && path != "/metrics" {
        return answer(stream, "404 Not Found", &format!("the gateway is at {PATH}")).await;
    }
    if let Err(denied) = door.access.admit(&asking(&request)) {
        door.counters.refused(denied.name());
        warn!(client, path, "refused: {}", denied.name());
        return answer(stream, denied.status(), denied.why()).await;
    }
    if path == "/metrics" {
        return answer(stream, "200 OK", (door.metrics)().await.trim_end()).await;
    }
    let Ok(response) = create_response(&request) else {
        return answer(stream, "426 Upgrade Required", "the gateway speaks WebSocket, version 13").await;
    };
    // Only now: who may not connect takes nobody's seat.
    let Some(seat) = Counted::one_of(door.limits.connections, &door.counters, Counters::seats) else {
        door.counters.refused("full");
        warn!(client, "refused: full");
        return answer(stream, "503 Service Unavailable", "the gateway has as many connections as it may have").await;
    };
    let mut head = Vec::new();
    write_response(&mut head, &response).ok()?;
    stream.write_all(&head).await.ok()?;
    debug!(client, "a WebSocket");
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(door.limits.frame_bytes))
        .max_frame_size(Some(door.limits.frame_bytes));
    let stream = Heard::new(stream);
    Some((WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await, seat))
}

/// What a client has said first.
enum Asked {
    /// A request, and frames that were sent with it, without waiting for the answer.
    Request(Box<Request>, Vec<u8>),
    /// No request.
    Nonsense,
    /// Nothing, or not all of it.
    Nothing,
}

async fn request(stream: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    loop {
        match Request::try_parse(&bytes) {
            Ok(Some((length, request))) => return Asked::Request(Box::new(request), bytes.split_off(length)),
            Ok(None) if bytes.len() < REQUEST_BYTES_MAX => {}
            Ok(None) | Err(_) => return Asked::Nonsense,
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Asked::Nothing,
            Ok(_) => {}
        }
    }
}

fn asking(request: &Request) -> Asking<'_> {
    // What is no text can be nobody's host, origin or token.
    let header = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    Asking {
        host: header(HOST),
        origin: header(ORIGIN),
        authorization: header(AUTHORIZATION),
        query: request.uri().query(),
    }
}

/// Answers with a page of text, and lets the client go.
async fn answer<T>(mut stream: TcpStream, status: &str, text: &str) -> Option<T> {
    let length = text.len() + 1;
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\r\n{text}\n"
    );
    let farewell = async {
        // Who does not wait for the answer does not get one.
        if stream.write_all(response.as_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
            drain(&mut stream).await;
        }
    };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
    None
}
