//! A connection as the gateway sees it: a queue of frames in each direction.
//!
//! A transport holds the other ends and moves frames between them and the client, on this thread or on another.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};

use gateway_core::transport::{Connection, Died, Unsent};

/// The most received frames that wait for the gateway; further ones wait in the socket.
const INCOMING_MAX: usize = 16;

/// The most frames that wait to be written to a client.
const OUTGOING_MAX: usize = 64;

/// The bytes of waiting frames at which no further frame is accepted. The last accepted one may have any length.
const OUTGOING_BYTES_MAX: usize = 1024 * 1024;

/// The most frames that a reader receives before it yields.
///
/// The gateway's tasks have no budget (see `LocalSpawn`), so a client that sends faster than its frames are read would
/// starve all other tasks.
const FRAMES_PER_TURN: usize = 16;

/// How long a client may take to read its remaining frames after the gateway has closed the connection.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What [`Connection::receive`] returns: a frame, `None` after an orderly close, or [`Died`].
pub(super) type Incoming = Result<Option<String>, Died>;

/// The gateway's side of one client's connection.
pub(super) struct QueuedConnection {
    name: Rc<str>,
    incoming: RefCell<mpsc::Receiver<Incoming>>,
    /// Frames received since the last yield.
    received: Cell<usize>,
    /// Whether a frame for the client found no room since its last frame was received.
    was_full: Cell<bool>,
    /// `None` once the gateway has closed the connection.
    outgoing: RefCell<Option<mpsc::Sender<Outgoing>>>,
    backlog: Arc<Backlog>,
    closed_by: Cell<ClosedBy>,
    closed: Cell<bool>,
    closing: Notify,
}

/// The side that ended the connection.
#[derive(Clone, Copy, Default)]
pub(super) enum ClosedBy {
    /// The client has closed it in order: it sends nothing more.
    Client,
    /// The gateway has closed it, or it is still open.
    #[default]
    Gateway,
}

/// The transport's ends of the queues.
pub(super) struct QueueEnds {
    /// Takes the client's frames, and `None` at an orderly close. Dropping it without `None` means a lost connection.
    pub(super) incoming: mpsc::Sender<Incoming>,
    /// Yields the frames for the client, and `None` once the gateway has closed the connection.
    pub(super) outgoing: mpsc::Receiver<Outgoing>,
    /// Reports that the client has read a part of a frame.
    pub(super) progress: Progress,
}

/// Reports progress within a long frame, so that waiters restart their timeouts.
pub(super) struct Progress(Arc<Backlog>);

/// A frame to be written. It occupies queue capacity until it is dropped.
pub(super) struct Outgoing {
    text: String,
    room: Reservation,
}

/// The queue capacity that a frame occupies.
pub(super) struct Reservation {
    bytes: usize,
    backlog: Arc<Backlog>,
}

/// How many bytes wait to be written.
#[derive(Default)]
struct Backlog {
    bytes: AtomicUsize,
    added: Notify,
    eased: Notify,
}

impl QueuedConnection {
    /// Creates a connection and the transport's ends of its queues.
    pub(super) fn new(name: Rc<str>) -> (Rc<Self>, QueueEnds) {
        let (incoming, received) = mpsc::channel(INCOMING_MAX);
        let (sent, outgoing) = mpsc::channel(OUTGOING_MAX);
        let connection = Self {
            name,
            incoming: RefCell::new(received),
            received: Cell::default(),
            was_full: Cell::default(),
            outgoing: RefCell::new(Some(sent)),
            backlog: Arc::default(),
            closed_by: Cell::default(),
            closed: Cell::default(),
            closing: Notify::new(),
        };
        let progress = Progress(Arc::clone(&connection.backlog));
        (Rc::new(connection), QueueEnds { incoming, outgoing, progress })
    }

    /// The side that ended the connection, once it is closed.
    pub(super) fn closed_by(&self) -> ClosedBy {
        self.closed_by.get()
    }

    /// Waits until the gateway closes the connection. Cancel safe.
    pub(super) async fn closed(&self) {
        // Created before the check, so that a `close` in between wakes it.
        let closing = self.closing.notified();
        if !self.closed.get() {
            closing.await;
        }
    }

    /// Waits until the client has read nothing of its waiting frames for the duration of `timeout`. Cancel safe.
    pub(super) async fn stalled<P: Future<Output = ()>>(&self, timeout: impl Fn() -> P) {
        loop {
            // Created before the check, so that a frame that is added or read in between wakes it.
            let (added, eased) = (self.backlog.added.notified(), self.backlog.eased.notified());
            if self.backlog.bytes.load(Ordering::Relaxed) == 0 {
                added.await;
                continue;
            }
            tokio::select! {
                biased; // progress at the last instant counts
                () = eased => {}
                () = timeout() => return,
            }
        }
    }

