//! One connection, read continuously so that each frame has its arrival time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, oneshot};
use tokio::task::AbortHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// The timeout of an answer.
const PATIENCE: Duration = Duration::from_secs(120);

type Socket = WebSocketStream<TcpStream>;

/// A connected client that has received `gateway.ready`.
pub(crate) struct Client {
    sink: Mutex<SplitSink<Socket, Message>>,
    pending: Rc<Pending>,
    calls: Cell<u64>,
    reader: AbortHandle,
}

/// The pending requests and turns of a connection.
#[derive(Default)]
struct Pending {
    answers: RefCell<BTreeMap<u64, oneshot::Sender<Result<Value, String>>>>,
    turns: RefCell<BTreeMap<String, Listener>>,
    ready: RefCell<Option<oneshot::Sender<()>>>,
}

/// A waiter for the events of a turn.
struct Listener {
    began: Option<Instant>,
    over: oneshot::Sender<TurnTiming>,
}

/// The timing of a turn, seen by its client.
pub(crate) struct TurnTiming {
    pub(crate) began: Instant,
    /// Whether the turn completed without an error or an interrupt.
    pub(crate) complete: bool,
}

/// A turn whose end has not arrived yet.
pub(crate) struct Turn(oneshot::Receiver<TurnTiming>);

/// The fields of a frame that the client reads.
#[derive(Deserialize)]
struct Frame {
    id: Option<u64>,
    result: Option<Value>,
    error: Option<Value>,
    params: Option<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    session_id: Option<String>,
    payload: Option<Payload>,
}

#[derive(Deserialize)]
struct Payload {
    status: Option<Value>,
}

impl Client {
    /// Connects and waits for the first event.
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Result<Self, String> {
        let connecting = async {
            let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            let shaken = client_async(format!("ws://{address}{path}"), stream).await;
            let (sink, stream) = shaken.map_err(|error| error.to_string())?.0.split();
            let (ready, is_ready) = oneshot::channel();
            let pending = Rc::new(Pending { ready: RefCell::new(Some(ready)), ..Pending::default() });
            let reader = tokio::task::spawn_local(read(stream, Rc::clone(&pending))).abort_handle();
            is_ready.await.map_err(|_| "the connection ended before it was ready".to_owned())?;
            Ok(Self { sink: Mutex::new(sink), pending, calls: Cell::default(), reader })
        };
        within("a connection", connecting).await?
    }

    /// The result of a request.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        let id = self.calls.replace(self.calls.get() + 1);
        let (answer, answered) = oneshot::channel();
        self.pending.answers.borrow_mut().insert(id, answer);
        let frame = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        let sent = self.sink.lock().await.send(Message::text(frame)).await;
        sent.map_err(|error| format!("{method}: {error}"))?;
        let answer = within(method, answered).await?;
        answer.map_err(|_| format!("{method}: the connection ended"))?.map_err(|error| format!("{method}: {error}"))
    }

    /// Registers a waiter for the end of a turn.
    pub(crate) fn listen(&self, session: &str) -> Turn {
        let (over, is_over) = oneshot::channel();
        self.pending.turns.borrow_mut().insert(session.to_owned(), Listener { began: None, over });
        Turn(is_over)
    }

    /// Prompts a session, which must start the turn at once.
    pub(crate) async fn prompt(&self, session: &str, text: &str) -> Result<Turn, String> {
        let turn = self.listen(session);
        let answer = self.call("prompt.submit", json!({"session_id": session, "text": text})).await?;
        match answer["status"].as_str() {
            Some("streaming") => Ok(turn),
            _ => Err(format!("prompt.submit: {answer}")),
        }
    }
}

/// Drops the connection without a close frame, by dropping its reader and writer.
impl Drop for Client {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Turn {
    pub(crate) async fn over(self) -> Result<TurnTiming, String> {
        within("the end of a turn", self.0).await?.map_err(|_| "the connection ended in a turn".to_owned())
    }
}

/// Reads until the end of the connection; pending waiters fail then.
async fn read(mut stream: SplitStream<Socket>, pending: Rc<Pending>) {
    while let Some(Ok(message)) = stream.next().await {
        if let Message::Text(text) = message {
            let received = Instant::now();
            match serde_json::from_str(&text) {
                Ok(frame) => pending.resolve(frame, received),
                Err(error) => panic!("a gateway sends frames of JSON-RPC: {error}: {text}"),
            }
        }
    }
    pending.answers.take();
    pending.turns.take();
    pending.ready.take();
}

impl Pending {
    /// Passes a frame to its waiter.
    fn resolve(&self, frame: Frame, received: Instant) {
        if let Some(answer) = frame.id.and_then(|id| self.answers.borrow_mut().remove(&id)) {
            let outcome = frame.error.map_or(Ok(frame.result.unwrap_or_default()), |error| Err(error.to_string()));
            // The receiver is dropped when the wait for the answer has timed out.
            let _ = answer.send(outcome);
        }
        let Some(event) = frame.params else { return };
        if event.kind == "gateway.ready"
            && let Some(ready) = self.ready.take()
        {
            let _ = ready.send(());
        }
        let Some(session) = event.session_id else { return };
        let mut turns = self.turns.borrow_mut();
        let Some(turn) = turns.get_mut(&session) else { return };
        match event.kind.as_str() {
            "message.start" => turn.began = Some(received),
            "message.complete" | "error" => {
                let status = event.payload.and_then(|payload| payload.status);
                let complete = event.kind == "message.complete" && status.is_none_or(|status| status == "complete");
                let turn = turns.remove(&session).expect("it was just found");
                let _ = turn.over.send(TurnTiming { began: turn.began.unwrap_or(received), complete });
            }
            _ => {}
        }
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(PATIENCE, future).await.map_err(|_| format!("{what} did not come within {PATIENCE:?}"))
}
