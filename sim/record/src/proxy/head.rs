//! The head of an HTTP request or response: read whole, and a request's changed where it has to be.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::Upstream;

/// The longest head that is read.
const HEAD_MAX: usize = 64 * 1024;

/// The most headers of a head.
const HEADERS_MAX: usize = 128;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A WebSocket.
    WebSocket,
    /// Anything else.
    Plain,
}

/// A request's head.
pub(super) struct Head {
    pub(super) kind: Kind,
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
}

/// Reads up to the empty line; returns the head and what came after it. `None` if the other side ends before, or its head is
/// longer than 64 KiB.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok(Some((bytes, rest)));
        }
        if bytes.len() > HEAD_MAX || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// Whether a response's head says that a WebSocket follows.
pub(super) fn switches(response: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    head.parse(response).is_ok() && head.code == Some(101)
}

/// A response of the proxy itself.
pub(super) fn answer(status: &str, why: &str) -> Vec<u8> {
    let (length, kind) = (why.len() + 1, "text/plain; charset=utf-8");
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{why}\n")
        .into_bytes()
}

impl Head {
    /// Reads a request; `None` if it is none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(bytes).ok()?;
        let (method, target) = (request.method?.to_owned(), request.path?.to_owned());
        let headers: Vec<_> =
            request.headers.iter().map(|header| (header.name.to_owned(), header.value.to_owned())).collect();
        let upgrade = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
        let is_socket = upgrade.is_some_and(|(_, value)| value.eq_ignore_ascii_case(b"websocket"));
        Some(Self { kind: if is_socket { Kind::WebSocket } else { Kind::Plain }, method, target, headers })
    }

    /// The path, without the query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The request as the gateway gets it. `own` is the address of the proxy. A WebSocket that is asked for at `/` is one at
    /// the path of the gateway's URL.
    pub(super) fn rewritten(&self, own: &str, upstream: &Upstream) -> Vec<u8> {
        let target = if self.kind == Kind::WebSocket && self.target == "/" { &upstream.target } else { &self.target };
        let mut text = format!("{} {target} HTTP/1.1\r\n", self.method).into_bytes();
        let host = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let asked = host.map_or(own, |(_, value)| std::str::from_utf8(value).unwrap_or(own));
        for (name, value) in &self.headers {
            let value = match name.to_ascii_lowercase().as_str() {
                "host" => upstream.authority.clone().into_bytes(),
                "origin" => own_origin(value, asked, upstream).unwrap_or_else(|| value.clone()),
                // Frames that are compressed could not be read here.
                "sec-websocket-extensions" => continue,
                "connection" if self.kind == Kind::Plain => continue,
                _ => value.clone(),
            };
            text.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        if self.kind == Kind::Plain {
            text.extend(b"Connection: close\r\n");
        }
        text.extend(b"\r\n");
        text
    }
}

/// The gateway's own origin, for a page that came through the proxy.
fn own_origin(value: &[u8], asked: &str, upstream: &Upstream) -> Option<Vec<u8>> {
    let (scheme, host) = std::str::from_utf8(value).ok()?.split_once("://")?;
    host.eq_ignore_ascii_case(asked).then(|| format!("{scheme}://{}", upstream.authority).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: &str, expected: &str) {
        let upstream = "ws://gateway:8645/api/ws?token=x".parse().expect("a URL");
        let head = Head::parse(request.replace('\n', "\r\n").as_bytes()).expect("a request");
        let rewritten = String::from_utf8(head.rewritten("proxy:1", &upstream)).expect("text");
        assert_eq!(rewritten.replace("\r\n", "\n"), expected);
    }

    /// Path, query, token, subprotocol and key of a WebSocket stay; the host is the gateway's, and a page of the proxy is a
    /// page of the gateway.
    #[test]
    fn a_socket_is_asked_for_as_before() {
        check(
            "GET /api/ws?token=y HTTP/1.1\nHost: proxy:1\nUpgrade: websocket\nConnection: Upgrade\nOrigin: http://proxy:1\n\
             Authorization: Bearer z\nSec-WebSocket-Protocol: a, b\nSec-WebSocket-Extensions: permessage-deflate\n\n",
            "GET /api/ws?token=y HTTP/1.1\nHost: gateway:8645\nUpgrade: websocket\nConnection: Upgrade\n\
             Origin: http://gateway:8645\nAuthorization: Bearer z\nSec-WebSocket-Protocol: a, b\n\n",
        );
        check(
            "GET / HTTP/1.1\nHost: proxy:1\nUpgrade: websocket\nOrigin: http://evil\n\n",
            "GET /api/ws?token=x HTTP/1.1\nHost: gateway:8645\nUpgrade: websocket\nOrigin: http://evil\n\n",
        );
    }

    /// A plain request passes, and its connection has no second one.
    #[test]
    fn a_plain_request_is_the_only_one() {
        check(
            "GET /healthz HTTP/1.1\nHost: proxy:1\nConnection: keep-alive\n\n",
            "GET /healthz HTTP/1.1\nHost: gateway:8645\nConnection: close\n\n",
        );
    }
}