    /// Yields after [`FRAMES_PER_TURN`] frames. A client whose frames found no room is not read further until there is
    /// room: otherwise the answers to its requests would exceed the queue even for a client that reads all the time.
    #[expect(clippy::disallowed_methods, reason = "below the gateway's tasks, outside of what is simulated")]
    async fn yield_to_others(&self) {
        if self.was_full.take() {
            // Tasks that wait for room go first and may fill it again. One frame is received all the same, because it may
            // be the request that stops what fills the queue.
            let _ = self.capacity().await;
            tokio::task::yield_now().await;
        }
        let received = (self.received.get() + 1) % FRAMES_PER_TURN;
        self.received.set(received);
        if received == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the queue accepts a frame.
    async fn capacity(&self) -> Result<(), Died> {
        let outgoing = self.outgoing.borrow().clone().ok_or(Died)?;
        let room = async {
            self.backlog.room().await;
            outgoing.reserve().await.map(drop).map_err(|_| Died)
        };
        tokio::select! {
            biased; // a closed connection has no room
            () = self.closed() => Err(Died),
            () = outgoing.closed() => Err(Died),
            room = room => room,
        }
    }
}

impl Connection for QueuedConnection {
    fn name(&self) -> &str {
        &self.name
    }

    fn receive(&self) -> LocalBoxFuture<'_, Incoming> {
        async move {
            self.yield_to_others().await;
            tokio::select! {
                biased; // a closed connection has no next frame
                () = self.closed() => Ok(None),
                frame = poll_fn(|context| self.incoming.borrow_mut().poll_recv(context)) => {
                    if frame == Some(Ok(None)) {
                        self.closed_by.set(ClosedBy::Client);
                    }
                    frame.unwrap_or(Err(Died))
                }
            }
        }
        .boxed_local()
    }

    fn send(&self, frame: String) -> Result<(), Unsent> {
        let outgoing = self.outgoing.borrow();
        let Some(outgoing) = &*outgoing else { return Err(Died.into()) };
        if !self.backlog.has_room() && !outgoing.is_closed() {
            self.was_full.set(true);
            return Err(Unsent::Full(frame));
        }
        outgoing.try_send(Outgoing::new(frame, &self.backlog)).map_err(|error| match error {
            TrySendError::Full(frame) => {
                self.was_full.set(true);
                Unsent::Full(frame.text)
            }
            TrySendError::Closed(_) => Died.into(),
        })
    }

