//! Moves the frames of one WebSocket between its socket and the queues of its connection.
#![expect(clippy::disallowed_methods, reason = "a socket's deadlines, below the gateway's")]

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, error::ProtocolError};

use super::Endpoint;
use super::keepalive::{Keepalive, Ping, TrackedStream};
use crate::real::limits::{RateLimit, WriteTimeout};
use crate::real::queues::{CLOSE_TIMEOUT, Incoming, Outgoing, Progress, QueueEnds};

pub(super) type Socket = WebSocketStream<TrackedStream>;

/// Why the frames of a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PumpEnd {
    /// One side has closed the socket, or it failed.
    Over,
    /// The client has violated the protocol.
    Refused(CloseCode),
    /// The client has read nothing for the write timeout.
    Stalled,
    /// The client has not answered a ping.
    Vanished,
}

impl PumpEnd {
    /// The label in logs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Refused(_) => "refused",
            Self::Stalled => "takes_nothing",
            Self::Vanished => "vanished",
        }
    }
}

/// Moves frames in both directions until the socket ends.
pub(super) async fn pump(
    socket: Socket,
    endpoint: &Endpoint,
    QueueEnds { incoming, outgoing, progress }: QueueEnds,
) -> PumpEnd {
    let mut keepalive = Keepalive::new(socket.get_ref().last(), endpoint.limits.ping_interval);
    let ping = keepalive.ping();
    let writer = TimedWrite { timeout: &endpoint.write_timeout, taken: socket.get_ref().taken(), progress };
    let (mut sink, mut stream) = socket.split();
    let overdue = async {
        incoming.closed().await;
        tokio::time::sleep(CLOSE_TIMEOUT).await;
    };
    let end = tokio::select! {
        biased; // frames of a client are read before a failed write ends the connection
        end = read(&mut stream, endpoint, &incoming, &mut keepalive) => end,
        end = write(&mut sink, outgoing, &ping, &writer) => end,
        () = overdue => PumpEnd::Over,
    };
    // Without a close by the client the connection counts as lost. The gateway does not wait for the closing handshake.
    drop(incoming);
    if let PumpEnd::Refused(code) = end {
        let closing = async {
            let close = Message::Close(Some(CloseFrame { code, reason: "".into() }));
            if sink.send(close).await.is_ok()
                && let Ok(mut socket) = stream.reunite(sink)
            {
                drain(socket.get_mut()).await;
            }
        };
        // A client that does not read gets no close frame.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
    }
    end
}

/// Reads and discards remaining bytes: closing a socket with unread bytes resets it, and the last frames would be lost.
pub(super) async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}

/// Reads until the end, also after the gateway has closed the connection, because the client's close frame comes last.
async fn read(
    stream: &mut SplitStream<Socket>,
    endpoint: &Endpoint,
    incoming: &mpsc::Sender<Incoming>,
    keepalive: &mut Keepalive,
) -> PumpEnd {
    let mut limit = RateLimit::new(endpoint.limits.requests_per_second);
    loop {
        let message = tokio::select! {
            biased; // a frame that has arrived is in time
            message = stream.next() => message,
            () = keepalive.expired() => return PumpEnd::Vanished,
        };
        let Some(message) = message else { return PumpEnd::Over };
        limit.next().await;
        let received = match message {
            Ok(Message::Text(text)) => {
                endpoint.counters.requested();
                Some(text.as_str().to_owned())
            }
            // The next poll of the stream answers it.
            Ok(Message::Close(_)) => None,
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            // The protocol has text frames only.
            Ok(Message::Binary(_)) => return PumpEnd::Refused(CloseCode::Unsupported),
            Err(Error::Capacity(_)) => return PumpEnd::Refused(CloseCode::Size),
            Err(Error::Utf8(_)) => return PumpEnd::Refused(CloseCode::Invalid),
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return PumpEnd::Over,
            Err(Error::Protocol(_)) => return PumpEnd::Refused(CloseCode::Protocol),
            Err(_) => return PumpEnd::Over,
        };
        // Fails after a close by the gateway.
        let _ = incoming.send(Ok(received)).await;
    }
}

