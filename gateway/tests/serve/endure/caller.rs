//! A client that expects the gateway to die at any moment.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::bench::within;

/// One connection. Every call is `None` once it is dead.
pub(crate) struct Caller {
    socket: WebSocketStream<TcpStream>,
    calls: u64,
    /// The texts of complete answers that came while it waited for another answer.
    pub(crate) complete: Vec<String>,
}

impl Caller {
    pub(crate) async fn connect(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        let socket = client_async(format!("ws://{address}/api/ws"), stream).await.ok()?.0;
        Some(Self { socket, calls: 0, complete: Vec::new() })
    }

    /// The answer to a request: its result, or its error in `error`.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Option<Value> {
        self.calls += 1;
        let id = self.calls;
        let frame = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.socket.send(Message::text(frame.to_string())).await.ok()?;
        loop {
            let frame = self.frame().await?;
            if frame["id"] == id {
                return Some(frame);
            }
        }
    }

    /// Waits until as many answers of turns are complete.
    pub(crate) async fn until_complete(&mut self, count: usize) -> Option<()> {
        while self.complete.len() < count {
            self.frame().await?;
        }
        Some(())
    }

    /// The next frame that is text.
    pub(crate) async fn frame(&mut self) -> Option<Value> {
        loop {
            let message = within("a frame", self.socket.next()).await?.ok()?;
            if let Message::Text(text) = message {
                let frame: Value = serde_json::from_str(&text).ok()?;
                if frame["params"]["type"] == "message.complete" {
                    let text = frame["params"]["payload"]["text"].as_str().unwrap_or_default();
                    self.complete.push(text.to_owned());
                }
                return Some(frame);
            }
        }
    }
}
