//! Keepalive: detects clients that have vanished without closing the connection.
//!
//! While nothing is sent the system does not notice that the other machine is gone. A client that has been silent for an
//! interval gets a WebSocket ping, which its library answers by itself; after another silent interval it counts as
//! vanished. TCP's keepalive would not do: a proxy, or the kernel of a hanging client, answers it.
#![expect(clippy::disallowed_methods, reason = "a socket's deadlines, below the gateway's")]

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};

/// A socket that records the last sign of life of its client.
///
/// Signs of life are received bytes, also within a long message, and accepted bytes after the send buffer was full: a slow
/// reader reaches the ping only after the frames before it.
pub(super) struct TrackedStream {
    stream: TcpStream,
    full: bool,
    last: Rc<Cell<Instant>>,
    taken: Rc<Cell<u64>>,
}

impl TrackedStream {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, full: false, last: Rc::new(Cell::new(Instant::now())), taken: Rc::default() }
    }

    /// The time of the last sign of life.
    pub(super) fn last(&self) -> Rc<Cell<Instant>> {
        Rc::clone(&self.last)
    }

    /// Counts writes that the system accepted.
    pub(super) fn taken(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.taken)
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsyncRead for TrackedStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buf);
        if read.is_ready() {
            self.last.set(Instant::now());
        }
        read
    }
}

impl AsyncWrite for TrackedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() && self.full {
            self.last.set(Instant::now());
        }
        self.full = written.is_pending();
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.taken.update(|times| times + 1);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The keepalive timer of one client.
pub(super) struct Keepalive {
    last: Rc<Cell<Instant>>,
    /// `None` when pings are off.
    timer: Option<Timer>,
    ping: Rc<Ping>,
}

struct Timer {
    interval: Duration,
    timer: Pin<Box<Sleep>>,
}

/// The state of the ping, shared by the keepalive timer and the writer.
#[derive(Default)]
pub(super) struct Ping {
    state: Cell<PingState>,
    /// Whether a write is waiting for the client.
    writing: Cell<bool>,
    due: Notify,
    changed: Notify,
}

#[derive(Clone, Copy, Default)]
enum PingState {
    /// No ping is due or unanswered.
    #[default]
    Idle,
    /// A ping waits to be written.
    Due,
    /// A ping was written at this time.
    Sent(Instant),
}

impl Ping {
    /// Waits until a ping is due. Cancel safe.
    pub(super) async fn due(&self) {
        self.due.notified().await;
    }

    /// The ping was handed to the socket.
    pub(super) fn sent(&self) {
        self.state.set(PingState::Sent(Instant::now()));
        self.changed.notify_one();
    }

    /// A write has started; it lasts until [`written`](Self::written).
    pub(super) fn writing(&self) {
        self.writing.set(true);
    }

    /// All writes have completed.
    pub(super) fn written(&self) {
        self.writing.set(false);
        self.changed.notify_one();
    }
}

impl Keepalive {
    /// A client gets a ping after `interval` of silence and has vanished after another. Zero turns both off.
    pub(super) fn new(last: Rc<Cell<Instant>>, interval: Duration) -> Self {
        let sleep = |interval| Box::pin(sleep_until(last.get() + interval));
        let timer = Some(interval).filter(|interval| !interval.is_zero());
        let timer = timer.map(|interval| Timer { interval, timer: sleep(interval) });
        Self { last, timer, ping: Rc::default() }
    }

    /// The ping, for the writer.
    pub(super) fn ping(&self) -> Rc<Ping> {
        Rc::clone(&self.ping)
    }

