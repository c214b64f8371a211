//! Clients that come over WebSocket, one text frame for one message.
//!
//! One task takes connections from the listener, one more carries each through its handshake and then moves its
//! frames: between the socket and two queues, which are all that the gateway sees of it.

mod handshake;
mod pump;
mod silence;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use pump::Socket;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::{info, warn};

use super::access::Access;
use super::limits::{Limits, Patience};
use super::metrics::Counters;
use super::queues::QueuedConnection;
use gateway_core::transport::{Connection, Transport};

/// The one path that leads to the gateway.
pub const PATH: &str = "/api/ws";

/// How long a listener that the system gives no more connections (too many are open) waits before the next try.
const BREATH: Duration = Duration::from_millis(100);

/// What every connection goes through before the gateway knows of it.
pub struct Door {
    /// Who may connect.
    pub access: Access,
    /// How much they may take.
    pub limits: Limits,
    /// How long they may take nothing.
    pub patience: Patience,
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
    open: Rc<Open>,
}

/// The connections whose sockets are open, whether the gateway knows of them yet or not.
#[derive(Default)]
struct Open {
    last: Cell<u64>,
    connections: RefCell<BTreeMap<u64, Weak<QueuedConnection>>>,
}

/// What a connection needs on its way to the gateway.
#[derive(Clone)]
struct Way {
    door: Rc<Door>,
    arrived: mpsc::UnboundedSender<Rc<dyn Connection>>,
    /// Dropped with the socket.
    socket: mpsc::Sender<Infallible>,
    open: Rc<Open>,
}

impl WebSocketTransport {
    /// Begins to take connections. Must be called inside a `LocalSet`.
    #[expect(clippy::disallowed_methods, reason = "sockets have tasks of their own, below the gateway's")]
    pub fn start(listener: TcpListener, door: Door) -> Self {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let (socket, sockets) = mpsc::channel(1);
        let open = Rc::<Open>::default();
        tokio::task::spawn_local(listen(
            listener,
            Way { door: Rc::new(door), arrived, socket, open: Rc::clone(&open) },
        ));
        Self { arrivals: RefCell::new(arrivals), sockets: RefCell::new(sockets), open }
    }

    /// Takes no more connections, and lets go of those that the gateway has not taken yet.
    pub fn stop(&self) {
        let mut arrivals = self.arrivals.borrow_mut();
        arrivals.close();
        while arrivals.try_recv().is_ok() {}
    }

