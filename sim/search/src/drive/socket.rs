//! One connection of a client over a real socket.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The operations on a connection, in order.
#[derive(Clone)]
pub(super) struct Socket {
    orders: mpsc::UnboundedSender<Order>,
}

enum Order {
    Send(String),
    Close(oneshot::Sender<()>),
    Die(oneshot::Sender<()>),
}

/// The other end of a [`Socket`]: moves frames while it is polled.
pub(super) struct Pump {
    stream: WebSocketStream<TcpStream>,
    orders: mpsc::UnboundedReceiver<Order>,
}

/// Connects. The error is the gateway's answer.
pub(super) async fn open(url: &str, token: Option<&str>) -> Result<(Socket, Pump), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let mut request = url.into_client_request().map_err(|error| said(&error))?;
    if let Some(token) = token {
        let bearer = format!("Bearer {token}").parse().map_err(|_| "the token cannot stand in a header".to_owned())?;
        request.headers_mut().insert(AUTHORIZATION, bearer);
    }
    let uri = request.uri();
    if uri.scheme_str() != Some("ws") {
        return Err("only `ws://` is spoken here".to_owned());
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await.map_err(|error| said(&error))?;
    stream.set_nodelay(true).map_err(|error| said(&error))?;
    let (stream, _) = tokio_tungstenite::client_async(request, stream).await.map_err(|error| match error {
        Error::Http(response) => {
            let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            format!("{} {}", response.status(), body.trim())
        }
        error => error.to_string(),
    })?;
    let (orders, received) = mpsc::unbounded_channel();
    Ok((Socket { orders }, Pump { stream, orders: received }))
}

impl Socket {
    pub(super) fn send(&self, frame: String) {
        // Fails when the connection has ended, which the client learns separately.
        let _ = self.orders.send(Order::Send(frame));
    }

    /// Closes the connection with a close frame.
    pub(super) async fn close(&self) {
        self.end(Order::Close).await;
    }

    /// Drops the connection without a close frame.
    pub(super) async fn die(&self) {
        self.end(Order::Die).await;
    }

    async fn end(&self, how: fn(oneshot::Sender<()>) -> Order) {
        let (done, is_done) = oneshot::channel();
        let _ = self.orders.send(how(done));
        let _ = is_done.await;
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.orders.same_channel(&other.orders)
    }
}

impl Pump {
    /// Moves frames until either side ends the connection.
    pub(super) async fn run(mut self, mut hear: impl FnMut(Value)) {
        loop {
            tokio::select! {
                biased; // the client's next operation precedes received frames
                order = self.orders.recv() => match order {
                    Some(Order::Send(frame)) => {
                        if self.stream.send(Message::text(frame)).await.is_err() {
                            return;
                        }
                    }
                    Some(Order::Close(done)) => {
                        let _ = self.stream.close(None).await;
                        let _ = done.send(());
                        while self.stream.next().await.is_some_and(|message| message.is_ok()) {}
                        return;
                    }
                    Some(Order::Die(done)) => {
                        drop(self.stream);
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
                message = self.stream.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        // Frames that are not JSON are ignored.
                        serde_json::from_str(text.as_str()).into_iter().for_each(&mut hear);
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    }
}
