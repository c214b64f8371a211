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
use tokio::sync::mpsc;

use super::limits::Patience;
use super::queues::{Ends, FAREWELL, Incoming, LastWord, Outgoing, Progress, QueuedConnection};
use gateway_core::transport::{Connection, Died, Transport};

/// How much is written in one go; with every piece it shows that the client is there.
const PIECE: usize = 64 * 1024;

/// The one connection, and its end.
pub struct StdioTransport {
    connection: Rc<QueuedConnection>,
    taken: Cell<bool>,
    /// Closed when everything has been written.
    written: RefCell<mpsc::Receiver<Infallible>>,
}

impl StdioTransport {
    /// Begins to read lines of at most `frame_bytes` from `input`, and to write lines to `output`.
    #[expect(clippy::disallowed_methods, reason = "the threads of a transport whose reads and writes block")]
    pub fn start(
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
        frame_bytes: usize,
    ) -> io::Result<Self> {
        let (connection, ends) = QueuedConnection::new("stdio".into());
        let Ends { incoming, outgoing, progress } = ends;
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

    /// Waits until the client is gone, or has taken nothing for so long of what it is to be told.
    pub async fn ended(&self, patience: &Patience) {
        tokio::select! {
            biased; // either is the end
            () = self.connection.closed() => {}
            () = self.connection.stalled(|| patience.over()) => {}
        }
    }

    /// Closes the connection, also when the gateway does not know of it yet.
    pub fn dismiss(&self) {
        self.connection.close();
    }

    /// Waits until everything has been written that was sent before the connection was closed, as long as somebody takes
    /// it: a client that reads nothing keeps the writing thread for ever. One that has said all that it had to say has as
    /// long as ever to take what comes of it.
    #[expect(clippy::disallowed_methods, reason = "a deadline below the gateway's")]
    pub async fn drained(&self, patience: &Patience) {
        let patience = async || match self.connection.last_word() {
            LastWord::Clients => patience.over().await,
            LastWord::Ours => tokio::time::sleep(FAREWELL).await,
        };
        tokio::select! {
            biased; // what was written at the last instant was written
            _ = poll_fn(|context| self.written.borrow_mut().poll_recv(context)) => {}
            () = self.connection.stalled(patience) => {}
        }
    }
}

impl Transport for StdioTransport {
    /// The one client; then nobody any more.
    fn accept(&self) -> LocalBoxFuture<'_, Option<Rc<dyn Connection>>> {
        let first = !self.taken.replace(true);
        async move { first.then(|| Rc::clone(&self.connection) as _) }.boxed_local()
    }
}

/// Reads lines until the end of the input, or until one is no frame.
fn read(mut input: impl BufRead, frame_bytes: usize, incoming: &mpsc::Sender<Incoming>) {
    loop {
        let mut line = Vec::new();
        let bound = u64::try_from(frame_bytes).unwrap_or(u64::MAX).saturating_add(1);
        let told = match input.by_ref().take(bound).read_until(b'\n', &mut line) {
            Ok(0) => Ok(None),
            Ok(_) if line.len() > frame_bytes => Err(Died),
            Ok(_) => String::from_utf8(line).map(Some).map_err(|_| Died),
            Err(_) => Err(Died),
        };
        let last = !matches!(told, Ok(Some(_)));
        if incoming.blocking_send(told).is_err() || last {
            return;
        }
    }
}

/// Writes lines until there are no more, or nobody reads them.
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

    /// Somebody who takes nothing before being told to, and then everything.
    struct Late {
        told: std::sync::mpsc::Receiver<()>,
        read: std::sync::mpsc::Sender<Vec<u8>>,
    }

    impl Write for Late {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Once there is nobody any more who could tell, it was told.
            let _ = self.told.recv();
            self.read.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is not taken when a connection is closed is waited for: as long as a client may take nothing, here for ever,
    /// if it has said all that it had to say, and for a moment otherwise. Then nothing is `expected`.
    #[expect(clippy::disallowed_methods, reason = "the time of a test")]
    async fn check_remainder(input: impl Read + Send + 'static, expected: &str) {
        let ((tell, told), (read, heard)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        let transport = StdioTransport::start(input, Late { told, read }, 1024).expect("threads");
        let connection = transport.accept().await.expect("a client");
        assert_eq!(connection.send("answer".to_owned()), Ok(()));
        if !expected.is_empty() {
            assert_eq!(connection.receive().await, Ok(None));
        }
        connection.close();
        let patience = Patience { clock: Rc::new(MachineClock::start()), length: None };
        let mut drained = Box::pin(transport.drained(&patience));
        // The time of the test passes at once when nobody has anything to do.
        let later = tokio::time::timeout(FAREWELL + Duration::from_secs(1), &mut drained).await;
        assert_eq!(later.is_ok(), expected.is_empty(), "{expected}");
        if !expected.is_empty() {
            drop(tell);
            drained.await;
            assert_eq!(heard.iter().collect::<Vec<_>>().concat(), expected.as_bytes());
        }
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn who_has_said_all_may_take_its_time_to_listen() {
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
    async fn a_line_that_is_too_long_is_the_end() {
        assert_eq!(first("three\n", 4).await.1, Err(Died));
        assert_eq!(first("threethree", 4).await.1, Err(Died));
    }
}
