//! Clients that come over WebSocket, one text frame for one message.
//!
//! One task takes connections from the listener, one more carries each through its handshake and then moves its
//! frames: between the socket and two queues, which are all that the gateway sees of it.

mod handshake;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, pending};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError};
use tracing::{info, warn};

use super::access::Access;
use super::limits::{Limits, Pace};
use super::metrics::Counters;
use crate::transport::{Connection, Died, Transport, Unsent};

/// The one path that leads to the gateway.
pub const PATH: &str = "/api/ws";

/// How long a client has to take what is still for it once its connection is closed from our side.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a listener that the system gives no more connections (too many are open) waits before the next try.
const BREATH: Duration = Duration::from_millis(100);

/// How many connections beyond the limit are told so at once; others are hung up on.
const REFUSALS_MAX: usize = 64;

/// How many frames of a client wait until the gateway has time for them; the others wait in the socket.
///
/// This also bounds how many are handled in one go, without another client getting its turn.
const INCOMING_MAX: usize = 16;

/// How many frames for a client wait for its socket; then there is no room for more.
const OUTGOING_MAX: usize = 64;

/// What every connection goes through before the gateway knows of it.
pub struct Door {
    /// Who may connect.
    pub access: Access,
    /// How much they may take.
    pub limits: Limits,
    /// What is counted meanwhile.
    pub counters: Rc<Counters>,
    /// What `/metrics` says.
    pub metrics: Box<dyn Fn() -> LocalBoxFuture<'static, String>>,
}

/// Connections from a listener.
pub struct WebSocketTransport {
    arrivals: RefCell<mpsc::UnboundedReceiver<Rc<dyn Connection>>>,
    /// Closed when the last socket is gone.
    sockets: RefCell<mpsc::Receiver<Infallible>>,
}

/// One client. Nobody says yet who they are, so it is called by its address, which is another after a return.
struct WebSocketConnection {
    name: Rc<str>,
    incoming: RefCell<mpsc::Receiver<Incoming>>,
    /// None once the connection is closed from our side.
    outgoing: RefCell<Option<mpsc::Sender<String>>>,
    closed: Cell<bool>,
    closing: Notify,
}

/// What [`Connection::receive`] returns.
type Incoming = Result<Option<String>, Died>;

type Socket = WebSocketStream<TcpStream>;

impl WebSocketTransport {
    /// Begins to take connections. Must be called inside a `LocalSet`.
    #[expect(clippy::disallowed_methods, reason = "sockets have tasks of their own, below the gateway's")]
    pub fn start(listener: TcpListener, door: Door) -> Self {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let (socket, sockets) = mpsc::channel(1);
        tokio::task::spawn_local(listen(listener, Rc::new(door), arrived, socket));
        Self { arrivals: RefCell::new(arrivals), sockets: RefCell::new(sockets) }
    }

    /// Takes no more connections, and lets go of those that the gateway has not taken yet.
    pub fn stop(&self) {
        let mut arrivals = self.arrivals.borrow_mut();
        arrivals.close();
        while arrivals.try_recv().is_ok() {}
    }

    /// Waits until every socket is gone. Those that nobody closes may stay for ever.
    pub async fn drained(&self) {
        let gone = poll_fn(|context| self.sockets.borrow_mut().poll_recv(context)).await;
        debug_assert!(gone.is_none(), "nobody can send what does not exist");
    }
}

impl Transport for WebSocketTransport {
    fn accept(&self) -> LocalBoxFuture<'_, Option<Rc<dyn Connection>>> {
        poll_fn(|context| self.arrivals.borrow_mut().poll_recv(context)).boxed_local()
    }
}

impl Connection for WebSocketConnection {
    fn name(&self) -> &str {
        &self.name
    }

