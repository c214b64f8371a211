//! WebSocket clients; one text frame is one JSON-RPC message.
//!
//! One task accepts sockets from the listener. Each socket has a task that performs the handshake and then moves frames
//! between the socket and the two queues of its connection, which are all that the gateway sees.

mod doorway;
mod handshake;
mod keepalive;
mod pump;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use doorway::{Doorway, Place};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use pump::Socket;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::access::Access;
use super::limits::{Limits, WriteTimeout};
use super::metrics::Counters;
use super::queues::QueuedConnection;
use gateway_core::transport::{Connection, Transport};

/// The path of the WebSocket endpoint.
pub const PATH: &str = "/api/ws";

/// The delay before the next accept after the system has refused one, for example because too many files are open.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// The configuration of a listener.
pub struct Endpoint {
    /// The rules for connecting.
    pub access: Access,
    /// Limits on connections and frames.
    pub limits: Limits,
    /// How long a client may read nothing.
    pub write_timeout: WriteTimeout,
    /// The counters that connections update.
    pub counters: Rc<Counters>,
    /// Renders the `/metrics` page.
    pub metrics: Box<dyn Fn() -> LocalBoxFuture<'static, String>>,
    /// Asks the store, for the `/healthz` page. The error is a sentence without the database's own message.
    pub health: Box<dyn Fn() -> LocalBoxFuture<'static, Result<(), String>>>,
}

/// A transport of the connections of a listener.
pub struct WebSocketTransport {
    arrivals: RefCell<mpsc::UnboundedReceiver<Rc<dyn Connection>>>,
    /// Closed when the last socket is closed.
    sockets: RefCell<mpsc::Receiver<Infallible>>,
    open: Rc<OpenSockets>,
}

/// The connections whose sockets are open, accepted by the gateway or not.
#[derive(Default)]
struct OpenSockets {
    last: Cell<u64>,
    connections: RefCell<BTreeMap<u64, Weak<QueuedConnection>>>,
}

/// What the task of a socket needs.
#[derive(Clone)]
struct Intake {
    endpoint: Rc<Endpoint>,
    arrived: mpsc::UnboundedSender<Rc<dyn Connection>>,
    /// Dropped when the socket is closed.
    socket: mpsc::Sender<Infallible>,
    open: Rc<OpenSockets>,
}

impl WebSocketTransport {
    /// Starts to accept connections. Must be called inside a `LocalSet`.
    #[expect(clippy::disallowed_methods, reason = "sockets have tasks of their own, below the gateway's")]
    pub fn start(listener: TcpListener, endpoint: Endpoint) -> Self {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let (socket, sockets) = mpsc::channel(1);
        let open = Rc::<OpenSockets>::default();
        tokio::task::spawn_local(listen(
            listener,
            Intake { endpoint: Rc::new(endpoint), arrived, socket, open: Rc::clone(&open) },
        ));
        Self { arrivals: RefCell::new(arrivals), sockets: RefCell::new(sockets), open }
    }

    /// Accepts no more connections, and closes those that the gateway has not accepted yet.
    pub fn stop(&self) {
        let mut arrivals = self.arrivals.borrow_mut();
        arrivals.close();
        while arrivals.try_recv().is_ok() {}
    }

    /// Closes every connection, including one that the gateway has accepted but not yet registered.
    pub fn close_all(&self) {
        let connections = self.open.connections.borrow();
        connections.values().filter_map(Weak::upgrade).for_each(|connection| connection.close());
    }

    /// Waits until every socket is closed. Call [`close_all`](Self::close_all) first: an open connection has no deadline.
    pub async fn drained(&self) {
        let gone = poll_fn(|context| self.sockets.borrow_mut().poll_recv(context)).await;
        debug_assert!(gone.is_none(), "the channel carries no values");
    }
}

impl Transport for WebSocketTransport {
    fn accept(&self) -> LocalBoxFuture<'_, Option<Rc<dyn Connection>>> {
        poll_fn(|context| self.arrivals.borrow_mut().poll_recv(context)).boxed_local()
    }
}

