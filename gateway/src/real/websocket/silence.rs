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
    taken: Rc<Cell<u64>>,
}

impl Heard {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, full: false, last: Rc::new(Cell::new(Instant::now())), taken: Rc::default() }
    }

    /// When the client was there.
    pub(super) fn last(&self) -> Rc<Cell<Instant>> {
        Rc::clone(&self.last)
    }

    /// How often bytes were taken.
    pub(super) fn taken(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.taken)
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

/// How long a client has been silent.
pub(super) struct Silence {
    last: Rc<Cell<Instant>>,
    /// None where nobody is asked.
    watch: Option<Watch>,
    question: Rc<Question>,
}

struct Watch {
    interval: Duration,
    timer: Pin<Box<Sleep>>,
}

/// The question whether a client is there, between the one who listens and the one who writes.
#[derive(Default)]
pub(super) struct Question {
    stage: Cell<Stage>,
    /// Whether what is written still waits for the client to take it.
    writing: Cell<bool>,
    due: Notify,
    changed: Notify,
}

#[derive(Clone, Copy, Default)]
enum Stage {
    /// There is no reason to ask.
    #[default]
    Quiet,
    /// The question waits to be written.
    Due,
    /// It was written then.
    Asked(Instant),
}

impl Question {
    /// Waits until it is to be written. Cancel safe.
    pub(super) async fn due(&self) {
        self.due.notified().await;
    }

    /// It has been handed over to be written.
    pub(super) fn asked(&self) {
        self.stage.set(Stage::Asked(Instant::now()));
        self.changed.notify_one();
    }

    /// Something is being written, until it is [`written`](Self::written).
    pub(super) fn writing(&self) {
        self.writing.set(true);
    }

    /// All that was to be written has been taken.
    pub(super) fn written(&self) {
        self.writing.set(false);
        self.changed.notify_one();
    }
}

impl Silence {
    /// A client is asked after an interval of silence, and gone after another; with an interval of zero it is neither.
    pub(super) fn new(last: Rc<Cell<Instant>>, interval: Duration) -> Self {
        let timer = |interval| Box::pin(sleep_until(last.get() + interval));
        let watch = Some(interval).filter(|interval| !interval.is_zero());
        let watch = watch.map(|interval| Watch { interval, timer: timer(interval) });
        Self { last, watch, question: Rc::default() }
    }

    /// What the client is to be asked.
    pub(super) fn question(&self) -> Rc<Question> {
        Rc::clone(&self.question)
    }

    /// Waits until the client is gone. To be waited for only while the socket is read: what nobody reads is no silence.
    /// Cancel safe.
    ///
    /// As long as a write waits for the client nothing is known: the question may be behind it. The write has a timeout
    /// of its own.
    pub(super) async fn over(&mut self) {
        let Some(watch) = &mut self.watch else { return std::future::pending().await };
        let question = &self.question;
        loop {
            watch.timer.as_mut().await;
            let (now, last) = (Instant::now(), self.last.get());
            let since = match question.stage.get() {
                Stage::Quiet if last + watch.interval > now => last,
                Stage::Quiet => {
                    question.stage.set(Stage::Due);
                    question.due.notify_one();
                    continue;
                }
                Stage::Due => {
                    question.changed.notified().await;
                    continue;
                }
                Stage::Asked(asked) if last > asked => {
                    question.stage.set(Stage::Quiet);
                    last
                }
                Stage::Asked(asked) if asked + watch.interval > now => asked,
                Stage::Asked(_) if question.writing.get() => {
                    question.changed.notified().await;
                    continue;
                }
                Stage::Asked(_) => return,
            };
            watch.timer.as_mut().reset(since + watch.interval);
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

    /// Whether the client is found to be gone within so many intervals.
    async fn is_over(silence: &mut Silence, intervals: u32) -> bool {
        // A little less, so that what happens at the very end of an interval has not happened.
        let length = INTERVAL * intervals - Duration::from_millis(1);
        tokio::time::timeout(length, silence.over()).await.is_ok()
    }

    fn silent() -> (Silence, Rc<Question>) {
        let silence = Silence::new(Rc::new(Cell::new(Instant::now())), INTERVAL);
        let question = silence.question();
        (silence, question)
    }

    /// Only who was asked can be found not to answer, and only an interval after that.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn who_was_not_asked_is_not_gone() {
        let (mut silence, question) = silent();
        assert!(!is_over(&mut silence, 10).await);
        assert_eq!(question.due().now_or_never(), Some(()));
        assert_eq!(question.due().now_or_never(), None, "it is asked once");
        question.asked();
        assert!(!is_over(&mut silence, 1).await);
        assert!(is_over(&mut silence, 2).await);
    }

    /// A client that takes what it is told only later may not have come to the question.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn who_still_has_something_to_take_is_not_gone() {
        let (mut silence, question) = silent();
        assert!(!is_over(&mut silence, 2).await);
        question.writing();
        question.asked();
        assert!(!is_over(&mut silence, 10).await);
        question.written();
        assert!(is_over(&mut silence, 1).await);
    }

    /// An answer ends the question, and another is asked after as long a silence as before.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn who_answers_is_there() {
        let (mut silence, question) = silent();
        for _ in 0..3 {
            assert!(!is_over(&mut silence, 2).await);
            assert_eq!(question.due().now_or_never(), Some(()));
            question.asked();
            assert!(!is_over(&mut silence, 1).await);
            silence.last.set(Instant::now());
            assert!(!is_over(&mut silence, 1).await);
            assert_eq!(question.due().now_or_never(), None, "too early");
        }
    }

    /// What comes is a sign of life, and so is room where there was none; what is sent into the void is none.
    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_reads_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut client = TcpStream::connect(listener.local_addr().expect("its address")).await.expect("it listens");
        let mut heard = Heard::new(listener.accept().await.expect("a client").0);
        let first = heard.last.get();
        let chunk = vec![0; 1024 * 1024];
        // A socket that has just come is not known to take anything yet.
        heard.stream.writable().await.expect("it is open");
        // Until the system takes no more.
        while heard.write(&chunk).now_or_never().is_some() {}
        let taken = heard.taken.get();
        assert!(taken > 0, "nothing was written");
        assert_eq!(heard.last.get(), first);

        let mut bytes = vec![0; 1024 * 1024];
        let reading = async { while client.read(&mut bytes).await.is_ok_and(|count| count > 0) {} };
        tokio::select! {
            biased; // the reading never ends
            written = heard.write(&chunk) => assert!(written.is_ok_and(|count| count > 0)),
            () = reading => panic!("the connection is over"),
        }
        let second = heard.last.get();
        assert!(second > first);
        assert!(heard.taken.get() > taken);

        client.write_all(b"x").await.expect("it is open");
        heard.read_u8().await.expect("a byte");
        assert!(heard.last.get() > second);
    }
}