    fn receive(&self) -> LocalBoxFuture<'_, Incoming> {
        async move {
            // Made before the test: a waiter that exists when `close` runs is woken by it.
            let closing = self.closing.notified();
            if self.closed.get() {
                return Ok(None);
            }
            tokio::select! {
                biased; // a connection that is closed has no next frame
                () = closing => Ok(None),
                frame = poll_fn(|context| self.incoming.borrow_mut().poll_recv(context)) => frame.unwrap_or(Err(Died)),
            }
        }
        .boxed_local()
    }

    fn send(&self, frame: String) -> Result<(), Unsent> {
        match &*self.outgoing.borrow() {
            Some(outgoing) => outgoing.try_send(frame).map_err(|error| match error {
                TrySendError::Full(frame) => Unsent::Full(frame),
                TrySendError::Closed(_) => Died.into(),
            }),
            None => Err(Died.into()),
        }
    }

    fn room(&self) -> LocalBoxFuture<'_, Result<(), Died>> {
        async move {
            // Made before the look: a waiter that exists when `close` runs is woken by it.
            let closing = self.closing.notified();
            let outgoing = self.outgoing.borrow().clone().ok_or(Died)?;
            tokio::select! {
                biased; // a connection that is closed has no room
                () = closing => Err(Died),
                room = outgoing.reserve() => room.map(drop).map_err(|_| Died),
            }
        }
        .boxed_local()
    }

    fn close(&self) {
        self.closed.set(true);
        self.closing.notify_waiters();
        self.incoming.borrow_mut().close();
        self.outgoing.take();
    }
}

/// Takes connections until nobody wants them any more.
#[expect(clippy::disallowed_methods, reason = "sockets have tasks and deadlines of their own, below the gateway's")]
async fn listen(
    listener: TcpListener,
    door: Rc<Door>,
    arrived: mpsc::UnboundedSender<Rc<dyn Connection>>,
    socket: mpsc::Sender<Infallible>,
) {
    loop {
        let taken = tokio::select! {
            biased; // a transport that has stopped takes nobody
            () = arrived.closed() => return,
            taken = listener.accept() => taken,
        };
        let (stream, peer) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                warn!(%error, "a connection could not be taken");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let seat = Seat::take(&door.counters);
        if seat.number > door.limits.connections {
            door.counters.refused("full");
            warn!(client = %peer, "refused: full");
            if seat.number <= door.limits.connections + REFUSALS_MAX {
                tokio::task::spawn_local(async move {
                    let _seat = seat;
                    handshake::turn_away(stream).await;
                });
            }
            continue;
        }
        let (arrived, socket, door) = (arrived.clone(), socket.clone(), Rc::clone(&door));
        tokio::task::spawn_local(async move {
            let _seat = seat;
            let name: Rc<str> = peer.to_string().into();
            let handshake = tokio::select! {
                biased; // a transport that has stopped takes nobody
                () = arrived.closed() => return,
                // In a box, so that its room is free again afterwards.
                handshake = Box::pin(handshake::shake(stream, &door, &name)) => handshake,
            };
            if let Some(stream) = handshake {
                // Frames are small and each is wanted at once; without this, one waits for the receipt of the other.
                let _ = stream.get_ref().set_nodelay(true);
                greet(stream, name, &door, arrived).await;
            }
            drop(socket);
        });
    }
}

/// One of the sockets that are open.
struct Seat {
    counters: Rc<Counters>,
    /// How many there are, with this one.
    number: usize,
}

impl Seat {
    fn take(counters: &Rc<Counters>) -> Self {
        let number = counters.sockets.get() + 1;
        counters.sockets.set(number);
        Self { counters: Rc::clone(counters), number }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.counters.sockets.set(self.counters.sockets.get() - 1);
    }
}

