//! A client that says nothing: is it still there?
//!
//! A machine that vanishes says no goodbye, and the system does not miss it as long as nothing is sent. So a client that
//! has been silent for a while is asked, with a ping, which its library answers by itself; one that is silent for as
//! long again is gone. A ping, and not TCP's own keepalive: that is answered by whatever ends the TCP connection, be it
//! a proxy in between or the system of a client that hangs.
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

/// A socket that remembers when its client was last known to be there.
///
/// That is when bytes came, also in the middle of a long message. And when bytes were taken that there had been no room
/// for: who is slow to read what it is told comes to our question last.
pub(super) struct Heard {
    stream: TcpStream,
    full: bool,
    last: Rc<Cell<Instant>>,
}

impl Heard {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, full: false, last: Rc::new(Cell::new(Instant::now())) }
    }

    /// When the client was there.
    pub(super) fn last(&self) -> Rc<Cell<Instant>> {
        Rc::clone(&self.last)
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buf);
        if read.is_ready() {
            self.last.set(Instant::now());
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() && self.full {
            self.last.set(Instant::now());
        }
        self.full = written.is_pending();
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How long a client has been silent.
pub(super) struct Silence {
    last: Rc<Cell<Instant>>,
    /// None where nobody is asked.
    watch: Option<Watch>,
    asking: Rc<Notify>,
}

struct Watch {
    interval: Duration,
    timer: Pin<Box<Sleep>>,
    /// When the client was asked last.
    asked: Option<Instant>,
}

impl Silence {
    /// A client is asked after an interval of silence, and gone after another; with an interval of zero it is neither.
    pub(super) fn new(last: Rc<Cell<Instant>>, interval: Duration) -> Self {
        let timer = |interval| Box::pin(sleep_until(last.get() + interval));
        let watch = Some(interval).filter(|interval| !interval.is_zero());
        let watch = watch.map(|interval| Watch { interval, timer: timer(interval), asked: None });
        Self { last, watch, asking: Rc::default() }
    }

    /// Told whenever the client should be asked.
    pub(super) fn asking(&self) -> Rc<Notify> {
        Rc::clone(&self.asking)
    }

    /// Waits until the client is gone. To be waited for only while the socket is read: what nobody reads is no silence.
    /// Cancel safe.
    pub(super) async fn over(&mut self) {
        let Some(watch) = &mut self.watch else { return std::future::pending().await };
        loop {
            watch.timer.as_mut().await;
            let now = Instant::now();
            let last = self.last.get();
            let next = if watch.asked.is_some_and(|asked| last <= asked) {
                return;
            } else if last + watch.interval > now {
                watch.asked = None;
                last
            } else {
                watch.asked = Some(now);
                self.asking.notify_one();
                now
            };
            watch.timer.as_mut().reset(next + watch.interval);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What comes is a sign of life, and so is room where there was none; what is sent into the void is none.
    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_reads_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut client = TcpStream::connect(listener.local_addr().expect("its address")).await.expect("it listens");
        let mut heard = Heard::new(listener.accept().await.expect("a client").0);
        let first = heard.last.get();
        let chunk = vec![0; 1024 * 1024];
        // Until the system takes no more.
        while heard.write(&chunk).now_or_never().is_some() {}
        assert_eq!(heard.last.get(), first);

        let mut taken = vec![0; 1024 * 1024];
        let reading = async { while client.read(&mut taken).await.is_ok_and(|count| count > 0) {} };
        tokio::select! {
            biased; // the reading never ends
            written = heard.write(&chunk) => assert!(written.is_ok_and(|count| count > 0)),
            () = reading => panic!("the connection is over"),
        }
        let second = heard.last.get();
        assert!(second > first);

        client.write_all(b"x").await.expect("it is open");
        heard.read_u8().await.expect("a byte");
        assert!(heard.last.get() > second);
    }
}