/// Writes the gateway's frames, and a close frame after the last. Returns only when the client cannot be reached.
async fn write(
    sink: &mut SplitSink<Socket, Message>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    ping: &Ping,
    writer: &TimedWrite<'_>,
) -> PumpEnd {
    loop {
        let first = tokio::select! {
            biased; // a due ping is short
            () = ping.due() => None,
            frame = outgoing.recv() => match frame {
                Some(frame) => Some(frame),
                None => break,
            },
        };
        ping.writing();
        let batch = async {
            match first {
                Some(frame) => feed(sink, frame, writer).await?,
                None => {
                    writer.in_time(sink.feed(Message::Ping(Bytes::new()))).await?;
                    ping.sent();
                }
            }
            // Frames that are ready are written together, because a system call costs more than a frame.
            while let Ok(frame) = outgoing.try_recv() {
                feed(sink, frame, writer).await?;
            }
            writer.in_time(sink.flush()).await
        };
        if let Err(end) = batch.await {
            return end;
        }
        ping.written();
    }
    let closing = CloseFrame { code: CloseCode::Away, reason: "".into() };
    match sink.send(Message::Close(Some(closing))).await {
        // The client's close frame ends the read side.
        Ok(()) => pending().await,
        Err(_) => PumpEnd::Over,
    }
}

/// Hands a frame to the library. At most two frames are inside the library, outside of the backlog's count: one in its
/// buffer and one in the slot before it.
async fn feed(sink: &mut SplitSink<Socket, Message>, frame: Outgoing, writer: &TimedWrite<'_>) -> Result<(), PumpEnd> {
    let (text, _room) = frame.into_parts();
    writer.in_time(sink.feed(Message::text(text))).await
}

/// Writes with the write timeout, which restarts with each progress of the client.
struct TimedWrite<'a> {
    timeout: &'a WriteTimeout,
    /// Counts writes to the socket that made progress.
    taken: Rc<Cell<u64>>,
    progress: Progress,
}

impl TimedWrite<'_> {
    /// Completes with the write, or with [`PumpEnd::Stalled`] when there was no progress for the write timeout.
    async fn in_time(&self, writing: impl Future<Output = Result<(), Error>>) -> Result<(), PumpEnd> {
        let mut writing = pin!(writing);
        loop {
            let before = self.taken.get();
            // Polled after the write, which alone changes the count.
            let taken = poll_fn(|_| if self.taken.get() == before { Poll::Pending } else { Poll::Ready(()) });
            tokio::select! {
                biased; // progress at the last instant counts
                written = &mut writing => return written.map_err(|_| PumpEnd::Over),
                () = taken => self.progress.made(),
                () = self.timeout.elapsed() => return Err(PumpEnd::Stalled),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::real::queues::QueuedConnection;
    use gateway_core::clock::{Clock, Millis, Now, Uptime, Wall};

    /// tokio's paused clock, which advances when no task is ready.
    struct Paused(Instant);

    impl Clock for Paused {
        fn now(&self) -> Now {
            let millis = u64::try_from(self.0.elapsed().as_millis()).expect("a short test");
            Now { uptime: Uptime(millis), wall: Wall(millis) }
        }

        fn sleep_until(&self, deadline: Uptime) -> LocalBoxFuture<'static, ()> {
            tokio::time::sleep_until(self.0 + Duration::from_millis(deadline.0)).boxed_local()
        }

        fn sleep_until_wall(&self, deadline: Wall) -> LocalBoxFuture<'static, ()> {
            self.sleep_until(Uptime(deadline.0))
        }
    }

    /// A long frame may take longer than the write timeout, which restarts with every part of it.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn a_slow_reader_of_a_long_frame_is_not_disconnected() {
        let timeout = WriteTimeout { clock: Rc::new(Paused(Instant::now())), length: Some(Millis(100)) };
        let (_connection, ends) = QueuedConnection::new("client".into());
        let writer = TimedWrite { timeout: &timeout, taken: Rc::default(), progress: ends.progress };
        let parts = async || {
            for _ in 0..10 {
                sleep(Duration::from_millis(90)).await;
                writer.taken.update(|times| times + 1);
            }
        };
        let ends = async {
            parts().await;
            Ok(())
        };
        assert_eq!(writer.in_time(ends).await, Ok(()));

        let began = Instant::now();
        let stops = async {
            parts().await;
            pending().await
        };
        assert_eq!(writer.in_time(stops).await, Err(PumpEnd::Stalled));
        assert_eq!(began.elapsed(), Duration::from_millis(10 * 90 + 100));
    }
}