/// Hands a new connection to the gateway, then moves its frames.
async fn greet(stream: Socket, name: Rc<str>, door: &Door, arrived: mpsc::UnboundedSender<Rc<dyn Connection>>) {
    let (incoming, received) = mpsc::channel(INCOMING_MAX);
    let (sent, outgoing) = mpsc::channel(OUTGOING_MAX);
    let connection = WebSocketConnection {
        name: Rc::clone(&name),
        incoming: RefCell::new(received),
        outgoing: RefCell::new(Some(sent)),
        closed: Cell::new(false),
        closing: Notify::new(),
    };
    door.counters.connected();
    info!(client = %name, "connected");
    // Nobody there to take it: the connection is dropped, and the socket closed as after any other.
    drop(arrived.send(Rc::new(connection)));
    drop(arrived);
    pump(stream, door, incoming, outgoing).await;
    info!(client = %name, "disconnected");
}

/// Moves frames in both directions until the socket is over.
#[expect(clippy::disallowed_methods, reason = "a socket's deadline, below the gateway's")]
async fn pump(socket: Socket, door: &Door, incoming: mpsc::Sender<Incoming>, outgoing: mpsc::Receiver<String>) {
    let (mut sink, mut stream) = socket.split();
    let overdue = async {
        incoming.closed().await;
        tokio::time::sleep(FAREWELL).await;
    };
    let refused = tokio::select! {
        biased; // what a client said before it died is read before the death shows in a write
        refused = read(&mut stream, door, &incoming) => refused,
        () = write(&mut sink, outgoing) => {
            drop(incoming.send(Err(Died)).await);
            None
        }
        () = overdue => None,
    };
    if let Some(code) = refused {
        let farewell = async {
            let close = Message::Close(Some(CloseFrame { code, reason: "".into() }));
            if sink.send(close).await.is_ok()
                && let Ok(mut socket) = stream.reunite(sink)
            {
                drain(socket.get_mut()).await;
            }
        };
        // Who does not listen is not told.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }
}

/// Takes what still comes, and throws it away: a socket that is closed over unread bytes takes our last words with it.
async fn drain(stream: &mut TcpStream) {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}

/// Reads until the end, and goes on reading when nobody listens any more: the answer to our own close comes last.
/// Returns the close code for a client that has said what no client of ours says.
async fn read(stream: &mut SplitStream<Socket>, door: &Door, incoming: &mpsc::Sender<Incoming>) -> Option<CloseCode> {
    let mut pace = Pace::new(door.limits.requests_per_second);
    while let Some(message) = stream.next().await {
        pace.next().await;
        let told = match message {
            Ok(Message::Text(text)) => {
                door.counters.requested();
                Ok(Some(text.as_str().to_owned()))
            }
            // The next look at the stream answers it.
            Ok(Message::Close(_)) => Ok(None),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            // We speak text only; what else comes is no client of ours, and its connection ends here.
            Ok(Message::Binary(_)) => Err(Some(CloseCode::Unsupported)),
            Err(Error::Capacity(_)) => Err(Some(CloseCode::Size)),
            Err(Error::Utf8(_)) => Err(Some(CloseCode::Invalid)),
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Err(None),
            Err(Error::Protocol(_)) => Err(Some(CloseCode::Protocol)),
            Err(_) => Err(None),
        };
        // Nobody listens after our own close.
        let refused = told.as_ref().err().copied();
        let _ = incoming.send(told.map_err(|_| Died)).await;
        if let Some(code) = refused {
            return code;
        }
    }
    None
}

/// Writes what the gateway sends, and the close when it will send no more. Ends only when the client cannot be reached.
async fn write(sink: &mut SplitSink<Socket, Message>, mut outgoing: mpsc::Receiver<String>) {
    while let Some(frame) = outgoing.recv().await {
        // What is there at once goes out at once: a call of the system costs more than a frame.
        let mut written = sink.feed(Message::text(frame)).await;
        while let (Ok(()), Ok(frame)) = (&written, outgoing.try_recv()) {
            written = sink.feed(Message::text(frame)).await;
        }
        if written.is_err() || sink.flush().await.is_err() {
            return;
        }
    }
    let farewell = CloseFrame { code: CloseCode::Away, reason: "".into() };
    if sink.send(Message::Close(Some(farewell))).await.is_ok() {
        // The answer ends the reading.
        pending().await
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;
    use tokio_tungstenite::client_async;

    use super::*;

    /// Runs `story` with both ends of one connection.
    async fn check(story: impl AsyncFnOnce(Rc<dyn Connection>, Socket)) {
        let connected = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("its address");
            let door = Door {
                access: Access::default(),
                limits: Limits::default(),
                counters: Rc::default(),
                metrics: Box::new(|| async { String::new() }.boxed_local()),
            };
            let transport = WebSocketTransport::start(listener, door);
            let stream = TcpStream::connect(address).await.expect("it listens");
            let (client, _) = client_async(format!("ws://{address}{PATH}"), stream).await.expect("the handshake");
            story(transport.accept().await.expect("a client"), client).await;
            transport.stop();
            assert!(transport.accept().await.is_none(), "a transport that has stopped brings nobody");
            transport.drained().await;
        };
        LocalSet::new().run_until(connected).await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_close_and_a_death_differ() {
        check(async |connection, mut client| {
            client.send(Message::text("last words")).await.expect("it is sent");
            client.close(None).await.expect("it is sent");
            assert_eq!(connection.receive().await, Ok(Some("last words".to_owned())));
            assert_eq!(connection.receive().await, Ok(None));
        })
        .await;
        check(async |connection, mut client| {
            client.send(Message::text("last words")).await.expect("it is sent");
            drop(client);
            assert_eq!(connection.receive().await, Ok(Some("last words".to_owned())));
            assert_eq!(connection.receive().await, Err(Died));
        })
        .await;
    }

    /// Our close takes effect at once, also for who waits for a frame; the client still gets what was sent before it.
    #[tokio::test(flavor = "current_thread")]
    async fn our_close_comes_after_our_frames() {
        check(async |connection, mut client| {
            connection.send("last words".to_owned()).expect("it is open");
            let close = async { connection.close() };
            let (received, ()) = tokio::join!(connection.receive(), close);
            assert_eq!(received, Ok(None));
            assert_eq!(connection.receive().await, Ok(None));
            assert_eq!(connection.send("more".to_owned()), Err(Unsent::Died(Died)));
            assert_eq!(connection.room().await, Err(Died));
            let heard = client.next().await.expect("a frame").expect("a frame");
            assert_eq!(heard, Message::text("last words"));
            assert!(client.next().await.expect("a close").expect("a close").is_close());
        })
        .await;
    }

    /// A client that does not take its frames has room for so many; when it takes them there is room again.
    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_reads_nothing_has_no_more_room() {
        check(async |connection, mut client| {
            let frame = || "x".repeat(1024 * 1024);
            let mut sent = 0;
            // Nothing here waits, so the socket takes none of them meanwhile.
            while connection.send(frame()) == Ok(()) {
                sent += 1;
            }
            assert_eq!((sent, connection.send(frame())), (OUTGOING_MAX, Err(Unsent::Full(frame()))));
            assert_eq!(connection.room().now_or_never(), None);
            let reading = async {
                for _ in 0..sent {
                    client.next().await.expect("a frame").expect("a frame");
                }
            };
            let (room, ()) = tokio::join!(connection.room(), reading);
            assert_eq!((room, connection.send("again".to_owned())), (Ok(()), Ok(())));
            assert_eq!(client.next().await.expect("a frame").expect("a frame"), Message::text("again"));
        })
        .await;
    }

    /// A client that does not take its frames holds nobody up: neither the gateway, which goes on, nor its end.
    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_reads_nothing_is_cut_off() {
        check(async |connection, client| {
            for _ in 0..64 {
                connection.send("x".repeat(1024 * 1024)).expect("it is open");
            }
            connection.close();
            std::mem::forget(client);
        })
        .await;
    }
}
