//! A connection as the gateway sees it: two queues.
//!
//! Their other ends belong to whoever moves the frames to and from the client, on this thread or on another.

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

/// How many frames of a client wait until the gateway has time for them; the others wait in the socket.
const INCOMING_MAX: usize = 16;

/// How many frames for a client wait to be written; then there is no room for more.
const OUTGOING_MAX: usize = 64;

/// How many bytes they have together when there is no room for more. The last of them may be of any length.
const OUTGOING_BYTES_MAX: usize = 1024 * 1024;

/// How many frames are taken in one go, however many there are; then others have their turn.
///
/// The gateway's tasks are not interrupted (see `LocalSpawn`), so a client that sends faster than its frames are read
/// would keep everybody else from theirs.
const TURN: usize = 16;

/// How long a client has to take what is still for it once its connection is closed from our side.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

/// What [`Connection::receive`] returns.
pub(super) type Incoming = Result<Option<String>, Died>;

/// One client, as the gateway has it.
pub(super) struct QueuedConnection {
    name: Rc<str>,
    incoming: RefCell<mpsc::Receiver<Incoming>>,
    /// How many frames were taken since others had their turn.
    taken: Cell<usize>,
    /// Whether a frame for the client found no room since the last of its own was taken.
    crowded: Cell<bool>,
    /// None once the connection is closed from our side.
    outgoing: RefCell<Option<mpsc::Sender<Outgoing>>>,
    backlog: Arc<Backlog>,
    last_word: Cell<LastWord>,
    closed: Cell<bool>,
    closing: Notify,
}

/// Who has ended the conversation.
#[derive(Clone, Copy, Default)]
pub(super) enum LastWord {
    /// The client has said all that it had to say, in order.
    Clients,
    /// It had not when the connection was closed, if it is closed.
    #[default]
    Ours,
}

/// The ends of the queues that whoever moves the frames has.
pub(super) struct Ends {
    /// Where what the client says goes, `None` last; a client that ends without it has died.
    pub(super) incoming: mpsc::Sender<Incoming>,
    /// Where what the client is to be told comes from; `None` when the connection was closed from our side.
    pub(super) outgoing: mpsc::Receiver<Outgoing>,
    /// To be told what the client takes of a frame before it has all of it.
    pub(super) progress: Progress,
}

/// Who waits for a client learns from it that a part of a long frame was taken.
pub(super) struct Progress(Arc<Backlog>);

/// A frame on its way to the client. It takes up room until it is dropped.
pub(super) struct Outgoing {
    text: String,
    room: Taken,
}

/// The room that a frame takes up.
pub(super) struct Taken {
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
    /// A connection, with what moves its frames.
    pub(super) fn new(name: Rc<str>) -> (Rc<Self>, Ends) {
        let (incoming, received) = mpsc::channel(INCOMING_MAX);
        let (sent, outgoing) = mpsc::channel(OUTGOING_MAX);
        let connection = Self {
            name,
            incoming: RefCell::new(received),
            taken: Cell::default(),
            crowded: Cell::default(),
            outgoing: RefCell::new(Some(sent)),
            backlog: Arc::default(),
            last_word: Cell::default(),
            closed: Cell::default(),
            closing: Notify::new(),
        };
        let progress = Progress(Arc::clone(&connection.backlog));
        (Rc::new(connection), Ends { incoming, outgoing, progress })
    }

    /// Who has ended the conversation, once the connection is closed.
    pub(super) fn last_word(&self) -> LastWord {
        self.last_word.get()
    }

    /// Waits until the connection is closed from our side.
    pub(super) async fn closed(&self) {
        // Made before the look: a waiter that exists when `close` runs is woken by it.
        let closing = self.closing.notified();
        if !self.closed.get() {
            closing.await;
        }
    }

    /// Waits until a client has taken nothing of what it is to be told for as long as `patience` lasts.
    pub(super) async fn stalled<P: Future<Output = ()>>(&self, patience: impl Fn() -> P) {
        loop {
            // Made before the look: a waiter that exists when a frame comes or goes is woken by it.
            let (added, eased) = (self.backlog.added.notified(), self.backlog.eased.notified());
            if self.backlog.bytes.load(Ordering::Relaxed) == 0 {
                added.await;
                continue;
            }
            tokio::select! {
                biased; // what was taken at the last instant was taken
                () = eased => {}
                () = patience() => return,
            }
        }
    }