    /// Closes every connection, also one that the gateway has taken and does not know yet.
    pub fn dismiss(&self) {
        let connections = self.open.connections.borrow();
        connections.values().filter_map(Weak::upgrade).for_each(|connection| connection.close());
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

/// Takes connections until nobody wants them any more.
#[expect(clippy::disallowed_methods, reason = "sockets have tasks and deadlines of their own, below the gateway's")]
async fn listen(listener: TcpListener, way: Way) {
    let places = way.door.limits.handshakes.clamp(1, Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(places));
    loop {
        let taken = tokio::select! {
            biased; // a transport that has stopped takes nobody
            () = way.arrived.closed() => return,
            taken = take(&listener, &places) => taken,
        };
        match taken {
            Ok((stream, peer, place)) => {
                tokio::task::spawn_local(carry(stream, peer, place, way.clone()));
            }
            Err(error) => {
                warn!(%error, "a connection could not be taken");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// The next connection, once there is a place for its handshake; until then it waits with the system.
async fn take(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.expect("nobody closes it");
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

/// Carries a connection through its handshake, then moves its frames.
#[expect(clippy::disallowed_methods, reason = "a handshake's deadline, below the gateway's")]
async fn carry(stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit, way: Way) {
    let _counted = Counted::one(&way.door.counters, Counters::sockets);
    let name: Rc<str> = peer.to_string().into();
    let handshake = tokio::select! {
        biased; // a transport that has stopped takes nobody
        () = way.arrived.closed() => return,
        // In a box, so that its room is free again afterwards.
        handshake = Box::pin(tokio::time::timeout(
            way.door.limits.handshake_time,
            handshake::shake(stream, &way.door, &name),
        )) => handshake,
    };
    drop(place);
    if let Ok(Some((stream, _seat))) = handshake {
        // Frames are small and each is wanted at once; without this, one waits for the receipt of the other.
        let _ = stream.get_ref().socket().set_nodelay(true);
        greet(stream, name, way).await;
    }
}

/// Hands a new connection to the gateway, then moves its frames.
async fn greet(stream: Socket, name: Rc<str>, Way { door, arrived, socket, open }: Way) {
    let (connection, ends) = QueuedConnection::new(Rc::clone(&name));
    let number = open.last.get() + 1;
    open.last.set(number);
    open.connections.borrow_mut().insert(number, Rc::downgrade(&connection));
    door.counters.connected();
    info!(client = %name, "connected");
    // Nobody there to take it: the connection is dropped, and the socket closed as after any other.
    drop(arrived.send(connection));
    drop(arrived);
    let end = pump::pump(stream, &door, ends).await;
    open.connections.borrow_mut().remove(&number);
    info!(client = %name, end = end.name(), "disconnected");
    drop(socket);
}

/// One more of what is counted, as long as it lives.
struct Counted {
    counters: Rc<Counters>,
    which: Which,
}

/// Which of the counters.
type Which = fn(&Counters) -> &Cell<usize>;

impl Counted {
    fn one(counters: &Rc<Counters>, which: Which) -> Self {
        which(counters).update(|count| count + 1);
        Self { counters: Rc::clone(counters), which }
    }

    /// One more, unless there are as many as there may be.
    fn one_of(most: usize, counters: &Rc<Counters>, which: Which) -> Option<Self> {
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

    /// Only a hang takes longer.
    const HANG: Duration = Duration::from_secs(60);

    fn door(write_timeout: Millis, limits: Limits) -> Door {
        Door {
            access: Access::default(),
            limits,
            patience: Patience { clock: Rc::new(MachineClock::start()), length: Some(write_timeout) },
            counters: Rc::default(),
            metrics: Box::new(|| async { String::new() }.boxed_local()),
        }
    }

    /// Runs `story` with both ends of one connection.
    async fn check(story: impl AsyncFnOnce(Rc<dyn Connection>, WebSocketStream<TcpStream>)) {
        check_with(Millis::from_secs(3600), story).await;
    }

    async fn check_with(
        write_timeout: Millis,
        story: impl AsyncFnOnce(Rc<dyn Connection>, WebSocketStream<TcpStream>),
    ) {
        let connected = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("its address");
            // Nobody is asked whether it is there.
            let limits = Limits { ping_interval: Duration::ZERO, ..Limits::default() };
            let transport = WebSocketTransport::start(listener, door(write_timeout, limits));
            let client = connect(address).await;
            story(transport.accept().await.expect("a client"), client).await;
            transport.stop();
            assert!(transport.accept().await.is_none(), "a transport that has stopped brings nobody");
            transport.drained().await;
        };
        LocalSet::new().run_until(connected).await;
    }

    async fn connect(address: SocketAddr) -> WebSocketStream<TcpStream> {
        let stream = TcpStream::connect(address).await.expect("it listens");
        client_async(format!("ws://{address}{PATH}"), stream).await.expect("the handshake").0
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
            let frame = || "x".repeat(256 * 1024);
            let mut sent = 0;
            // Nothing here waits, so the socket takes none of them meanwhile.
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

    /// What is with the socket is waited for as well: a client that takes nothing of a single frame, longer than all that
    /// the system keeps for it, has died when the write timeout is over. One that takes it has not.
    #[tokio::test(flavor = "current_thread")]
    #[expect(clippy::disallowed_methods, reason = "a hang is a failure")]
    async fn a_frame_that_nobody_takes_is_not_waited_for() {
        check_with(Millis(50), async |connection, client| {
            connection.send("x".repeat(64 * 1024 * 1024)).expect("it is open");
            let received = tokio::time::timeout(HANG, connection.receive()).await;
            assert_eq!(received, Ok(Err(Died)));
            drop(client);
        })
        .await;
    }

    /// So many sockets may be on their way in; the next waits until one of them has taken too long.
    #[tokio::test(flavor = "current_thread")]
    async fn who_says_nothing_is_let_go() {
        let connected = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("its address");
            let handshake_time = Duration::from_millis(500);
            let limits = Limits { handshakes: 2, handshake_time, ..Limits::default() };
            let transport = WebSocketTransport::start(listener, door(Millis::ZERO, limits));
            let mut silent = Vec::new();
            for _ in 0..2 {
                silent.push(TcpStream::connect(address).await.expect("it listens"));
            }
            let mut next = Box::pin(connect(address));
            tokio::select! {
                biased; // the third may be there as soon as the first is gone, but not sooner
                told = silent[0].read_u8() => assert!(told.is_err(), "a silent client was told something"),
                _ = &mut next => panic!("a third was on its way in"),
            }
            let _client = next.await;
            transport.stop();
        };
        LocalSet::new().run_until(connected).await;
    }

    /// A client that does not take its frames holds nobody up: neither the gateway, which goes on, nor its end.
    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_reads_nothing_is_cut_off() {
        check(async |connection, client| {
            connection.send("x".repeat(64 * 1024 * 1024)).expect("it is open");
            connection.close();
            std::mem::forget(client);
        })
        .await;
    }
}