    fn room(&self) -> LocalBoxFuture<'_, Result<(), Died>> {
        async move {
            // The caller has a frame for the client.
            self.was_full.set(true);
            // Created before the check, so that progress in between wakes it.
            let eased = self.backlog.eased.notified();
            tokio::select! {
                biased; // room or the end outranks progress
                room = self.capacity() => room,
                () = eased => Ok(()),
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

impl Outgoing {
    fn new(text: String, backlog: &Arc<Backlog>) -> Self {
        let bytes = text.len();
        backlog.bytes.fetch_add(bytes, Ordering::Relaxed);
        backlog.added.notify_waiters();
        Self { text, room: Reservation { bytes, backlog: Arc::clone(backlog) } }
    }

    /// The frame, and the capacity that it occupies until it is written.
    pub(super) fn into_parts(self) -> (String, Reservation) {
        (self.text, self.room)
    }
}

impl Progress {
    /// Reports that the client has read a part of a frame.
    pub(super) fn made(&self) {
        self.0.eased.notify_waiters();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.backlog.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.backlog.eased.notify_waiters();
    }
}

impl Backlog {
    fn has_room(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) < OUTGOING_BYTES_MAX
    }

    async fn room(&self) {
        loop {
            // Created before the check, so that room made in between wakes it.
            let eased = self.eased.notified();
            if self.has_room() {
                return;
            }
            eased.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::{LocalSet, unconstrained};

    use super::*;

    /// Expects room for `fit` frames of `length` bytes, and for one more after each that is written.
    async fn check_room(length: usize, fit: usize) {
        let (connection, mut ends) = QueuedConnection::new("client".into());
        let frame = || "x".repeat(length);
        for number in 0..fit {
            assert_eq!(connection.room().now_or_never(), Some(Ok(())), "{number} of {length}");
            assert_eq!(connection.send(frame()), Ok(()), "{number} of {length}");
        }
        assert_eq!(connection.send(frame()), Err(Unsent::Full(frame())));
        let mut room = connection.room();
        assert_eq!((&mut room).now_or_never(), None);
        let (text, received) = ends.outgoing.recv().await.expect("a frame").into_parts();
        assert_eq!(text, frame());
        drop(received);
        assert_eq!(room.await, Ok(()));
        assert_eq!(connection.send(frame()), Ok(()));
        assert_eq!(connection.room().now_or_never(), None);
    }

    /// Waiting frames are bounded in number and in bytes.
    #[tokio::test(flavor = "current_thread")]
    async fn what_waits_to_be_written_is_bounded() {
        check_room(1, OUTGOING_MAX).await;
        check_room(OUTGOING_BYTES_MAX / 4, 4).await;
        check_room(OUTGOING_BYTES_MAX / 4 - 1, 5).await;
        check_room(100 * OUTGOING_BYTES_MAX, 1).await;
    }

    /// Progress within a long frame ends a wait for room, so that the caller restarts its timeout.
    #[tokio::test(flavor = "current_thread")]
    async fn a_part_of_a_frame_is_progress() {
        let (connection, mut ends) = QueuedConnection::new("client".into());
        assert_eq!(connection.send("x".repeat(OUTGOING_BYTES_MAX)), Ok(()));
        let _written = ends.outgoing.recv().await.expect("a frame");
        let mut room = connection.room();
        assert_eq!((&mut room).now_or_never(), None);
        ends.progress.made();
        assert_eq!(room.now_or_never(), Some(Ok(())));
        assert_eq!(connection.send("more".to_owned()), Err(Unsent::Full("more".to_owned())));
    }

    /// A wait for room ends with an error, whichever side ends the connection.
    #[tokio::test(flavor = "current_thread")]
    async fn a_closed_connection_has_no_room() {
        for length in [1, OUTGOING_BYTES_MAX] {
            for ours in [true, false] {
                let (connection, ends) = QueuedConnection::new("client".into());
                while connection.send("x".repeat(length)) == Ok(()) {}
                let mut room = connection.room();
                assert_eq!((&mut room).now_or_never(), None);
                if ours {
                    connection.close();
                } else {
                    drop(ends);
                }
                assert_eq!(room.await, Err(Died));
                assert_eq!(connection.send("more".to_owned()), Err(Unsent::Died(Died)));
                assert_eq!(connection.room().await, Err(Died));
            }
        }
    }

    /// A client that does not read is not read either, until there is room or the connection is lost.
    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_does_not_read_is_not_read() {
        let (connection, mut ends) = QueuedConnection::new("client".into());
        for number in 0..3 {
            ends.incoming.send(Ok(Some(number.to_string()))).await.expect("it is open");
        }
        let mut waiting = 0;
        while connection.send("x".to_owned()) == Ok(()) {}
        let mut receiving = connection.receive();
        assert_eq!((&mut receiving).now_or_never(), None);
        // The gateway's writer waits for room as well, and goes first.
        let mut room = connection.room();
        assert_eq!((&mut room).now_or_never(), None);
        drop(ends.outgoing.recv().await);
        assert_eq!((&mut receiving).now_or_never(), None, "others first");
        assert_eq!(room.await, Ok(()));
        assert_eq!(connection.send("waited".to_owned()), Ok(()));
        assert_eq!(receiving.await, Ok(Some("0".to_owned())), "full again, but one frame is received");
        let mut receiving = connection.receive();
        assert_eq!((&mut receiving).now_or_never(), None, "one only");
        while let Ok(frame) = ends.outgoing.try_recv() {
            waiting += 1;
            drop(frame);
        }
        assert_eq!((waiting, receiving.await), (OUTGOING_MAX, Ok(Some("1".to_owned()))));

        while connection.send("x".to_owned()) == Ok(()) {}
        drop(ends);
        assert_eq!(connection.receive().await, Ok(Some("2".to_owned())));
        assert_eq!(connection.receive().await, Err(Died));
    }

    /// A client that sends as fast as it is read does not starve other tasks.
    #[tokio::test(flavor = "current_thread")]
    async fn a_flood_does_not_starve_others() {
        let turns = Rc::new(Cell::new(0));
        let others = Rc::clone(&turns);
        let others = async move {
            loop {
                others.set(others.get() + 1);
                #[expect(clippy::disallowed_methods, reason = "another task of the test")]
                tokio::task::yield_now().await;
            }
        };
        let flood = async {
            let (connection, ends) = QueuedConnection::new("client".into());
            for _ in 0..100 * FRAMES_PER_TURN {
                // The next frame is queued before the last is received.
                while ends.incoming.try_send(Ok(Some("more".to_owned()))).is_ok() {}
                assert_eq!(connection.receive().await, Ok(Some("more".to_owned())));
            }
        };
        let local = LocalSet::new();
        #[expect(clippy::disallowed_methods, reason = "another task of the test")]
        local.spawn_local(others);
        local.run_until(unconstrained(flood)).await;
        assert!(turns.get() >= 99, "others had {} turns", turns.get());
    }
}