    /// Lets others have their turn, after so many frames. And whoever does not take what it is told is not asked what
    /// it wants to know besides: the answers to many requests would be too much for a client that reads all the time.
    #[expect(clippy::disallowed_methods, reason = "below the gateway's own order, of which no simulation knows")]
    async fn give_way(&self) {
        if self.crowded.take() {
            // Those who wait for this room go first, and may fill it again. One frame is taken all the same: it may ask
            // for the end of what fills it.
            let _ = self.made_room().await;
            tokio::task::yield_now().await;
        }
        let taken = (self.taken.get() + 1) % TURN;
        self.taken.set(taken);
        if taken == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until there is room for a frame.
    async fn made_room(&self) -> Result<(), Died> {
        let outgoing = self.outgoing.borrow().clone().ok_or(Died)?;
        let room = async {
            self.backlog.room().await;
            outgoing.reserve().await.map(drop).map_err(|_| Died)
        };
        tokio::select! {
            biased; // a connection that is over has no room
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
            self.give_way().await;
            tokio::select! {
                biased; // a connection that is closed has no next frame
                () = self.closed() => Ok(None),
                frame = poll_fn(|context| self.incoming.borrow_mut().poll_recv(context)) => {
                    if frame == Some(Ok(None)) {
                        self.last_word.set(LastWord::Clients);
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
            self.crowded.set(true);
            return Err(Unsent::Full(frame));
        }
        outgoing.try_send(Outgoing::new(frame, &self.backlog)).map_err(|error| match error {
            TrySendError::Full(frame) => {
                self.crowded.set(true);
                Unsent::Full(frame.text)
            }
            TrySendError::Closed(_) => Died.into(),
        })
    }

    fn room(&self) -> LocalBoxFuture<'_, Result<(), Died>> {
        async move {
            // Whoever waits here has something for the client.
            self.crowded.set(true);
            // Made before the look: a waiter that exists when something is taken is woken by it.
            let eased = self.backlog.eased.notified();
            tokio::select! {
                biased; // room, or the end, is more than a sign of life
                room = self.made_room() => room,
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
        Self { text, room: Taken { bytes, backlog: Arc::clone(backlog) } }
    }

    /// The frame, and the room that it takes up until it is written.
    pub(super) fn into_parts(self) -> (String, Taken) {
        (self.text, self.room)
    }
}

impl Progress {
    /// The client has taken a part of a frame.
    pub(super) fn made(&self) {
        self.0.eased.notify_waiters();
    }
}

impl Drop for Taken {
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
            // Made before the look: a waiter that exists when room is made is woken by it.
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

    /// Sends frames of a length until there is no room, which is so many of them; each that is written makes room.
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
        let (text, taken) = ends.outgoing.recv().await.expect("a frame").into_parts();
        assert_eq!(text, frame());
        drop(taken);
        assert_eq!(room.await, Ok(()));
        assert_eq!(connection.send(frame()), Ok(()));
        assert_eq!(connection.room().now_or_never(), None);
    }

    /// Both bound what waits: how many frames there are, and how long they are together.
    #[tokio::test(flavor = "current_thread")]
    async fn what_waits_to_be_written_is_bounded() {
        check_room(1, OUTGOING_MAX).await;
        check_room(OUTGOING_BYTES_MAX / 4, 4).await;
        check_room(OUTGOING_BYTES_MAX / 4 - 1, 5).await;
        check_room(100 * OUTGOING_BYTES_MAX, 1).await;
    }

    /// A client that has taken a part of a long frame is there: who waits for room waits anew.
    #[tokio::test(flavor = "current_thread")]
    async fn a_part_of_a_frame_is_a_sign_of_life() {
        let (connection, mut ends) = QueuedConnection::new("client".into());
        assert_eq!(connection.send("x".repeat(OUTGOING_BYTES_MAX)), Ok(()));
        let _written = ends.outgoing.recv().await.expect("a frame");
        let mut room = connection.room();
        assert_eq!((&mut room).now_or_never(), None);
        ends.progress.made();
        assert_eq!(room.now_or_never(), Some(Ok(())));
        assert_eq!(connection.send("more".to_owned()), Err(Unsent::Full("more".to_owned())));
    }

    /// Who waits for room learns that there will be none, whichever side ends the connection.
    #[tokio::test(flavor = "current_thread")]
    async fn a_connection_that_is_over_has_no_room() {
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

    /// A client that does not take what it is told is not asked for more, but when it has gone.
    #[tokio::test(flavor = "current_thread")]
    async fn who_does_not_listen_is_not_heard() {
        let (connection, mut ends) = QueuedConnection::new("client".into());
        for number in 0..3 {
            ends.incoming.send(Ok(Some(number.to_string()))).await.expect("it is open");
        }
        let mut waiting = 0;
        while connection.send("x".to_owned()) == Ok(()) {}
        let mut receiving = connection.receive();
        assert_eq!((&mut receiving).now_or_never(), None);
        // One more waits for room as the gateway's writer does, and goes first.
        let mut room = connection.room();
        assert_eq!((&mut room).now_or_never(), None);
        drop(ends.outgoing.recv().await);
        assert_eq!((&mut receiving).now_or_never(), None, "others first");
        assert_eq!(room.await, Ok(()));
        assert_eq!(connection.send("waited".to_owned()), Ok(()));
        assert_eq!(receiving.await, Ok(Some("0".to_owned())), "full again, but one is heard");
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

    /// A client whose frames come as fast as they are read leaves others their turn, in a task that nobody interrupts.
    #[tokio::test(flavor = "current_thread")]
    async fn a_flood_lets_others_have_their_turn() {
        let turns = Rc::new(Cell::new(0));
        let others = Rc::clone(&turns);
        let others = async move {
            loop {
                others.set(others.get() + 1);
                #[expect(clippy::disallowed_methods, reason = "somebody else with something to do")]
                tokio::task::yield_now().await;
            }
        };
        let flood = async {
            let (connection, ends) = QueuedConnection::new("client".into());
            for _ in 0..100 * TURN {
                // There is always a next frame before the last was taken.
                while ends.incoming.try_send(Ok(Some("more".to_owned()))).is_ok() {}
                assert_eq!(connection.receive().await, Ok(Some("more".to_owned())));
            }
        };
        let local = LocalSet::new();
        #[expect(clippy::disallowed_methods, reason = "somebody else with something to do")]
        local.spawn_local(others);
        local.run_until(unconstrained(flood)).await;
        assert!(turns.get() >= 99, "others had {} turns", turns.get());
    }
}
