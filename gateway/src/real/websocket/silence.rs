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

/// A socket that remembers when something came from it last. A long frame is no silence, though it is one message.
pub(super) struct Heard {
    stream: TcpStream,
    last: Rc<Cell<Instant>>,
}

impl Heard {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, last: Rc::new(Cell::new(Instant::now())) }
    }

    /// When something came last.
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
        Pin::new(&mut self.stream).poll_write(context, bytes)
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
