//! From a TCP connection to a WebSocket, or to an answer that says why not.
//!
//! The library's own handshake hangs up on everything that is no WebSocket request. A person with a browser or `curl`
//! deserves an answer, so the request is read here and the rest is the library's.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response, write_response};
use tokio_tungstenite::tungstenite::protocol::Role;

/// A request that is longer is none of ours.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// The WebSocket, if the client asks for one at `path`; everybody else is answered and let go.
pub(super) async fn shake(mut stream: TcpStream, path: &str) -> Option<WebSocketStream<TcpStream>> {
    let mut bytes = Vec::new();
    let (length, request) = loop {
        match Request::try_parse(&bytes) {
            Ok(Some(parsed)) => break parsed,
            Ok(None) if bytes.len() < REQUEST_BYTES_MAX => {}
            Ok(None) | Err(_) => return refuse(stream, "400 Bad Request", "this is no WebSocket request").await,
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    if request.uri().path() != path {
        return refuse(stream, "404 Not Found", &format!("the gateway is at {path}")).await;
    }
    let Ok(response) = create_response(&request) else {
        return refuse(stream, "426 Upgrade Required", "the gateway speaks WebSocket, version 13").await;
    };
    let mut head = Vec::new();
    write_response(&mut head, &response).ok()?;
    stream.write_all(&head).await.ok()?;
    // Frames that were sent with the request, without waiting for the answer.
    let early = bytes.split_off(length);
    Some(WebSocketStream::from_partially_read(stream, early, Role::Server, None).await)
}

async fn refuse<T>(mut stream: TcpStream, status: &str, why: &str) -> Option<T> {
    let length = why.len() + 1;
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\r\n{why}\n"
    );
    // Who does not wait for the answer does not get one.
    let _ = stream.write_all(response.as_bytes()).await;
    let _ = stream.shutdown().await;
    None
}
