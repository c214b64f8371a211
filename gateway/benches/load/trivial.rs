//! The endpoint that only echoes: no sessions, turns that end at once, nothing stored.
//!
//! It uses the same WebSocket library as the gateway, so its throughput is the upper bound that this client can measure
//! on this machine.

use std::cell::Cell;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

#[derive(Deserialize)]
struct Request {
    id: u64,
    method: String,
    params: Value,
}

/// Serves until the process is ended.
pub(crate) async fn serve() -> Result<ExitCode, String> {
    let listener = listen().map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    println!("listening on ws://{address}/api/ws");
    let sessions = Rc::new(Cell::new(0));
    loop {
        let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
        let sessions = Rc::clone(&sessions);
        // A client that is gone needs no answer.
        tokio::task::spawn_local(async move { drop(answer(stream, &sessions).await) });
    }
}

fn listen() -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.listen(4096)
}

async fn answer(stream: TcpStream, sessions: &Cell<u64>) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    // As small as the gateway's.
    let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(4096);
    let mut socket = accept_async_with_config(stream, Some(config)).await?;
    let event = |kind: &str, session: &Value| {
        let params = json!({"type": kind, "session_id": session, "payload": {}});
        Message::text(json!({"jsonrpc": "2.0", "method": "event", "params": params}).to_string())
    };
    socket.send(event("gateway.ready", &Value::Null)).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let Request { id, method, params } = serde_json::from_str(&text).expect("the client of the benchmark");
        let session = match method.as_str() {
            "session.create" => json!(sessions.replace(sessions.get() + 1).to_string()),
            _ => params["session_id"].clone(),
        };
        let result = json!({"session_id": session, "stored_session_id": session, "status": "streaming"});
        socket.feed(Message::text(json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string())).await?;
        // A client that comes back in the middle of a turn sees its end, too.
        if method == "prompt.submit" || method == "session.resume" {
            for kind in ["message.start", "message.delta", "message.complete"] {
                socket.feed(event(kind, &session)).await?;
            }
        }
        socket.flush().await?;
    }
    Ok(())
}