/// Accepts sockets until the transport stops.
#[expect(clippy::disallowed_methods, reason = "sockets have tasks and deadlines of their own, below the gateway's")]
async fn listen(listener: TcpListener, intake: Intake) {
    let doorway = Doorway::new(&intake.endpoint.limits);
    loop {
        let taken = tokio::select! {
            biased; // a stopped transport accepts nothing
            () = intake.arrived.closed() => return,
            taken = accept(&listener, &doorway) => taken,
        };
        match taken {
            Ok((stream, peer, place)) => {
                tokio::task::spawn_local(serve_socket(stream, peer, place, intake.clone()));
                // A handshake may be complete already: it is carried out before another client takes its place.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Accepts the next socket, and takes a place for its handshake. Others wait in the listen backlog meanwhile.
async fn accept(listener: &TcpListener, doorway: &Rc<Doorway>) -> io::Result<(TcpStream, SocketAddr, Place)> {
    let (stream, peer) = listener.accept().await?;
    let place = doorway.enter(peer.ip()).await;
    Ok((stream, peer, place))
}

/// Performs the handshake of a socket, then serves it.
#[expect(clippy::disallowed_methods, reason = "a handshake's deadline, below the gateway's")]
async fn serve_socket(stream: TcpStream, peer: SocketAddr, mut place: Place, intake: Intake) {
    let _counted = Counted::one(&intake.endpoint.counters, Counters::sockets);
    let name: Rc<str> = peer.to_string().into();
    let time = place.time;
    let handshake = tokio::select! {
        biased; // a stopped transport accepts nothing, and a handshake that completes at the last moment has completed
        () = intake.arrived.closed() => return,
        // Boxed, so that the memory of the handshake is freed afterwards.
        handshake = Box::pin(tokio::time::timeout(
            time,
            handshake::shake(stream, &intake.endpoint, &name),
        )) => handshake,
        () = place.taken() => {
            intake.endpoint.counters.refused("half_handshake");
            return;
        }
    };
    drop(place);
    if let Ok(Some((stream, _seat))) = handshake {
        // Frames are small and latency matters; Nagle's algorithm would delay each until the one before is acknowledged.
        let _ = stream.get_ref().socket().set_nodelay(true);
        serve_connection(stream, name, intake).await;
    }
}

/// Hands a new connection to the gateway, then moves its frames until it ends.
async fn serve_connection(stream: Socket, name: Rc<str>, Intake { endpoint, arrived, socket, open }: Intake) {
    let (connection, ends) = QueuedConnection::new(Rc::clone(&name));
    let number = open.last.get() + 1;
    open.last.set(number);
    open.connections.borrow_mut().insert(number, Rc::downgrade(&connection));
    endpoint.counters.connected();
    info!(client = %name, "connected");
    // If the transport has stopped, the connection is dropped here and its socket is closed as any other.
    drop(arrived.send(connection));
    drop(arrived);
    let end = pump::pump(stream, &endpoint, ends).await;
    open.connections.borrow_mut().remove(&number);
    info!(client = %name, end = end.name(), "disconnected");
    drop(socket);
}

/// Increments a gauge while it lives.
struct Counted {
    counters: Rc<Counters>,
    which: Which,
}

/// The gauge to increment.
type Which = fn(&Counters) -> &Cell<usize>;

impl Counted {
    fn one(counters: &Rc<Counters>, which: Which) -> Self {
        which(counters).update(|count| count + 1);
        Self { counters: Rc::clone(counters), which }
    }

    /// Increments the gauge, or returns `None` at the limit.
    fn within(most: usize, counters: &Rc<Counters>, which: Which) -> Option<Self> {
        (which(counters).get() < most).then(|| Self::one(counters, which))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.which)(&self.counters).update(|count| count - 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::AsyncReadExt;
    use tokio::task::LocalSet;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::{WebSocketStream, client_async};

    use super::*;
    use crate::real::clock::MachineClock;
    use gateway_core::clock::Millis;
    use gateway_core::transport::{Died, Unsent};

    /// The timeout of a test; only a hang takes longer.
    const HANG: Duration = Duration::from_secs(60);

    fn endpoint(write_timeout: Millis, limits: Limits) -> Endpoint {
        Endpoint {
            access: Access::default(),
            limits,
            write_timeout: WriteTimeout { clock: Rc::new(MachineClock::start()), length: Some(write_timeout) },
            counters: Rc::default(),
            metrics: Box::new(|| async { String::new() }.boxed_local()),
            health: Box::new(|| async { Ok(()) }.boxed_local()),
        }
    }

    /// Runs `body` with both ends of one connection.
    async fn check(body: impl AsyncFnOnce(Rc<dyn Connection>, WebSocketStream<TcpStream>)) {
        check_with(Millis::from_secs(3600), body).await;
    }

    async fn check_with(write_timeout: Millis, body: impl AsyncFnOnce(Rc<dyn Connection>, WebSocketStream<TcpStream>)) {
        let connected = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("its address");
            // No pings.
            let limits = Limits { ping_interval: Duration::ZERO, ..Limits::default() };
            let transport = WebSocketTransport::start(listener, endpoint(write_timeout, limits));
            let client = connect(address).await;
            body(transport.accept().await.expect("a client"), client).await;
            transport.stop();
            assert!(transport.accept().await.is_none(), "a stopped transport accepts nothing");
            transport.drained().await;
        };
        LocalSet::new().run_until(connected).await;
    }

    async fn connect(address: SocketAddr) -> WebSocketStream<TcpStream> {
        let stream = TcpStream::connect(address).await.expect("it listens");
        client_async(format!("ws://{address}{PATH}"), stream).await.expect("the handshake").0
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_close_and_a_lost_connection_differ() {
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

    /// A close by the gateway takes effect at once, also for a pending receive. The client still gets earlier frames.
    #[tokio::test(flavor = "current_thread")]
    async fn a_close_comes_after_earlier_frames() {
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

    /// The queue of a client that does not read fills up, and has room again when the client reads.
    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_reads_nothing_has_no_more_room() {
        check(async |connection, mut client| {
            let frame = || "x".repeat(256 * 1024);
            let mut sent = 0;
            // No await, so the socket writes none of them meanwhile.
            while connection.send(frame()) == Ok(()) {
                sent += 1;
            }
            assert_eq!((sent, connection.send(frame())), (4, Err(Unsent::Full(frame()))), "a MiB");
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

    /// The write timeout also covers a frame in the socket: a client that reads nothing of a frame longer than the system's
    /// buffers is disconnected.
    #[tokio::test(flavor = "current_thread")]
    #[expect(clippy::disallowed_methods, reason = "a hang is a failure")]
    async fn an_unread_frame_times_out() {
        check_with(Millis(50), async |connection, client| {
            connection.send("x".repeat(64 * 1024 * 1024)).expect("it is open");
            let received = tokio::time::timeout(HANG, connection.receive()).await;
            assert_eq!(received, Ok(Err(Died)));
            drop(client);
        })
        .await;
    }

    /// Handshakes are limited: the next one takes the place of the oldest, and the others time out.
    #[tokio::test(flavor = "current_thread")]
    async fn silent_handshakes_go() {
        let connected = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("its address");
            let handshake_time = Duration::from_secs(3600);
            let limits = Limits { handshakes: 4, handshake_time, ..Limits::default() };
            let transport = WebSocketTransport::start(listener, endpoint(Millis::ZERO, limits));
            let mut silent = Vec::new();
            for _ in 0..2 {
                silent.push(TcpStream::connect(address).await.expect("it listens"));
            }
            let _client = connect(address).await;
            assert!(silent[0].read_u8().await.is_err(), "a silent client got an answer");
            transport.stop();
        };
        LocalSet::new().run_until(connected).await;
    }

    /// A client that does not read delays neither the gateway nor its end.
    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_reads_nothing_is_disconnected() {
        check(async |connection, client| {
            connection.send("x".repeat(64 * 1024 * 1024)).expect("it is open");
            connection.close();
            std::mem::forget(client);
        })
        .await;
    }
}
