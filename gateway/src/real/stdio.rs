//! One client on standard input and output, with one frame per line.
//!
//! Reading and writing block, so each has a thread. The gateway sees only the two queues of the connection.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, BufRead, Read, Write};
use std::rc::Rc;
use std::thread::Builder;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::mpsc;

use super::limits::WriteTimeout;
use super::queues::{CLOSE_TIMEOUT, ClosedBy, Incoming, Outgoing, Progress, QueueEnds, QueuedConnection};
use gateway_core::transport::{Connection, Died, Transport};

/// The bytes of one write. Each completed write counts as progress of the client.
const PIECE: usize = 64 * 1024;

/// A transport with a single connection.
pub struct StdioTransport {
    connection: Rc<QueuedConnection>,
    taken: Cell<bool>,
    /// Closed when the writing thread has written everything.
    written: RefCell<mpsc::Receiver<Infallible>>,
}

impl StdioTransport {
    /// Starts the threads that read lines of at most `frame_bytes` bytes from `input` and write lines to `output`.
    #[expect(clippy::disallowed_methods, reason = "the threads of a transport whose reads and writes block")]
    pub fn start(
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
        frame_bytes: usize,
    ) -> io::Result<Self> {
        let (connection, ends) = QueuedConnection::new("stdio".into());
        let QueueEnds { incoming, outgoing, progress } = ends;
        let (writing, written) = mpsc::channel(1);
        Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read(io::BufReader::new(input), frame_bytes, &incoming))?;
        Builder::new().name("stdout".to_owned()).spawn(move || {
            write(output, outgoing, &progress);
            drop(writing);
        })?;
        Ok(Self { connection, taken: Cell::default(), written: RefCell::new(written) })
    }

    /// Waits until the client is gone or has read nothing for the write timeout. Cancel safe.
    pub async fn ended(&self, write_timeout: &WriteTimeout) {
        tokio::select! {
            biased; // either is the end
            () = self.connection.closed() => {}
            () = self.connection.stalled(|| write_timeout.elapsed()) => {}
        }
    }

    /// Closes the connection, even before the gateway has accepted it.
    pub fn close_all(&self) {
        self.connection.close();
    }

    /// Waits until every frame sent before the close is written, or the client reads nothing: for the write timeout after
    /// an orderly close of the client, otherwise for one second. A client that never reads blocks the writing
    /// thread for ever.
    #[expect(clippy::disallowed_methods, reason = "a deadline below the gateway's")]
    pub async fn drained(&self, write_timeout: &WriteTimeout) {
        let timeout = async || match self.connection.closed_by() {
            ClosedBy::Client => write_timeout.elapsed().await,
            ClosedBy::Gateway => tokio::time::sleep(CLOSE_TIMEOUT).await,
        };
        tokio::select! {
            biased; // a write at the last instant counts
            _ = poll_fn(|context| self.written.borrow_mut().poll_recv(context)) => {}
            () = self.connection.stalled(timeout) => {}
        }
    }
}

impl Transport for StdioTransport {
    /// The one client, then `None`.
    fn accept(&self) -> LocalBoxFuture<'_, Option<Rc<dyn Connection>>> {
        let first = !self.taken.replace(true);
        async move { first.then(|| Rc::clone(&self.connection) as _) }.boxed_local()
    }
}

/// Reads lines until the end of the input, or until one is too long or not UTF-8.
fn read(mut input: impl BufRead, frame_bytes: usize, incoming: &mpsc::Sender<Incoming>) {
    loop {
        let mut line = Vec::new();
        let bound = u64::try_from(frame_bytes).unwrap_or(u64::MAX).saturating_add(1);
        let received = match input.by_ref().take(bound).read_until(b'\n', &mut line) {
            Ok(0) => Ok(None),
            Ok(_) if line.len() > frame_bytes => Err(Died),
            Ok(_) => String::from_utf8(line).map(Some).map_err(|_| Died),
            Err(_) => Err(Died),
        };
        let last = !matches!(received, Ok(Some(_)));
        if incoming.blocking_send(received).is_err() || last {
            return;
        }
    }
}

/// Writes lines until the queue ends or the output is closed.
fn write(mut output: impl Write, mut outgoing: mpsc::Receiver<Outgoing>, progress: &Progress) {
    while let Some(frame) = outgoing.blocking_recv() {
        let (text, _room) = frame.into_parts();
        if write_line(&mut output, &text, progress).is_err() {
            return;
        }
    }
}

fn write_line(output: &mut impl Write, text: &str, progress: &Progress) -> io::Result<()> {
    for piece in text.as_bytes().chunks(PIECE) {
        output.write_all(piece)?;
        progress.made();
    }
    output.write_all(b"\n")?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::real::clock::MachineClock;

    /// An output that blocks until it is released, and then accepts everything.
    struct Blocked {
        released: std::sync::mpsc::Receiver<()>,
        read: std::sync::mpsc::Sender<Vec<u8>>,
    }

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // A dropped sender releases it.
            let _ = self.released.recv();
            self.read.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Unread frames at a close are waited for: without a limit (the write timeout is off) after an orderly close of the
    /// client, otherwise for the close timeout, and then nothing is `expected`.
    #[expect(clippy::disallowed_methods, reason = "the time of a test")]
    async fn check_remainder(input: impl Read + Send + 'static, expected: &str) {
        let ((release, released), (read, written)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        let transport = StdioTransport::start(input, Blocked { released, read }, 1024).expect("threads");
        let connection = transport.accept().await.expect("a client");
        assert_eq!(connection.send("answer".to_owned()), Ok(()));
        if !expected.is_empty() {
            assert_eq!(connection.receive().await, Ok(None));
        }
        connection.close();
        let write_timeout = WriteTimeout { clock: Rc::new(MachineClock::start()), length: None };
        let mut drained = Box::pin(transport.drained(&write_timeout));
        // The paused clock advances when no task is ready.
        let later = tokio::time::timeout(CLOSE_TIMEOUT + Duration::from_secs(1), &mut drained).await;
        assert_eq!(later.is_ok(), expected.is_empty(), "{expected}");
        if !expected.is_empty() {
            drop(release);
            drained.await;
            assert_eq!(written.iter().collect::<Vec<_>>().concat(), expected.as_bytes());
        }
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn unread_frames_are_waited_for_after_an_orderly_close() {
        check_remainder(io::empty(), "answer\n").await;
        let (open, _more) = io::pipe().expect("a pipe");
        check_remainder(open, "").await;
    }

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
    async fn a_line_that_is_too_long_ends_the_connection() {
        assert_eq!(first("three\n", 4).await.1, Err(Died));
        assert_eq!(first("threethree", 4).await.1, Err(Died));
    }
}