    /// Completes when the client has vanished. Must be awaited only while the socket is read, since unread bytes are not
    /// silence. Cancel safe.
    ///
    /// While a write waits for the client the ping may be queued behind it, so nothing is concluded. The write has a timeout
    /// of its own.
    pub(super) async fn expired(&mut self) {
        let Some(timer) = &mut self.timer else { return std::future::pending().await };
        let ping = &self.ping;
        loop {
            timer.timer.as_mut().await;
            let (now, last) = (Instant::now(), self.last.get());
            let since = match ping.state.get() {
                PingState::Idle if last + timer.interval > now => last,
                PingState::Idle => {
                    ping.state.set(PingState::Due);
                    ping.due.notify_one();
                    continue;
                }
                PingState::Due => {
                    ping.changed.notified().await;
                    continue;
                }
                PingState::Sent(sent) if last > sent => {
                    ping.state.set(PingState::Idle);
                    last
                }
                PingState::Sent(sent) if sent + timer.interval > now => sent,
                PingState::Sent(_) if ping.writing.get() => {
                    ping.changed.notified().await;
                    continue;
                }
                PingState::Sent(_) => return,
            };
            timer.timer.as_mut().reset(since + timer.interval);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(20);

    /// Whether the client counts as vanished within so many intervals.
    async fn vanishes(keepalive: &mut Keepalive, intervals: u32) -> bool {
        // A millisecond less, so that an event at the very end of the interval does not count.
        let length = INTERVAL * intervals - Duration::from_millis(1);
        tokio::time::timeout(length, keepalive.expired()).await.is_ok()
    }

    fn new_keepalive() -> (Keepalive, Rc<Ping>) {
        let keepalive = Keepalive::new(Rc::new(Cell::new(Instant::now())), INTERVAL);
        let ping = keepalive.ping();
        (keepalive, ping)
    }

    /// A client vanishes only after a ping, and only an interval after it was written.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn a_client_without_a_ping_has_not_vanished() {
        let (mut keepalive, ping) = new_keepalive();
        assert!(!vanishes(&mut keepalive, 10).await);
        assert_eq!(ping.due().now_or_never(), Some(()));
        assert_eq!(ping.due().now_or_never(), None, "one ping is due");
        ping.sent();
        assert!(!vanishes(&mut keepalive, 1).await);
        assert!(vanishes(&mut keepalive, 2).await);
    }

    /// A slow reader may not have reached the ping yet.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn a_client_with_unread_frames_has_not_vanished() {
        let (mut keepalive, ping) = new_keepalive();
        assert!(!vanishes(&mut keepalive, 2).await);
        ping.writing();
        ping.sent();
        assert!(!vanishes(&mut keepalive, 10).await);
        ping.written();
        assert!(vanishes(&mut keepalive, 1).await);
    }

    /// An answer resets the state, and the next ping is due after another interval of silence.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn an_answer_resets_the_timer() {
        let (mut keepalive, ping) = new_keepalive();
        for _ in 0..3 {
            assert!(!vanishes(&mut keepalive, 2).await);
            assert_eq!(ping.due().now_or_never(), Some(()));
            ping.sent();
            assert!(!vanishes(&mut keepalive, 1).await);
            keepalive.last.set(Instant::now());
            assert!(!vanishes(&mut keepalive, 1).await);
            assert_eq!(ping.due().now_or_never(), None, "too early");
        }
    }

    /// Received bytes are a sign of life, and so is room in a full send buffer. Writes into the system's buffer are not.
    #[tokio::test(flavor = "current_thread")]
    async fn reading_is_a_sign_of_life() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut client = TcpStream::connect(listener.local_addr().expect("its address")).await.expect("it listens");
        let mut stream = TrackedStream::new(listener.accept().await.expect("a client").0);
        let first = stream.last.get();
        let chunk = vec![0; 1024 * 1024];
        // Readiness of a new socket is not known before it was awaited.
        stream.stream.writable().await.expect("it is open");
        // Until the send buffer is full.
        while stream.write(&chunk).now_or_never().is_some() {}
        let taken = stream.taken.get();
        assert!(taken > 0, "nothing was written");
        assert_eq!(stream.last.get(), first);

        let mut bytes = vec![0; 1024 * 1024];
        let reading = async { while client.read(&mut bytes).await.is_ok_and(|count| count > 0) {} };
        tokio::select! {
            biased; // the reading never ends
            written = stream.write(&chunk) => assert!(written.is_ok_and(|count| count > 0)),
            () = reading => panic!("the connection is over"),
        }
        let second = stream.last.get();
        assert!(second > first);
        assert!(stream.taken.get() > taken);

        client.write_all(b"x").await.expect("it is open");
        stream.read_u8().await.expect("a byte");
        assert!(stream.last.get() > second);
    }
}
