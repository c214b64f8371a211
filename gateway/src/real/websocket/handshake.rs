//! The handshake: from a TCP connection to a WebSocket, or to an HTTP error.
//!
//! The library's own handshake closes the socket on anything but a WebSocket request. For people with a browser or `curl`
//! the request is parsed here and answered with a reason; the library does the rest. `/healthz` and `/metrics` are
//! answered here as well.
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

use super::keepalive::TrackedStream;
use super::pump::{Socket, drain};
use super::{Counted, Endpoint, PATH};
use crate::real::access::RequestHeaders;
use crate::real::metrics::Counters;
use crate::real::queues::CLOSE_TIMEOUT;

/// The longest accepted request head, in bytes.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// The read and write buffers of a socket, in bytes. Small, because frames are small and idle clients are many.
const BUFFER_BYTES: usize = 4 * 1024;

/// Returns the WebSocket and its count among the connections. Any other request is answered, and the socket is closed.
pub(super) async fn shake(mut stream: TcpStream, endpoint: &Endpoint, client: &str) -> Option<(Socket, Counted)> {
    let (request, early) = match request(&mut stream).await {
        First::Request(request, early) => (request, early),
        First::Nonsense => return answer(stream, "400 Bad Request", "this is no WebSocket request").await,
        First::Nothing => return None,
    };
    let path = request.uri().path();
    if path == "/healthz" {
        return match (endpoint.health)().await {
            Ok(()) => answer(stream, "200 OK", "ok").await,
            Err(trouble) => answer(stream, "503 Service Unavailable", &trouble).await,
        };
    }
    if path != PATH && path != "/metrics" {
        return answer(stream, "404 Not Found", &format!("the gateway is at {PATH}")).await;
    }
    if let Err(denied) = endpoint.access.admit(&headers(&request)) {
        endpoint.counters.refused(denied.name());
        warn!(client, path, "refused: {}", denied.name());
        return answer(stream, denied.status(), denied.why()).await;
    }
    if path == "/metrics" {
        return answer(stream, "200 OK", (endpoint.metrics)().await.trim_end()).await;
    }
    let Ok(response) = create_response(&request) else {
        return answer(stream, "426 Upgrade Required", "the gateway speaks WebSocket, version 13").await;
    };
    // Counted last, so that a refused request takes no connection away.
    let Some(counted) = Counted::within(endpoint.limits.connections, &endpoint.counters, Counters::seats) else {
        endpoint.counters.refused("full");
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
        .max_message_size(Some(endpoint.limits.frame_bytes))
        .max_frame_size(Some(endpoint.limits.frame_bytes));
    let stream = TrackedStream::new(stream);
    Some((WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await, counted))
}

/// The first bytes of a client.
enum First {
    /// A request, and the bytes of frames that were sent before the answer.
    Request(Box<Request>, Vec<u8>),
    /// Not an HTTP request.
    Nonsense,
    /// The socket was closed before a whole request.
    Nothing,
}

async fn request(stream: &mut TcpStream) -> First {
    let mut bytes = Vec::new();
    loop {
        match Request::try_parse(&bytes) {
            Ok(Some((length, request))) => return First::Request(Box::new(request), bytes.split_off(length)),
            Ok(None) if bytes.len() < REQUEST_BYTES_MAX => {}
            Ok(None) | Err(_) => return First::Nonsense,
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return First::Nothing,
            Ok(_) => {}
        }
    }
}

fn headers(request: &Request) -> RequestHeaders<'_> {
    // A header that is not ASCII matches no host, origin or token.
    let header = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    RequestHeaders {
        host: header(HOST),
        origin: header(ORIGIN),
        authorization: header(AUTHORIZATION),
        query: request.uri().query(),
    }
}

/// Answers with plain text and closes the socket.
async fn answer<T>(mut stream: TcpStream, status: &str, text: &str) -> Option<T> {
    let length = text.len() + 1;
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\r\n{text}\n"
    );
    let answering = async {
        // A client that has closed its socket gets no answer.
        if stream.write_all(response.as_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
            drain(&mut stream).await;
        }
    };
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, answering).await;
    None
}
