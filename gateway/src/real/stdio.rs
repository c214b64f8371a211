//! One client on standard input and output: the frames of a WebSocket, one a line.
//!
//! Reading and writing block, so each has a thread; two queues are all that the gateway sees of them.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, BufRead, Read, Write};
use std::rc::Rc;
use std::thread::Builder;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};

use crate::transport::{Connection, Died, Transport, Unsent};

/// How many lines wait in either direction.
const WAITING_MAX: usize = 64;

/// The one connection, and its end.
pub struct StdioTransport {
    connection: RefCell<Option<Rc<dyn Connection>>>,
    /// Closed when everything has been written.
    written: RefCell<mpsc::Receiver<Infallible>>,
    ended: Rc<Notify>,
}

struct StdioConnection {
    incoming: RefCell<mpsc::Receiver<Result<String, Died>>>,
    /// None once the connection is closed from our side.
    outgoing: RefCell<Option<mpsc::Sender<String>>>,
    closed: Cell<bool>,
    closing: Notify,
    ended: Rc<Notify>,
}

impl StdioTransport {
    /// Begins to read lines of at most `frame_bytes` from `input`, and to write lines to `output`.
    #[expect(clippy::disallowed_methods, reason = "the threads of a transport whose reads and writes block")]
    pub fn start(
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
        frame_bytes: usize,
    ) -> io::Result<Self> {
        let (incoming, received) = mpsc::channel(WAITING_MAX);
        let (sent, outgoing) = mpsc::channel(WAITING_MAX);
        let (writing, written) = mpsc::channel(1);
        Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read(io::BufReader::new(input), frame_bytes, &incoming))?;
        Builder::new().name("stdout".to_owned()).spawn(move || {
            write(output, outgoing);
            drop(writing);
        })?;
        let ended = Rc::new(Notify::new());
        let connection = StdioConnection {
            incoming: RefCell::new(received),
            outgoing: RefCell::new(Some(sent)),
            closed: Cell::new(false),
            closing: Notify::new(),
            ended: Rc::clone(&ended),
        };
        Ok(Self { connection: RefCell::new(Some(Rc::new(connection))), written: RefCell::new(written), ended })
    }

    /// Waits until the client is gone.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Waits until everything has been written that was sent before the connection was closed.
    pub async fn drained(&self) {
        poll_fn(|context| self.written.borrow_mut().poll_recv(context)).await;
    }
}

impl Transport for StdioTransport {
    /// The one client; then nobody any more.
    fn accept(&self) -> LocalBoxFuture<'_, Option<Rc<dyn Connection>>> {
        async { self.connection.borrow_mut().take() }.boxed_local()
    }
}

impl Connection for StdioConnection {
    fn name(&self) -> &str {
        "stdio"
    }

    #[expect(clippy::disallowed_methods, reason = "a transport of the machine's own, of which no simulation knows")]
    fn receive(&self) -> LocalBoxFuture<'_, Result<Option<String>, Died>> {
        async move {
            // A peer that writes faster than frames are read would never let anybody else have a turn.
            tokio::task::yield_now().await;
            // Made before the test: a waiter that exists when `close` runs is woken by it.
            let closing = self.closing.notified();
            if self.closed.get() {
                return Ok(None);
            }
            tokio::select! {
                biased; // a connection that is closed has no next frame
                () = closing => Ok(None),
                line = poll_fn(|context| self.incoming.borrow_mut().poll_recv(context)) => line.transpose(),
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
        self.ended.notify_one();
    }
}

/// Reads lines until the end of the input, or until one is no frame.
fn read(mut input: impl BufRead, frame_bytes: usize, incoming: &mpsc::Sender<Result<String, Died>>) {
    loop {
        let mut line = Vec::new();
        let bound = u64::try_from(frame_bytes).unwrap_or(u64::MAX).saturating_add(1);
        let told = match input.by_ref().take(bound).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) if line.len() > frame_bytes => Err(Died),
            Ok(_) => String::from_utf8(line).map_err(|_| Died),
            Err(_) => Err(Died),
        };
        let died = told.is_err();
        if incoming.blocking_send(told).is_err() || died {
            return;
        }
    }
}

/// Writes lines until there are no more, or nobody reads them.
fn write(mut output: impl Write, mut outgoing: mpsc::Receiver<String>) {
    while let Some(frame) = outgoing.blocking_recv() {
        if writeln!(output, "{frame}").and_then(|()| output.flush()).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn first(input: &'static str, frame_bytes: usize) -> (Rc<dyn Connection>, Result<Option<String>, Died>) {
        let transport = StdioTransport::start(input.as_bytes(), io::sink(), frame_bytes).expect("threads");
        let connection = transport.accept().await.expect("a client");
        assert!(transport.accept().await.is_none());
        let received = connection.receive().await;
        (connection, received)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_line_is_a_frame() {
        let (connection, received) = first("one\ntwo", 4).await;
        assert_eq!(received, Ok(Some("one\n".to_owned())));
        assert_eq!(connection.receive().await, Ok(Some("two".to_owned())));
        assert_eq!(connection.receive().await, Ok(None));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_line_that_is_too_long_is_the_end() {
        assert_eq!(first("three\n", 4).await.1, Err(Died));
        assert_eq!(first("threethree", 4).await.1, Err(Died));
    }
}
